"""The command line: each command is a view on the public door; no formula lives here."""

from fluxcost.cli.app import main

__all__ = ["main"]
