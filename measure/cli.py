"""`python -m measure`: the commands joined into one program."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from fluxcost.command_line import BAD_INPUT, Version, fail, run_program
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

PROGRAM = "python -m measure"

EXTRAS = {
    "accelerate": "measure",
    "diffusers": "measure",
    "fastapi": "serve",
    "httpx": "serve",
    "PIL": "measure",
    "prometheus_client": "serve",
    "pynvml": "measure",
    "safetensors": "measure",
    "torch": "measure",
    "torchmetrics": "quality",
    "transformers": "measure",
    "uvicorn": "serve",
}
"""The extra that holds a module which not every installation has."""

app = typer.Typer(
    help="Time real image generation and write calibrations.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for name, command in COMMANDS.items():
    app.command(name)(command)


@app.callback()
def options(*, version: Version = False) -> None:
    """Time real image generation and write calibrations."""


def main() -> None:
    """Run the command line; a user's mistake is one sentence on stderr and exit code 2."""
    sys.exit(_run())


def _run() -> int:
    try:
        return run_program(app, sys.argv[1:], command=PROGRAM, name="measure", failed=BAD_INPUT)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise  # a fault of ours
        missing = f"{error.name} is not installed; pip install 'fluxcost[{EXTRAS[error.name]}]'."
        return fail("measure", missing, BAD_INPUT)
