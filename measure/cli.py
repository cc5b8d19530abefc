"""`python -m measure`: the commands joined into one program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from fluxcost.errors import FluxcostError
from fluxcost.version import version
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


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer's signature
    if asked:
        typer.echo(f"fluxcost {version()}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
) -> None:
    """Time real image generation and write calibrations."""


def main() -> None:
    """Run the command line; a user's mistake is one sentence on stderr and exit code 2."""
    sys.exit(_run())


def _run() -> int:
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name=PROGRAM, standalone_mode=False)
    except FluxcostError as error:
        return _fail(str(error))
    except TyperException as error:
        return _fail(" ".join(error.format_message().split()))
    except (Abort, KeyboardInterrupt):
        return _fail("interrupted.")
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise  # a fault of ours
        extra = EXTRAS[error.name]
        return _fail(f"{error.name} is not installed; pip install 'fluxcost[{extra}]'.")
    return code if isinstance(code, int) else 0


def _fail(message: str) -> int:
    typer.echo(f"measure: {message}", err=True)
    return 2
