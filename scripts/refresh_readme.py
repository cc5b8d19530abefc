"""Write what the code of README.md prints now: python -m scripts.refresh_readme."""

import tempfile
from pathlib import Path

from scripts.docs.running import ROOT, refreshed

README = ROOT / "README.md"


def main() -> None:
    """Rewrite the README in place."""
    with tempfile.TemporaryDirectory() as folder:
        text = refreshed(README.read_text("utf-8"), Path(folder))
    README.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
