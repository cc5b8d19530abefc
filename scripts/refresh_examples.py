"""Write the answer of each example into examples/README.md: python scripts/refresh_examples.py.

Answers are those of one day, so that they change with prices and timings and not with the calendar.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import re
import runpy
from pathlib import Path

import fluxcost as fc

EXAMPLES = Path(__file__).parent.parent / "examples"
PAGE = EXAMPLES / "README.md"
TODAY = dt.date(2026, 11, 24)
ROW = re.compile(
    r"^\| `(?P<file>\w+\.(?:yaml|py))` \| (?P<who>[^|]*) \| (?P<range>[^|]*) \|[^|]*\|$",
    re.MULTILINE,
)
"""A line of a table: file, who asks, range of the answer, answer."""

MARK = "Answer: "


def plan_of(path: Path) -> fc.Plan:
    """Return the best plan of a workload file, by the example records where quality is asked."""
    workload = fc.load_workload(path)
    own = [fc.load_quality(each) for each in sorted((EXAMPLES / "quality").glob("*.yaml"))]
    return fc.plan(workload, today=TODAY, qualities=own if workload.quality else None).best


def said_of(plan: fc.Plan) -> str:
    """Return what a plan answers, in a line."""
    what = f"{plan.gpus} x {plan.gpu}, " if plan.gpus else ""
    per = "" if plan.mode == "deadline" else " a month"
    return f"{what}{plan.option}: {plan.total:,.0f} USD{per}"


def run(path: Path) -> tuple[float, str]:
    """Run a script on the day; return the number it answers with, and its answer in words."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        value = runpy.run_path(str(path))["main"](TODAY)
    return value, printed.getvalue().splitlines()[-1].removeprefix(MARK).rstrip(".")


def page(text: str) -> str:
    """Return the page with every answer made anew."""

    def refreshed(row: re.Match[str]) -> str:
        path = EXAMPLES / row["file"]
        said = run(path)[1] if path.suffix == ".py" else said_of(plan_of(path))
        return f"| `{path.name}` | {row['who']} | {row['range']} | {said} |"

    return ROW.sub(refreshed, text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
