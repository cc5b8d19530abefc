"""How many GPUs for how long: the arithmetic of a plan.

GPUs are counted at the upper bound of the timing interval, so that 95 of 100 draws keep the
deadline; the bill is then computed draw by draw.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from typing import Self

from fluxcost.capacity.cold_start import startup_s
from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.results import Serving
from fluxcost.economics.cost import Timed, as_utilization
from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, Offer
from fluxcost.economics.rental import billed_seconds, instances_for
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import Estimate, Source, derive, interval
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.units import counted, percent, seconds, significant, usd
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import Workload


@dataclass(frozen=True, eq=False)
class RentalTerms:
    """What the user states about any rental, and the day prices are judged on.

    Attributes:
        utilization: Share of rented time, start-up aside, in which GPUs make images.
        startup: Seconds from renting a GPU until its first image starts.
        unit: USD for a job, USD/month for a volume.
        today: Day prices are judged on; None is the current day.
    """

    utilization: Estimate
    startup: Estimate
    unit: str
    today: dt.date | None

    @classmethod
    def of(cls, workload: Workload, today: dt.date | None) -> Self:
        """Return the terms that a workload states.

        Raises:
            InputError: The workload states arrivals, whose utilization is not given but found.
        """
        minutes = workload.startup_minutes
        if workload.arrivals is not None or workload.utilization is None or minutes is None:
            raise InputError(
                f"{workload.name}: arrivals are stated, where utilization is an answer; expected "
                "images_per_month or deadline, with a utilization."
            )
        evidence = f"start-up {minutes:g} min, stated in the workload"
        return cls(
            utilization=as_utilization(workload.utilization),
            startup=Estimate.exact(minutes * 60, "s", Source.ASSUMED, evidence),
            unit="USD" if workload.deadline else "USD/month",
            today=today,
        )

    def starting(self, workload: Workload, calibration: Calibration) -> Self:
        """Return the terms with no less start-up than a calibration's stack was seen to take."""
        needed_s, evidence = startup_s(workload, calibration)
        if needed_s <= self.startup.value:
            return self
        return replace(self, startup=Estimate.exact(needed_s, "s", Source.ASSUMED, evidence))


@dataclass(frozen=True)
class RentalJob:
    """Images to make within a time, once or several times.

    Attributes:
        images: Images of one session.
        within_s: Seconds from renting until the last image is ready.
        sessions: How often, per job or month.
    """

    images: int
    within_s: float
    sessions: int = 1


@dataclass(frozen=True, eq=False)
class Rental:
    """GPUs and the bill for them.

    Attributes:
        gpus: GPUs rented at once, whole instances.
        hours: Billed hours of each GPU, over all sessions.
        total: USD per job or month.
        why: The working, in one sentence.
    """

    gpus: int
    hours: Estimate
    total: Estimate
    why: str


def image_seconds(fit: Timed, mix: tuple[tuple[Shape, float], ...], batch: int) -> Estimate:
    """Return the mean GPU seconds of one image of a mix, made in calls of one shape each.

    Raises:
        FluxcostError: The fit cannot answer for a shape at this batch.
    """
    shares = [share for _, share in mix]
    return derive(
        lambda *calls: sum(share * call for share, call in zip(shares, calls, strict=True)) / batch,
        *(fit.occupancy(shape, batch=batch) for shape, _ in mix),
        unit="s",
    )


def rent_for_job(
    offer: Offer, image_s: Estimate, batch: int, job: RentalJob, terms: RentalTerms
) -> Rental:
    """Return the fewest GPUs that finish a job in time, and the bill.

    Raises:
        InfeasibleError: Not even one call fits between start-up and deadline.
    """
    calls = math.ceil(job.images / batch)
    calls_in_time = _calls_in_time(image_s, batch, job, terms)
    gpus = instances_for(offer, math.ceil(calls / calls_in_time)) * offer.gpu_count
    images_per_gpu = math.ceil(calls / gpus) * batch
    running = derive(lambda s, u: images_per_gpu * s / u, image_s, terms.utilization, unit="s")
    billed = derive(
        lambda run, start: billed_seconds(offer, running_s=run, startup_s=start),
        running,
        terms.startup,
        unit="s",
    )
    hours = billed.scaled(job.sessions / SECONDS_PER_HOUR, "h")
    total = usd_of_hours(offer, hours, gpus, terms.today, terms.unit)
    repeats = f"{job.sessions} times a month, " if job.sessions > 1 else ""
    why = (
        f"{repeats}{job.images:,} images of {seconds(image_s.value)} GPU time each, at "
        f"{percent(terms.utilization.value)} utilization, take {seconds(running.value)} on "
        f"{counted(gpus, 'GPU')} after {seconds(terms.startup.value)} of start-up; "
        f"{_working(offer, hours, gpus, total)}."
    )
    return Rental(gpus, hours, total, why)


