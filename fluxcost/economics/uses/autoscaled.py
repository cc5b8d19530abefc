"""Instances that follow the load."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from fluxcost.economics.billing import ROUNDING_SLACK
from fluxcost.economics.invoice import Amount
from fluxcost.economics.metering import Span
from fluxcost.economics.offers import Offer
from fluxcost.economics.uses.spans import MONTH_S, around, refuse_bad_share, refuse_less, worked
from fluxcost.errors import InputError


@dataclass(frozen=True)
class Autoscaled:
    """Instances that follow the load, period by period.

    Attributes:
        load: Work of each period of a cycle, relative; 24 numbers make a day of hours.
        period_s: Seconds of a period.
        target_utilization: Share at which another instance is started.
        least_instances: Kept up even without load.
        startup_s: Seconds of start-up of each instance started, billed besides its periods.
    """

    load: tuple[float, ...]
    period_s: float
    target_utilization: float
    least_instances: int
    startup_s: float

    def __post_init__(self) -> None:
        if not self.load or min(self.load) < 0 or not 0 < sum(self.load) < math.inf:
            raise InputError(f"load is {self.load!r}; expected work per period, some over 0.")
        refuse_less("period_s", self.period_s, 1)
        refuse_less("least_instances", self.least_instances, 0)
        refuse_less("startup_s", self.startup_s, 0)
        refuse_bad_share("target_utilization", self.target_utilization)

    @property
    def cycles(self) -> float:
        """Cycles in a month."""
        return MONTH_S / (self.period_s * len(self.load))

    def fleet(self, offer: Offer, gpu_s: float) -> tuple[int, ...]:
        """Return the instances up in each period."""
        total = sum(self.load)
        busy = [gpu_s * share / total / self.cycles / self.period_s for share in self.load]
        per_instance = offer.gpu_count * self.target_utilization
        return tuple(
            max(self.least_instances, math.ceil(gpus / per_instance * (1 - ROUNDING_SLACK)))
            for gpus in busy
        )

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return start-up, time at work and idle, and what rounding adds."""
        fleet = self.fleet(offer, sized_for_s)
        around = [
            span
            for periods, count in _stays(fleet)
            for span in self._stay(offer, periods, count, len(fleet))
        ]
        held_s = sum(fleet) * self.period_s * self.cycles
        return (*_merged(around), *worked(gpu_s / offer.gpu_count, held_s))

    def _stay(self, offer: Offer, periods: int, count: int, cycle: int) -> tuple[Span, ...]:
        if periods == cycle:
            return ()  # up all month: started once, long ago
        return around(offer, periods * self.period_s, self.startup_s, count * self.cycles)


def _stays(fleet: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield (periods, how many) of the stays of instances, the last started stopping first."""
    below = 0
    for level in sorted(set(fleet) - {0}):
        alike, below = level - below, level  # instances that are up in the same periods
        up = [size >= level for size in fleet]
        if all(up):
            yield len(fleet), alike
            continue
        # The cycle closes: begin counting at a period in which this instance is down.
        first_down = up.index(False)
        turned = up[first_down:] + up[:first_down]
        for is_up, run in itertools.groupby(turned):
            if is_up:
                yield len(list(run)), alike


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    totals: dict[str, Amount] = {}
    for span in spans:
        totals[span.name] = totals.get(span.name, 0.0) + span.instance_s
    return tuple(Span(name, seconds) for name, seconds in totals.items())
