"""Links of a page that leave docs/, such as ../examples/README.md: where they lead on a site.

In a checkout such a link finds its file. On a site there is nothing there, so the file is put into
it, under `repository/`, as it is: a page would need its own links turned too.
"""

from __future__ import annotations

import posixpath
import re

BESIDE = "repository"
LINK = re.compile(r"(?<=\]\()(?:\.\./)+[^)#\s]+")


def leaving(text: str, page: str) -> set[str]:
    """Return the paths in the repository that the links of a page lead to outside docs/.

    Args:
        text: Of the page.
        page: Its path in docs/.
    """
    return {path for link in LINK.findall(text) if (path := _outside(link, page)) is not None}


def turned(text: str, page: str) -> str:
    """Return the page with its links outside docs/ turned to the copies on the site."""

    def one(link: re.Match[str]) -> str:
        path = _outside(link[0], page)
        if path is None:
            return link[0]
        return posixpath.relpath(site_path(path), posixpath.dirname(page) or ".")

    return LINK.sub(one, text)


def site_path(path: str) -> str:
    """Return where a file of the repository stands on the site."""
    return f"{BESIDE}/{path}.txt" if path.endswith(".md") else f"{BESIDE}/{path}"


def _outside(link: str, page: str) -> str | None:
    """Return the path in the repository that a link leads to, None where within docs/."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if path.startswith(("docs/", "..")) else path
