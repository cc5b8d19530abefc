"""The version of fluxcost that runs, for `--version`."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def version() -> str:
    """Return the version: the installed package's, or that of the checkout that was not installed.

    Raises:
        PackageNotFoundError: Neither is there.
    """
    try:
        return importlib.metadata.version("fluxcost")
    except importlib.metadata.PackageNotFoundError:
        if not PROJECT.is_file():
            raise
        return str(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"])
