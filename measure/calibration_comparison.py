"""Compares two calibrations cell by cell: the ratio of their times, with its interval.

The ratio's interval comes from both fits, so it includes sampling error, drift and between-run
effects; where it includes 1, the answer is "no significant difference", whatever the medians.
Records taken on different software or hardware are refused unless --across names the difference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from fluxcost.errors import InputError, MissingDataError
from fluxcost.estimate import Estimate, derive
from fluxcost.performance.calibration.conditions import CONDITIONS, conditions
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape


@dataclass(frozen=True)
class CellRatio:
    """One cell in both records.

    Attributes:
        shape: What was asked.
        batch: Images a call.
        first: Median seconds in the first record.
        second: Median seconds in the second.
        ratio: Second over first.
    """

    shape: Shape
    batch: int
    first: Estimate
    second: Estimate
    ratio: Estimate

    @property
    def verdict(self) -> str:
        """Such as '1.41 times faster', or that the difference is within the noise."""
        return describe_ratio(self.ratio)


def describe_ratio(ratio: Estimate) -> str:
    """Say in words what a ratio of seconds means, interval considered."""
    if ratio.low <= 1 <= ratio.high:
        return "no significant difference"
    if ratio.value < 1:
        return f"{1 / ratio.value:.2f} times faster"
    return f"{ratio.value:.2f} times slower"


def compare_calibrations(
    first: Calibration, second: Calibration, across: Collection[str] = ()
) -> tuple[tuple[CellRatio, ...], Estimate]:
    """Return the ratio at every cell both records hold, and their geometric mean.

    Args:
        first: What the second is compared with.
        second: What is compared.
        across: Fields whose difference is the point, such as "driver".

    Raises:
        InputError: The records are of different models, or their environments differ in a field
            not named in `across`.
        MissingDataError: They share no cell.
    """
    _refuse_incomparable(first, second, across)
    before, after = fit(first), fit(second)
    points = sorted(_points(first) & _points(second))
    if not points:
        raise MissingDataError(
            f"{first.alias} and {second.alias} share no cell; measure the same suite on both."
        )
    cells = []
    for shape, batch in points:
        a, b = before.latency(shape, batch), after.latency(shape, batch)
        ratio = derive(lambda one, other: other / one, a, b, unit="")
        cells.append(CellRatio(shape, batch, a, b, ratio))
    return tuple(cells), geometric_mean(cell.ratio for cell in cells)


def geometric_mean(ratios: Iterable[Estimate]) -> Estimate:
    """Return the geometric mean of ratios, its interval included."""
    return derive(
        lambda *values: np.exp(np.mean(np.log(np.array(values)), axis=0)), *ratios, unit=""
    )


def _points(calibration: Calibration) -> set[tuple[Shape, int]]:
    return {(cell.shape, cell.batch) for cell in calibration.ok_cells if cell.samples}


def _refuse_incomparable(first: Calibration, second: Calibration, across: Collection[str]) -> None:
    if unknown := set(across) - set(CONDITIONS):
        raise InputError(
            f"--across names {', '.join(sorted(unknown))}; expected some of "
            f"{', '.join(CONDITIONS)}."
        )
    if first.model != second.model:
        raise InputError(
            f"the records time {first.model} and {second.model}; compare records of one model."
        )
    here, there = conditions(first), conditions(second)
    for name in CONDITIONS:
        if here[name] != there[name] and name not in across:
            raise InputError(
                f"{name} is {here[name] or 'not recorded'} in the first record and "
                f"{there[name] or 'not recorded'} in the second; measure both alike, or name it: "
                f"--across {name}."
            )
