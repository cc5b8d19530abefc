"""`python -m measure`: the commands joined into one program."""

from __future__ import annotations

from collections.abc import Callable

import typer

from fluxcost.errors import FluxcostError
from measure.commands.check import check
from measure.commands.cold_start import cold_start
from measure.commands.compare import compare
from measure.commands.endpoint import endpoint
from measure.commands.importing import import_timings
from measure.commands.merge import merge
from measure.commands.quality import quality
from measure.commands.report import report
from measure.commands.run import run
from measure.commands.scenarios import scenarios
from measure.commands.serve import serve
from measure.commands.suites import suites

COMMANDS: dict[str, Callable[..., None]] = {
    "run": run,
    "scenarios": scenarios,
    "cold-start": cold_start,
    "report": report,
    "compare": compare,
    "check": check,
    "merge": merge,
    "import": import_timings,
    "quality": quality,
    "suites": suites,
    "serve": serve,
    "endpoint": endpoint,
}
"""In the order that help lists them."""

app = typer.Typer(
    help="Time real image generation and write calibrations.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for name, command in COMMANDS.items():
    app.command(name)(command)


def main() -> None:
    """Run the command line; a user's mistake is one sentence on stderr and exit code 2."""
    try:
        app()
    except FluxcostError as error:
        typer.echo(f"measure: {error}", err=True)
        raise SystemExit(2) from None
