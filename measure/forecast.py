"""How long a campaign will take, from calls already timed: its own or a shipped calibration's.

A rough straight line, seconds = a + b x (pixels x steps x batch), is enough for a progress bar and
a bill in advance; before any call was timed there is no forecast, and none is made up.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable

import numpy as np

from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from measure.suites import Point, Protocol, pixel_steps

KNOWN_AT_LEAST = 3
"""Cells needed before a line through them says anything."""


class Forecast:
    """Seconds per call as a straight line through the cells known so far."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        known = [
            (_work(cell), statistics.median(c.wall_s)) for cell in cells if (c := cell.samples)
        ]
        self._line: tuple[float, float] | None = None
        if len(known) >= KNOWN_AT_LEAST:
            work, seconds = np.array(known).T
            slope, offset = np.polyfit(work, seconds, 1, w=1 / seconds)
            self._line = max(float(offset), 0.0), max(float(slope), 0.0)

    def call_s(self, point: Point) -> float | None:
        """Return the seconds one call should take, or None before enough is known."""
        if self._line is None:
            return None
        offset, slope = self._line
        return offset + slope * point.pixel_steps

    def cell_s(self, point: Point, protocol: Protocol) -> float | None:
        """Return the seconds a cell should take, warm-up and samples together."""
        call_s = self.call_s(point)
        if call_s is None:
            return None
        return seconds_of_cell(call_s, protocol)

    def total_s(self, cells: Iterable[tuple[Point, Protocol]]) -> float | None:
        """Return the seconds all cells should take, or None before enough is known."""
        seconds = [self.cell_s(each, protocol) for each, protocol in cells]
        known = [each for each in seconds if each is not None]
        return sum(known) if len(known) == len(seconds) else None


def seconds_of_cell(call_s: float, protocol: Protocol) -> float:
    """Return the seconds a cell takes whose calls take this long, warm-up and samples together."""
    slow = call_s > protocol.slow_call_s
    warmups = 2 if slow else 2 * protocol.window
    least = protocol.min_samples_slow if slow else protocol.min_samples
    return call_s * warmups + max(call_s * least, protocol.min_duration_s)


def known_cells(model: str, calibrations: Iterable[Calibration]) -> list[Cell]:
    """Return the cells of the first calibration of a model that has samples."""
    for calibration in calibrations:
        cells = [cell for cell in calibration.ok_cells if cell.samples]
        if calibration.model == model and cells:
            return cells
    return []


def _work(cell: Cell) -> int:
    return pixel_steps(cell.shape) * cell.batch
