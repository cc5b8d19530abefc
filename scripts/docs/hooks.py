"""What MkDocs calls while it builds the site, to add the pages and files that docs/ lacks."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from scripts.docs.commands import command_page
from scripts.docs.constants import constants_page
from scripts.docs.formats import answer_page, price_page, use_page, workload_page
from scripts.docs.links import leaving, site_path, turned
from scripts.docs.reference import reference_pages

ROOT = Path(__file__).resolve().parents[2]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are written from code, and the files that pages link to outside docs/."""
    for path, text in written_pages().items():
        files.append(File.generated(config, path, content=text))
    linked = {
        path
        for page in files.documentation_pages()
        for path in leaving(page.content_string, page.src_uri)
    }
    for path in sorted(linked):
        # A link to what is not there is left to MkDocs, which names page and link and stops.
        if (ROOT / path).is_file():
            content = (ROOT / path).read_bytes()
            files.append(File.generated(config, site_path(path), content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that leave docs/ to the copies on the site."""
    return turned(markdown, page.file.src_uri)


def written_pages() -> dict[str, str]:
    """Return the pages that are written from code, by their path."""
    return {
        **reference_pages(),
        "reference/answers.md": answer_page(),
        "reference/commands.md": command_page(),
        "reference/constants.md": constants_page(),
        "reference/prices.md": price_page(),
        "reference/uses.md": use_page(),
        "reference/workloads.md": workload_page(),
    }
