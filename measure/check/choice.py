"""The cells of a calibration that tell most per second about whether it still holds.

Every parameter of every stage's formula may have changed: launches with the CPU, products with the
clocks, decoding with a library's kernels. Each is assumed to have changed by about a tenth. A cell
is informative about the parameters its time depends on; the next one is chosen for the uncertainty
that the ones before left.
"""

from __future__ import annotations

import numpy as np

from fluxcost.errors import InputError, MissingDataError
from fluxcost.performance.fit import Fit
from fluxcost.performance.groups import fitted_cells
from measure.adaptive.design import cell_noise, stage_shares
from measure.forecast import seconds_of_cell
from measure.suites import Point, Protocol

MOVED = 0.1
"""Relative change taken as likely of each parameter; two runs of one H200 differed by as much."""


def telling_points(fitted: Fit, protocol: Protocol, count: int) -> tuple[Point, ...]:
    """Return measured points, most telling per second first.

    Args:
        fitted: Of the calibration.
        protocol: How long a cell takes.
        count: How many.

    Raises:
        InputError: count is below 2, or more than the calibration's cells.
        MissingDataError: The calibration has no samples.
    """
    cells = fitted_cells(fitted.calibration)
    points = sorted({Point(cell.shape, cell.batch) for cell in cells})
    if not points:
        raise MissingDataError(
            f"{fitted.calibration.alias}: no call was timed stage by stage; check a measured one."
        )
    if not 2 <= count <= len(points):
        raise InputError(f"--cells is {count}; expected 2 to {len(points)}, the cells there are.")
    shares, calls_s = stage_shares(fitted, points)
    pixels = np.array([float(point.shape.pixels) for point in points])
    batch = np.array([float(point.batch) for point in points])
    unsure = np.zeros((len(points), len(points)))
    for stage, process in fitted.times.fits.items():
        slopes = MOVED * shares[stage][:, None] * process.slopes(pixels, batch)
        unsure += slopes @ slopes.T
    noise = np.array([cell_noise(fitted, point) for point in points]) ** 2
    seconds = np.array([seconds_of_cell(call_s, protocol) for call_s in calls_s])
    chosen: list[int] = []
    for _ in range(count):
        removed = unsure**2 / (np.diagonal(unsure) + noise)[:, None]
        rates = removed.sum(axis=1) / seconds
        rates[chosen] = -np.inf
        best = int(np.argmax(rates))
        unsure = unsure - np.outer(unsure[best], unsure[best]) / (unsure[best, best] + noise[best])
        chosen.append(best)
    return tuple(points[index] for index in chosen)
