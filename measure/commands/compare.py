"""`python -m measure compare`: two records, cell by cell."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from measure.commands.shared import OUT


def compare(
    first: Annotated[str, typer.Argument(help="Alias or path of the record to compare with.")],
    second: Annotated[str, typer.Argument(help="Alias or path of the record to compare.")],
    across: Annotated[
        list[str] | None,
        typer.Option(help="A field that may differ, since its effect is compared; repeatable."),
    ] = None,
) -> None:
    """Compare two records cell by cell: ratio of latencies, and whether it exceeds the noise."""
    from fluxcost.performance.calibration.library import load_calibration
    from measure.calibration_comparison import compare_calibrations as ratios
    from measure.calibration_comparison import describe_ratio

    cells, mean = ratios(load_calibration(first), load_calibration(second), across or ())
    table = Table("cell", "first s", "second s", "second / first", "verdict")
    for cell in cells:
        ratio = f"{cell.ratio.value:.3f} ({cell.ratio.low:.3f}-{cell.ratio.high:.3f})"
        seconds = (f"{each.value:.4f}" for each in (cell.first, cell.second))
        table.add_row(f"{cell.shape}, batch {cell.batch}", *seconds, ratio, cell.verdict)
    OUT.print(table)
    OUT.print(f"geometric mean of {len(cells)} cells: {mean.value:.3f}; {describe_ratio(mean)}")
