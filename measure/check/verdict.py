"""The verdict on a calibration, from cells measured again.

The calibration holds where both are true:

- 1 lies in the 90 % interval of the geometric mean of measured over stated;
- no more cells lie outside their own 90 % interval than chance puts there in nine checks of ten.

Intervals are the calibration's, which include between-run effects, with the sampling error of the
new cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.estimate import LEVEL, Estimate, Source, derive
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.conditions import CONDITIONS, conditions
from fluxcost.performance.fit import Fit
from fluxcost.performance.sampling import median_sigma
from measure.compare import geometric_mean

OFTEN = 0.9
"""Share of checks of an unchanged machine that this many cells outside must allow."""


@dataclass(frozen=True)
class Checked:
    """One cell measured again.

    Attributes:
        label: Shape and batch.
        stated: Median seconds by the calibration.
        measured_s: Median seconds now.
        ratio: Measured over stated.
    """

    label: str
    stated: Estimate
    measured_s: float
    ratio: Estimate

    @property
    def inside(self) -> bool:
        """Whether the interval of the ratio holds 1."""
        return self.ratio.low <= 1 <= self.ratio.high


@dataclass(frozen=True)
class Verdict:
    """Whether a calibration holds.

    Attributes:
        cells: Measured again.
        mean: Geometric mean of the ratios.
        allowed: Cells that may lie outside their interval.
        changed: What differs between the calibration's runs and this one, one sentence each.
        failed: Cells that could not be measured, with the reason.
    """

    cells: tuple[Checked, ...]
    mean: Estimate
    allowed: int
    changed: tuple[str, ...]
    failed: tuple[str, ...] = ()

    @property
    def outside(self) -> int:
        """Cells outside their interval."""
        return sum(not cell.inside for cell in self.cells)

    @property
    def holds(self) -> bool:
        """Whether both rules are met and every cell could be measured."""
        within = self.mean.low <= 1 <= self.mean.high
        return within and self.outside <= self.allowed and not self.failed

    def sentence(self, alias: str) -> str:
        """Say the verdict and what it rests on."""
        found = (
            f"calls take {self.mean.value:.3f} times as long as stated "
            f"({self.mean.low:.3f} to {self.mean.high:.3f}), {self.outside} of {len(self.cells)} "
            f"cells outside their interval, at most {self.allowed} allowed"
        )
        if self.failed:
            found += f", {len(self.failed)} not measured"
        if self.holds:
            return f"{alias} holds for this machine: {found}."
        return f"{alias} does not hold for this machine: {found}; measure your own calibration."


def judge(fitted: Fit, again: Calibration) -> Verdict:
    """Compare cells measured again with what a calibration states of them.

    Raises:
        MissingDataError: No cell could be measured.
    """
    cells = tuple(
        _checked(fitted, again, index)
        for index, cell in enumerate(again.cells)
        if cell.status == "ok"
    )
    failed = tuple(f"{cell.label}: {cell.reason}" for cell in again.cells if cell.status != "ok")
    if not cells:
        raise MissingDataError(f"no cell could be measured again: {'; '.join(failed)}.")
    mean = geometric_mean(cell.ratio for cell in cells)
    return Verdict(cells, mean, _allowed(len(cells)), _changed(fitted.calibration, again), failed)


def _checked(fitted: Fit, again: Calibration, index: int) -> Checked:
    cell = again.cells[index]
    calls_s = np.array(cell.calls_s)
    stated = fitted.latency(cell.shape, cell.batch)
    measured = Estimate.spread(
        float(np.median(calls_s)),
        {f"again/{index}/{cell.label}": median_sigma(calls_s)},
        "s",
        Source.MEASURED,
        f"{cell.label}, measured again",
    )
    ratio = derive(lambda now, then: now / then, measured, stated, unit="")
    return Checked(cell.label, stated, measured.value, ratio)


def _allowed(cells: int) -> int:
    """Return the least number outside that chance exceeds in at most one check of ten."""
    miss, total = 1 - LEVEL, 0.0
    for outside in range(cells + 1):
        total += comb(cells, outside) * miss**outside * LEVEL ** (cells - outside)
        if total >= OFTEN - 1e-12:
            return outside
    return cells


def _changed(calibration: Calibration, again: Calibration) -> tuple[str, ...]:
    then, now = conditions(calibration), conditions(again)
    rows = [("stack", calibration.stack.hash, again.stack.hash)]
    rows += [(name, then[name], now[name]) for name in CONDITIONS]
    return tuple(
        f"{name} was {before}, is {after}" for name, before, after in rows if before != after
    )
