"""The commands joined into one program."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from fluxcost.cli import (
    audit,
    bill,
    breakeven,
    calibrations,
    cost,
    dashboard,
    diff,
    export,
    fields,
    latency,
    plan,
    prices,
    quality,
    reconcile,
    sensitivity,
    simulate,
    transfer,
    validate,
)
from fluxcost.command_line import Version, run_program

NO_ANSWER = 1
"""Exit code where the question is good, but nothing measured, priced or feasible answers it."""

app = typer.Typer(
    name="fluxcost",
    help="What a generated image costs and how many GPUs to rent, from real measurements.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    latency.latency,
    transfer.transfer,
    cost.cost,
    bill.bill,
    breakeven.breakeven,
    plan.plan,
    export.export,
    simulate.simulate,
    sensitivity.sensitivity,
    diff.diff,
    reconcile.reconcile,
    prices.prices,
    calibrations.calibrations,
    quality.quality,
    fields.fields,
    validate.validate,
    audit.audit,
    dashboard.dashboard,
):
    app.command()(command)


@app.callback()
def options(*, version: Version = False) -> None:
    """What a generated image costs and how many GPUs to rent, from real measurements."""


def main() -> None:
    """Run the program on the arguments of the process and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; a user's mistake is one sentence on stderr."""
    return run_program(app, arguments, command="fluxcost", name="fluxcost", failed=NO_ANSWER)
