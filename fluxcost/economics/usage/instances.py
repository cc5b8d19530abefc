"""Instances rented by the month, on a schedule, for a job, or scaled with the load."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from fluxcost.economics.ledger import Amount, Span
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, Offer
from fluxcost.economics.rental import (
    MONTH_S,
    ROUNDING_SLACK,
    Use,
    around,
    refuse_bad_share,
    refuse_less,
    refuse_over_month,
    refuse_overload,
    worked,
)
from fluxcost.errors import InputError


@dataclass(frozen=True)
class AlwaysOn:
    """Instances kept all month.

    Attributes:
        instances: How many.
    """

    instances: int

    def __post_init__(self) -> None:
        refuse_less("instances", self.instances, 1)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return time at work and idle."""
        held_s = self.instances * MONTH_S
        refuse_overload(sized_for_s / offer.gpu_count, held_s)
        return worked(gpu_s / offer.gpu_count, held_s)


@dataclass(frozen=True)
class Scheduled:
    """Instances kept for some hours, so many times a month, such as office hours.

    Attributes:
        instances: How many at once.
        hours: Hours of each session after start-up.
        sessions: Sessions a month.
        startup_s: Seconds of start-up before each.
    """

    instances: int
    hours: float
    sessions: int
    startup_s: float

    def __post_init__(self) -> None:
        refuse_less("instances", self.instances, 1)
        refuse_less("sessions", self.sessions, 1)
        refuse_less("hours", self.hours, 0)
        refuse_less("startup_s", self.startup_s, 0)
        refuse_over_month(self.sessions * (self.hours * SECONDS_PER_HOUR + self.startup_s))

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return start-up, time at work and idle, and what rounding adds."""
        count = self.instances * self.sessions
        running_s = self.hours * SECONDS_PER_HOUR
        held_s = count * running_s
        refuse_overload(sized_for_s / offer.gpu_count, held_s)
        return (
            *around(offer, running_s, self.startup_s, count),
            *worked(gpu_s / offer.gpu_count, held_s),
        )


@dataclass(frozen=True)
class BatchJobs:
    """Instances started for a job and stopped after it.

    Attributes:
        instances: How many at once.
        jobs: Jobs a month, each an equal share of the work.
        startup_s: Seconds of start-up before each.
        utilization: Share of running time in which the GPUs make images.
    """

    instances: int
    jobs: int
    startup_s: float
    utilization: float

    def __post_init__(self) -> None:
        refuse_less("instances", self.instances, 1)
        refuse_less("jobs", self.jobs, 1)
        refuse_less("startup_s", self.startup_s, 0)
        refuse_over_month(self.jobs * self.startup_s)
        refuse_bad_share("utilization", self.utilization)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return start-up, time at work and idle, and what rounding adds."""
        count = self.instances * self.jobs
        # The jobs of an instance come one after another, each after its start-up.
        left_s = MONTH_S - self.jobs * self.startup_s
        refuse_overload(sized_for_s / offer.gpu_count / self.utilization, self.instances * left_s)
        busy_s = gpu_s / offer.gpu_count
        running_s = busy_s / self.utilization / count
        return (
            *around(offer, running_s, self.startup_s, count),
            *worked(busy_s, running_s * count),
        )


@dataclass(frozen=True)
class Overflow:
    """What takes the work that reserved instances do not.

    Attributes:
        offer: An offer of the same GPU, such as on-demand.
        use: How it is used.
        reserved_share: Share of the work that the reserved instances take.
    """

    offer: Offer
    use: Use
    reserved_share: float

    def __post_init__(self) -> None:
        if not 0 < self.reserved_share < 1:
            raise InputError(
                f"reserved_share is {self.reserved_share!r}; expected a share between 0 and 1."
            )


@dataclass(frozen=True)
class Reserved:
    """Instances paid ahead for a term, used or not.

    Attributes:
        instances: How many.
        overflow: Another offer for the work beyond them; None where they take all of it.
    """

    instances: int
    overflow: Overflow | None = None

    def __post_init__(self) -> None:
        refuse_less("instances", self.instances, 1)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return time at work and unused, all of it paid ahead."""
        hours = float(HOURS_PER_MONTH)
        if offer.commitment is not None:
            hours = min(hours, offer.commitment.term_hours)
        held_s = self.instances * hours * SECONDS_PER_HOUR
        refuse_overload(sized_for_s / offer.gpu_count, held_s)
        at_work = worked(gpu_s / offer.gpu_count, held_s)
        return tuple(Span(span.name, span.instance_s, paid_ahead=True) for span in at_work)


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
