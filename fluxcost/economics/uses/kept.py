"""Instances rented by the month, by the hour of a schedule, or for a job."""

from __future__ import annotations

from dataclasses import dataclass

from fluxcost.economics.billing import HOURS_PER_MONTH
from fluxcost.economics.invoice import Amount
from fluxcost.economics.metering import Span
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer
from fluxcost.economics.uses.spans import (
    MONTH_S,
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
