"""`python -m measure suites`: what may be measured."""

from __future__ import annotations

from rich.table import Table

from measure.commands.shared import OUT


def suites() -> None:
    """List the suites that come with measure."""
    from measure.suites import shipped_suites

    table = Table("suite", "cells", "description")
    for suite in shipped_suites():
        table.add_row(suite.name, str(len(set(suite.points()))), suite.description)
    OUT.print(table)
