"""`python -m measure`: the commands joined into one program."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

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
        _fail(str(error))
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise  # a fault of ours
        extra = EXTRAS[error.name]
        _fail(f"{error.name} is not installed; pip install 'fluxcost[{extra}]'.")


def _fail(message: str) -> NoReturn:
    typer.echo(f"measure: {message}", err=True)
    raise SystemExit(2) from None
