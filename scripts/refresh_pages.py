"""Write what the code of docs/ prints now: python -m scripts.refresh_pages [PAGE]..."""

import sys
import tempfile
from pathlib import Path

from scripts.docs.running import pages, refreshed


def main() -> None:
    """Rewrite the pages named, or all, in place."""
    for page in map(Path, sys.argv[1:]) if sys.argv[1:] else pages():
        with tempfile.TemporaryDirectory() as folder:
            text = refreshed(page.read_text("utf-8"), Path(folder))
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
