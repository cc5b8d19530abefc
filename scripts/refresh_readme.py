"""Runs the Python of README.md and writes what it prints behind its `# => ` marks."""

import contextlib
import io
import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
MARK = "# => "


def main() -> None:
    """Rewrite the README in place."""
    names: dict[str, object] = {}

    def refreshed(block: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(block[1], names)  # noqa: S102 - the README is ours
        said = iter(printed.getvalue().splitlines())
        lines = [
            MARK + next(said) if line.startswith(MARK) else line for line in block[1].split("\n")
        ]
        return "```python\n" + "\n".join(lines) + "```"

    text = README.read_text(encoding="utf-8")
    README.write_text(re.sub(r"```python\n(.*?)```", refreshed, text, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    main()
