"""What MkDocs calls while it builds the site: pages from code, and links that leave docs/.

A page in docs/ may link to a file elsewhere in the repository, such as ../examples/README.md. On a
site there is nothing there, so such files are put into it, under `repository/`.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from scripts.docs.commands import command_page
from scripts.docs.constants import constants_page
from scripts.docs.formats import price_page, workload_page
from scripts.docs.reference import reference_pages

ROOT = Path(__file__).parent.parent.parent
BESIDE = "repository"
LINK = re.compile(r"(?<=\]\()(?:\.\./)+[^)#\s]+")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are written from code, and the files that pages link to outside docs/."""
    pages = {
        **reference_pages(),
        "reference/commands.md": command_page(),
        "reference/constants.md": constants_page(),
        "reference/prices.md": price_page(),
        "reference/workloads.md": workload_page(),
        "boundaries.md": boundaries_page(),
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    linked = {
        outside
        for file in files.documentation_pages()
        for link in LINK.findall(file.content_string)
        if (outside := _outside(link, file.src_uri)) is not None
    }
    for path in sorted(linked):
        if (ROOT / path).is_file():
            # A page of its own would have to be in the navigation: it is shown as it is.
            files.append(File.generated(config, _beside(path), content=(ROOT / path).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that leave docs/ to the copies on the site."""

    def turned(link: re.Match[str]) -> str:
        outside = _outside(link[0], page.file.src_uri)
        if outside is None:
            return link[0]
        here = posixpath.dirname(page.file.src_uri) or "."
        return posixpath.relpath(_beside(outside), here)

    return LINK.sub(turned, markdown)


def boundaries_page() -> str:
    """Return the README's section of known boundaries as a page, so that it is said once."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## Known boundaries\n(.*?)(?=^## |\Z)", readme, re.DOTALL | re.MULTILINE)
    assert section is not None  # noqa: S101 - a README without it is not this one's
    return "# Known boundaries\n" + section[1].replace("](docs/", "](")


def _outside(link: str, page: str) -> str | None:
    """Return the path in the repository that a page's link leads to, None where in docs/."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if path.startswith(("docs/", "..")) else path


def _beside(path: str) -> str:
    return f"{BESIDE}/{path}.txt" if PurePosixPath(path).suffix == ".md" else f"{BESIDE}/{path}"
