"""The commands joined into one program, and the one place where errors become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from fluxcost.cli import (
    audit,
    billing,
    dashboard,
    exporting,
    fields,
    lists,
    money,
    plans,
    quality,
    reconciling,
    risk,
    simulating,
    timing,
    transferring,
    truth,
)
from fluxcost.errors import FluxcostError, InputError
from fluxcost.version import version

OK = 0
NO_ANSWER = 1
"""The question is fine; nothing measured, priced or feasible answers it."""
BAD_INPUT = 2

app = typer.Typer(
    name="fluxcost",
    help="What a generated image costs and how many GPUs to rent, from real measurements.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    timing.latency,
    transferring.transfer,
    money.cost,
    billing.bill,
    money.breakeven,
    plans.plan,
    exporting.export,
    simulating.simulate,
    risk.sensitivity,
    risk.diff,
    reconciling.reconcile,
    lists.prices,
    lists.calibrations,
    quality.quality,
    fields.fields,
    truth.validate,
    audit.audit,
    dashboard.dashboard,
):
    app.command()(command)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer's signature
    if asked:
        print(f"fluxcost {version()}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
) -> None:
    """What a generated image costs and how many GPUs to rent, from real measurements."""


def main() -> None:
    """Run the program on the arguments of the process and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; a user's mistake is one sentence on stderr."""
    try:
        app(list(arguments) or ["--help"], prog_name="fluxcost", standalone_mode=False)
    except InputError as error:
        return _fail(str(error), BAD_INPUT)
    except FluxcostError as error:
        return _fail(str(error), NO_ANSWER)
    except TyperException as error:
        return _fail(error.format_message(), BAD_INPUT)
    except (Abort, KeyboardInterrupt):
        return _fail("interrupted.", NO_ANSWER)
    return OK


def _fail(message: str, code: int) -> int:
    sentence = " ".join(message.split())
    print(f"fluxcost: {sentence}", file=sys.stderr)
    return code
