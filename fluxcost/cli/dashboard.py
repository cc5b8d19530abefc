"""Pages in a browser: `fluxcost dashboard`."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path
from typing import Annotated

import typer

from fluxcost.errors import InputError

PACKAGE = Path(__file__).resolve().parents[1]

SETTINGS = {
    "client.toolbarMode": "minimal",
    "browser.gatherUsageStats": "false",
    "browser.serverAddress": "localhost",
    "server.address": "localhost",
    "server.showEmailPrompt": "false",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "8",
    "runner.postScriptGC": "false",
}
"""A tool for its user: nothing is sent anywhere, asked for, or watched for edits.
Uploads are megabytes at most. Unless told where its readers find it, Streamlit asks a service on
the internet for the address of this machine. And unless told not to, it has Python look through
every object that is kept after each drawing of a page, while all other readers wait."""

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, bound by nobody here


def dashboard(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 accepts other machines.")
    ] = "localhost",
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Open the dashboard in a browser: what-if, break-even, capacity, prices and more."""
    if importlib.util.find_spec("streamlit") is None:
        raise InputError(
            "dashboard needs streamlit, which is not installed; pip install 'fluxcost[dashboard]'."
        )
    settings = SETTINGS | {
        "server.port": str(port),
        "server.address": address,
        "browser.serverAddress": "localhost" if address in EVERYWHERE else address,
        "server.headless": str(not browser).lower(),
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    # In this process, so that whoever stops the command stops the server.
    sys.argv = ["streamlit", "run", str(_script()), *options]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def _script() -> Path:
    # A wheel carries the pages inside the package; a checkout has them beside it.
    inside, beside = (root / "dashboard" / "app.py" for root in (PACKAGE, PACKAGE.parent))
    return inside if inside.is_file() else beside
