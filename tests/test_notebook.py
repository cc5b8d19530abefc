"""The notebook runs, and what it shows is what it was kept with."""

import re
import runpy
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parent.parent
REFRESH = runpy.run_path(str(ROOT / "scripts" / "refresh_notebook.py"))


def shown(notebook: Any) -> list[str]:
    """Return the text of every output; of a drawing, its words, whatever fonts measure."""
    texts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            drawing = output.get("data", {}).get("image/svg+xml")
            if drawing is not None:
                texts += re.findall(r"<text[^>]*>([^<]+)<", drawing)
            else:
                texts.append(output.get("text") or output["data"]["text/plain"])
    return texts


def test_it_shows_what_it_was_kept_with():
    kept = nbformat.read(REFRESH["NOTEBOOK"], as_version=4)
    fresh = shown(REFRESH["executed"]())
    assert fresh == shown(kept), "run scripts/refresh_notebook.py"
    assert any("USD a month" in text for text in fresh)
