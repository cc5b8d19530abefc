"""When the cells were timed, and on what."""

from __future__ import annotations

from datetime import date

import fluxcost as fc
from scripts.models.compared import KLEIN, Fits


def occasions(fits: Fits) -> str:
    """Return sentences on the two days on which the models were timed, and how."""
    runs = [
        run
        for by_model in fits.values()
        for name, fitted in by_model.items()
        if name != KLEIN
        for run in fitted.calibration.runs
    ]
    first, last = sorted({run.started_at.date() for run in runs})
    (cores,) = {run.environment.cpu_cores for run in runs}
    return "\n".join(
        [
            f"Each model was timed in its own process, on {cores} cores. The eager cells of",
            f"{first} were timed one after the other on one GPU within ten minutes. klein-4B was",
            "among them, and its eager times on this page are from that run alone. The cells of",
            f"{last}, except klein-4B's, were timed at the same time on the four GPUs of one host.",
            "klein-4B's compiled times are from all runs in its record; see",
            "[performance](performance.md).",
        ]
    )


def timed_on(fitted: fc.Fit, shape: fc.Shape) -> str:
    """Return the first and last day on which one image of a shape was timed; empty for none."""
    days = _days(fitted.calibration, shape)
    return " to ".join(dict.fromkeys(map(str, (min(days), max(days))))) if days else ""


def _days(record: fc.Calibration, shape: fc.Shape) -> set[date]:
    runs = {cell.run for cell in record.ok_cells if (cell.shape, cell.batch) == (shape, 1)}
    return {run.started_at.date() for run in record.runs if run.id in runs}
