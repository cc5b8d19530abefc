"""Ways to use rented GPUs: from GPU seconds of work to the instance seconds that are billed.

Each way is a small record with one method, `spans`, which parts billed time into what it went into.
Fleets are sized for a given amount of work (a plan takes the high end of its interval) and billed
for another, one amount or one for each world drawn.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fluxcost.economics.billing import (
    HOURS_PER_MONTH,
    ROUNDING_SLACK,
    billed_seconds,
)
from fluxcost.economics.coldstart import ColdStart
from fluxcost.economics.invoice import Amount
from fluxcost.economics.metering import Span
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer, Phase
from fluxcost.errors import InfeasibleError, InputError

MONTH_S = float(HOURS_PER_MONTH * SECONDS_PER_HOUR)

AT_WORK, IDLE, STARTUP = "GPU time at work", "GPU time idle", "start-up"
ROUNDING = "billing step and minimum"


class Use(Protocol):
    """A way to use an offer for a month."""

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return the billed time.

        Args:
            offer: What is rented.
            gpu_s: GPU seconds of work in the month.
            sized_for_s: GPU seconds the fleet is sized for.

        Raises:
            InfeasibleError: The fleet cannot do the work.
        """


@dataclass(frozen=True)
class AlwaysOn:
    """Instances kept all month.

    Attributes:
        instances: How many.
    """

    instances: int

    def __post_init__(self) -> None:
        _refuse_less("instances", self.instances, 1)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return time at work and idle."""
        held_s = self.instances * MONTH_S
        _refuse_overload(sized_for_s / offer.gpu_count, held_s)
        return _worked(gpu_s / offer.gpu_count, held_s)


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
        _refuse_less("instances", self.instances, 1)
        _refuse_less("sessions", self.sessions, 1)
        _refuse_less("hours", self.hours, 0)
        _refuse_less("startup_s", self.startup_s, 0)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return start-up, time at work and idle, and what rounding adds."""
        count = self.instances * self.sessions
        running_s = self.hours * SECONDS_PER_HOUR
        held_s = count * running_s
        _refuse_overload(sized_for_s / offer.gpu_count, held_s)
        return (
            *_around(offer, running_s, self.startup_s, count),
            *_worked(gpu_s / offer.gpu_count, held_s),
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
        _refuse_less("instances", self.instances, 1)
        _refuse_less("jobs", self.jobs, 1)
        _refuse_less("startup_s", self.startup_s, 0)
        _refuse_bad_share("utilization", self.utilization)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return start-up, time at work and idle, and what rounding adds."""
        count = self.instances * self.jobs
        _refuse_overload(sized_for_s / offer.gpu_count / self.utilization, count * MONTH_S)
        busy_s = gpu_s / offer.gpu_count
        running_s = busy_s / self.utilization / count
        return (
            *_around(offer, running_s, self.startup_s, count),
            *_worked(busy_s, running_s * count),
        )


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
        _refuse_less("period_s", self.period_s, 1)
        _refuse_less("least_instances", self.least_instances, 0)
        _refuse_less("startup_s", self.startup_s, 0)
        _refuse_bad_share("target_utilization", self.target_utilization)

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
        return (*_merged(around), *_worked(gpu_s / offer.gpu_count, held_s))

    def _stay(self, offer: Offer, periods: int, count: int, cycle: int) -> tuple[Span, ...]:
        if periods == cycle:
            return ()  # up all month: started once, long ago
        return _around(offer, periods * self.period_s, self.startup_s, count * self.cycles)


@dataclass(frozen=True)
class Serverless:
    """Workers started by requests and stopped when idle.

    Attributes:
        cold_starts: Times a month a worker starts.
        cold: What each start takes.
    """

    cold_starts: int
    cold: ColdStart

    def __post_init__(self) -> None:
        _refuse_less("cold_starts", self.cold_starts, 1)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return each part of the starts, the runs, the idle tails, and what rounding adds."""
        count, phases = self.cold_starts, offer.billing.billed_phases
        starting = self.cold.parts() if Phase.STARTUP in phases else {}
        tail_s = (offer.billing.idle_timeout_s or 0.0) if Phase.IDLE in phases else 0.0
        run_s = gpu_s / offer.gpu_count
        startup_s = sum(starting.values())
        billed_s = billed_seconds(offer, running_s=run_s / count, startup_s=startup_s) * count
        rounding_s = billed_s - run_s - (startup_s + tail_s) * count
        return (
            *(Span(name, seconds * count) for name, seconds in starting.items()),
            Span("run", run_s),
            Span("idle tail", tail_s * count),
            Span(ROUNDING, rounding_s),
        )


@dataclass(frozen=True)
class Spot:
    """Interruptible instances: work since the last checkpoint is lost and done again.

    Interruptions come at random at a constant rate while an instance works. Then one piece of t
    seconds takes (e^(rt) - 1) / r seconds of work on average, and is interrupted e^(rt) - 1 times.

    Attributes:
        interruptions_per_hour: Of one instance. It has no default: only its user knows.
        checkpoint_s: Seconds of work that are lost at most, such as one call.
        restart_s: Billed seconds from an interruption until work goes on.
        utilization: Share of running time in which the GPUs make images.
    """

    interruptions_per_hour: float
    checkpoint_s: float
    restart_s: float
    utilization: float

    def __post_init__(self) -> None:
        _refuse_less("interruptions_per_hour", self.interruptions_per_hour, 0)
        _refuse_less("restart_s", self.restart_s, 0)
        _refuse_bad_share("utilization", self.utilization)
        if not 0 < self.checkpoint_s < math.inf:
            raise InputError(f"checkpoint_s is {self.checkpoint_s!r}; expected seconds over 0.")
        if self.interruptions_per_hour / SECONDS_PER_HOUR * self.checkpoint_s > 10:
            raise InfeasibleError(
                f"at {self.interruptions_per_hour:g} interruptions an hour hardly any piece of "
                f"{self.checkpoint_s:g} s is ever finished; checkpoint more often."
            )

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return time at work and idle, work lost, and restarts."""
        rate = self.interruptions_per_hour / SECONDS_PER_HOUR
        busy_s = gpu_s / offer.gpu_count
        running_s = busy_s / self.utilization
        pieces = running_s / self.checkpoint_s
        interruptions = pieces * math.expm1(rate * self.checkpoint_s)
        lost_s = interruptions / rate - running_s if rate else 0.0 * running_s
        return (
            *_worked(busy_s, running_s),
            Span("work lost", lost_s),
            Span("restarts", interruptions * self.restart_s),
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
        _refuse_less("instances", self.instances, 1)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return time at work and unused, all of it paid ahead."""
        hours = float(HOURS_PER_MONTH)
        if offer.commitment is not None:
            hours = min(hours, offer.commitment.term_hours)
        held_s = self.instances * hours * SECONDS_PER_HOUR
        _refuse_overload(sized_for_s / offer.gpu_count, held_s)
        worked = _worked(gpu_s / offer.gpu_count, held_s)
        return tuple(Span(span.name, span.instance_s, paid_ahead=True) for span in worked)


def _worked(busy_s: Amount, held_s: Amount) -> tuple[Span, Span]:
    """Part time held into time at work and idle; in a world that is too slow all is work."""
    at_work = np.minimum(busy_s, held_s)
    return Span(AT_WORK, at_work), Span(IDLE, held_s - at_work)


def _around(
    offer: Offer, running_s: Amount, startup_s: float, count: float
) -> tuple[Span, Span, Span]:
    """Return what sessions cost besides their running time: start-up, idle tail, rounding."""
    phases = offer.billing.billed_phases
    start_s = startup_s if Phase.STARTUP in phases else 0.0
    tail_s = (offer.billing.idle_timeout_s or 0.0) if Phase.IDLE in phases else 0.0
    billed_s = billed_seconds(offer, running_s=running_s, startup_s=startup_s)
    rounding_s = (billed_s - running_s - start_s - tail_s) * count
    return (
        Span(STARTUP, start_s * count),
        Span("idle tail", tail_s * count),
        Span(ROUNDING, rounding_s),
    )


def _stays(fleet: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield (periods, how many) of the stays of instances, the last started stopping first."""
    for level in range(1, max(fleet) + 1):
        up = [size >= level for size in fleet]
        if all(up):
            yield len(fleet), 1
            continue
        # The cycle closes: begin counting at a period in which this instance is down.
        first_down = up.index(False)
        turned = up[first_down:] + up[:first_down]
        for is_up, run in itertools.groupby(turned):
            if is_up:
                yield len(list(run)), 1


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    totals: dict[str, Amount] = {}
    for span in spans:
        totals[span.name] = totals.get(span.name, 0.0) + span.instance_s
    return tuple(Span(name, seconds) for name, seconds in totals.items())


def _refuse_overload(needed_s: float, held_s: float) -> None:
    if needed_s > held_s * (1 + ROUNDING_SLACK):
        raise InfeasibleError(
            f"the work takes {needed_s:,.0f} instance seconds and {held_s:,.0f} are rented; rent "
            "more instances or for longer."
        )


def _refuse_less(name: str, value: float, least: float) -> None:
    if isinstance(value, bool) or not least <= value < math.inf:
        raise InputError(f"{name} is {value!r}; expected at least {least:g}.")


def _refuse_bad_share(name: str, value: float) -> None:
    if isinstance(value, bool) or not 0 < value <= 1:
        raise InputError(f"{name} is {value!r}; expected a share over 0 and at most 1.")
