"""Pages whose code runs: what a page says is printed is what its code prints now.

Three kinds of blocks, in the order of the page, in a folder of its own with `examples/` beside it:

- python: runs; each line `# => ` is a line it prints, the names stay for the next block.
- any language with a title: is written to the file the title names.
- console: runs where it shows what its commands print; else it only tells what to type. A line
  `...` stands for lines left out. It may use `fluxcost`, `python -m measure`, `echo $?`, `> FILE`.

A constant that a page states in backquotes, `NAME = value`, has the value the code gives it.
Prices are judged on the day `DAY`, so that a page stays true as days pass.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from scripts.docs.constants import with_constants

ROOT = Path(__file__).resolve().parents[2]
DAY = dt.date(2026, 11, 24)
BESIDE = ("examples", "tests")
MARK = "# =>"
PROMPT = "$ "
WIDTH = 92
"""Columns of the tables that commands print: what a page holds without scrolling sideways."""

LEFT_OUT = "..."
GOES_ON = "\\\n"
TYPED = re.compile(r"^\$ (?:.*\\\n)*.*\n", flags=re.MULTILINE)
"""A command, which goes on in the next line after a backslash."""

BLOCK = re.compile(
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<body>.*?)^```$",
    flags=re.DOTALL | re.MULTILINE,
)


def pages() -> list[Path]:
    """Return every page of docs/ that someone wrote."""
    return sorted((ROOT / "docs").rglob("*.md"))


def refreshed(text: str, folder: Path) -> str:
    """Return a page with what its blocks print, and what its constants are, now.

    Args:
        text: Of the page.
        folder: An empty one, for the files of the page.

    Raises:
        ValueError: A block prints more or fewer lines than its marks, or a command is not known.
    """
    for name in BESIDE:
        (folder / name).symlink_to(ROOT / name)
    names: dict[str, object] = {}
    shell = _Shell()

    def one(block: re.Match[str]) -> str:
        body = block["body"]
        if block["title"] is not None:
            path = folder / block["title"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8")
        elif block["language"] == "python":
            body = _python(body, names)
        elif block["language"] == "console" and _shows_output(body):
            body = "".join(shell.transcript(body))
        return block.string[block.start() : block.start("body")] + body + "```"

    with (
        contextlib.chdir(folder),
        _on(DAY),
        mock.patch("fluxcost.cli.output.PIPED_WIDTH", WIDTH),
    ):
        return with_constants(BLOCK.sub(one, text))


def count(text: str) -> int:
    """Return how many blocks of a page run."""
    return sum(
        block["language"] == "python"
        or (block["language"] == "console" and _shows_output(block["body"]))
        for block in BLOCK.finditer(text)
        if block["title"] is None
    )


def _python(body: str, names: dict[str, object]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(body, "page", "exec"), names)  # noqa: S102 - the pages are ours
    said = printed.getvalue().splitlines()
    marked = [line.startswith(MARK) for line in body.splitlines()]
    if len(said) != sum(marked):
        raise ValueError(f"a block with {sum(marked)} marks prints {len(said)} lines:\n{body}")
    lines = iter(said)
    return "".join(
        (f"{MARK} {next(lines)}".rstrip() if is_mark else line) + "\n"
        for line, is_mark in zip(body.splitlines(), marked, strict=True)
    )


def _shows_output(body: str) -> bool:
    return bool(TYPED.sub("", body))


class _Shell:
    """Commands of a page, run in this process one after the other."""

    def __init__(self) -> None:
        self.code = 0

    def transcript(self, body: str) -> Iterator[str]:
        """Yield the lines of a transcript with what its commands print now."""
        for entry in re.split(rf"^(?={re.escape(PROMPT)})", body, flags=re.MULTILINE)[1:]:
            typed = TYPED.match(entry)
            assert typed is not None  # noqa: S101 - an entry begins with its command
            yield typed[0]
            printed = self._run(typed[0].replace(GOES_ON, " ").removeprefix(PROMPT).strip())
            shown = entry[typed.end() :].splitlines()
            yield from (f"{line}\n" for line in _shortened(printed, shown))

    def _run(self, typed: str) -> list[str]:
        if typed == "echo $?":
            return [str(self.code)]
        command, _, target = typed.partition(" > ")
        program = _program([word for each in shlex.split(command) for word in _files(each)])
        out, told = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
            self.code = program()
        if target:
            Path(target).write_text(out.getvalue(), encoding="utf-8")
            out = io.StringIO()
        return [line.rstrip() for line in (out.getvalue() + told.getvalue()).splitlines()]


def _files(word: str) -> list[str]:
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


def _program(words: list[str]) -> Callable[[], int]:
    from fluxcost.cli.app import run

    if words[0] == "fluxcost":
        return lambda: run(words[1:])
    if words[:3] == ["python", "-m", "measure"]:
        return lambda: _measure(words[3:])
    raise ValueError(f"a page shows what {' '.join(words)!r} prints; it is not run on pages.")


def _measure(arguments: list[str]) -> int:
    from measure.cli import main

    try:
        with mock.patch.object(sys, "argv", ["python -m measure", *arguments]):
            main()
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def _shortened(printed: list[str], shown: list[str]) -> list[str]:
    """Return what was printed, with as many lines left out as the page leaves out."""
    if LEFT_OUT not in shown:
        return printed
    first = shown.index(LEFT_OUT)
    last = len(shown) - first - 1
    return [*printed[:first], LEFT_OUT, *(printed[-last:] if last else [])]


@contextlib.contextmanager
def _on(day: dt.date) -> Iterator[None]:
    """Let prices be judged on a day, wherever the current one is asked for."""
    from fluxcost.economics import price_row

    asked = price_row.today_utc
    holders = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("fluxcost.") and getattr(module, "today_utc", None) is asked
    ]
    with contextlib.ExitStack() as stack:
        for module in holders:
            stack.enter_context(mock.patch.object(module, "today_utc", return_value=day))
        yield