def rent_for_month(offer: Offer, image_s: Estimate, images: int, terms: RentalTerms) -> Rental:
    """Return the fewest GPUs that, kept around the clock, make a month's images, and the bill."""
    month_s = HOURS_PER_MONTH * SECONDS_PER_HOUR
    needed = math.ceil(images * image_s.high / (month_s * terms.utilization.value))
    gpus = instances_for(offer, needed) * offer.gpu_count
    hours, total = kept_for_month(offer, gpus, terms.today, image_s, terms.utilization)
    why = (
        f"{images:,} images of {seconds(image_s.value)} GPU time each keep {counted(gpus, 'GPU')} "
        f"busy {percent(images * image_s.value / (month_s * gpus))} of the month, with "
        f"{percent(terms.utilization.value)} allowed; {_working(offer, hours, gpus, total)}."
    )
    return Rental(gpus, hours, total, why)


def rent_fleet(offer: Offer, serving: Serving, today: dt.date | None) -> Rental:
    """Return the instances that hold a fleet kept around the clock, and the bill.

    Raises:
        InfeasibleError: An instance has fewer GPUs than make each image together.
    """
    fleet = serving.fleet
    gpus = _gpus_of_instances(offer, fleet)
    hours, total = kept_for_month(offer, gpus, today, serving.response)
    replicas = counted(fleet.replicas, "replica")
    if fleet.gpus_per_image > 1:
        replicas = f"{replicas} of {fleet.gpus_per_image} GPUs that make each image together"
    met = percent(serving.probability_met)
    why = (
        f"{replicas} with {fleet.batching}, {percent(serving.utilization.value)} busy, answer "
        f"{serving.about} in {interval(serving.response)}, within "
        f"{seconds(serving.objective.within_s)} in {met} of timing draws; "
        f"{_working(offer, hours, gpus, total)}."
    )
    return Rental(gpus, hours, total, why)


def _gpus_of_instances(offer: Offer, fleet: Fleet) -> int:
    """Return the GPUs of the whole instances that hold a fleet."""
    together = fleet.gpus_per_image
    if together == 1:
        return instances_for(offer, fleet.replicas) * offer.gpu_count
    # GPUs that exchange data within every call are those of one instance.
    held = offer.gpu_count // together
    if held == 0:
        raise InfeasibleError(
            f"sold as instances of {counted(offer.gpu_count, 'GPU')}, and {together} of one "
            f"instance make each image together; add a row with gpu_count {together} if the host "
            "sells such."
        )
    return math.ceil(fleet.replicas / held) * offer.gpu_count


def kept_for_month(
    offer: Offer, gpus: int, today: dt.date | None, *rests_on: Estimate
) -> tuple[Estimate, Estimate]:
    """Return the hours and the bill of GPUs kept for a month."""
    # The month is certain; the count of GPUs rests on other estimates: keep their source.
    hours = derive(lambda *each: HOURS_PER_MONTH + 0 * sum(each), *rests_on, unit="h")
    return hours, usd_of_hours(offer, hours, gpus, today)


def _calls_in_time(image_s: Estimate, batch: int, job: RentalJob, terms: RentalTerms) -> int:
    call_s = batch * image_s.high / terms.utilization.value
    calls = math.floor((job.within_s - terms.startup.value) / call_s)
    if calls < 1:
        raise InfeasibleError(
            f"the time is {seconds(job.within_s)}, of which start-up takes "
            f"{seconds(terms.startup.value)} and one call of batch {batch} {seconds(call_s)}; "
            "allow more hours, a shorter start-up or a smaller batch."
        )
    return calls


def usd_of_hours(
    offer: Offer, hours: Estimate, gpus: int, today: dt.date | None, unit: str = "USD/month"
) -> Estimate:
    """Return the bill of GPUs of an offer, each for so many billed hours."""
    price = offer.price_estimate(today)
    return derive(lambda h, usd_per_hour: h * gpus * usd_per_hour, hours, price, unit=unit)


def _working(offer: Offer, hours: Estimate, gpus: int, total: Estimate) -> str:
    return (
        f"{significant(hours.value)} billed h x {counted(gpus, 'GPU')} x "
        f"{usd(offer.usd_per_gpu_hour)}/h = {usd(total.value)}"
    )
