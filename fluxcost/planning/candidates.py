"""What may be rented: service times by GPU, stack and batch, and the offers allowed.

An interruption of a spot instance loses the call in progress, since finished images are kept, and
costs the start-up of another GPU. Both are added at their mean, at the rate the workload states.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from fluxcost.economics.catalog import Catalog
from fluxcost.economics.offers import Offer
from fluxcost.economics.usage.spot import lost_per_second
from fluxcost.errors import (
    FluxcostError,
)
from fluxcost.estimate import Estimate, Source, derive, interval
from fluxcost.performance.calibration.measuring_run import Stack
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.roofline import gpu_rates
from fluxcost.performance.scaling.context_parallel import AnyFit
from fluxcost.planning.constraints import (
    broken_by_offer,
    broken_by_place_or_age,
    broken_license,
)
from fluxcost.planning.plans import Rejected
from fluxcost.planning.rental_sizing import RentalTerms, image_seconds
from fluxcost.units import seconds
from fluxcost.workload.constraints import Constraints
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import Workload

Mix = tuple[tuple[Shape, float], ...]
"""Each shape and its share of the images."""


@dataclass(frozen=True, eq=False)
class ServiceTime:
    """The speed of one GPU with one stack and batch, or of several that make each image.

    Attributes:
        gpu: GPU key.
        fit: The timings.
        calibration: What load_calibration takes.
        batch: Images per call.
        image_s: Mean GPU seconds of an image of the mix.
        latency: Median seconds of a call of the slowest shape.
    """

    gpu: str
    fit: AnyFit
    calibration: str
    batch: int
    image_s: Estimate
    latency: Estimate

    @property
    def source(self) -> Source:
        """Where the timing comes from."""
        return self.image_s.source


def service_times_of(
    mix: Mix, constraints: Constraints, fits: Iterable[AnyFit]
) -> Iterator[ServiceTime | Rejected]:
    """Yield every timing the constraints allow, and why the others are not.

    A published table is used only for a GPU without a measured calibration: measured cells with an
    interval are the better answer, and a table's rounding must not decide the ranking.
    """
    measured: set[str] = set()
    for fitted in sorted(fits, key=lambda each: each.calibration.source.rank):
        calibration = fitted.calibration
        gpu, name = calibration.gpu.key, name_of(calibration)
        if reason := broken_license(calibration.model, constraints):
            yield Rejected(name, "license", reason)
            continue
        is_table = calibration.source is Source.PUBLISHED
        if is_table and gpu in measured:
            reason = f"a published table, not needed since {gpu} has been measured."
            yield Rejected(name, "timing", reason)
            continue
        if broken := broken_by_stack(name, calibration, constraints):
            yield broken
            continue
        for batch in fitted.batches:
            outcome = _service_time(mix, constraints, fitted, name, batch)
            if isinstance(outcome, ServiceTime) and not is_table:
                measured.add(gpu)
            yield outcome


def broken_by_stack(
    name: str, calibration: Calibration, constraints: Constraints
) -> Rejected | None:
    """Return the rule that a calibration's stack breaks, or None."""
    for rule, why in rules_of(calibration.stack).items():
        if not getattr(constraints, rule):
            return Rejected(name, rule, f"{calibration.stack.alias} {why}")
    return None


def rules_of(stack: Stack) -> dict[str, str]:
    """Return the constraints that must accept a stack before it is used, and why."""
    rules: dict[str, str] = {}
    if stack.is_lossy:
        rules["allow_lossy"] = "changes the pictures; allow_lossy: true accepts that."
    if stack.keeps_prompts:
        rules["allow_cached_prompts"] = (
            "was timed with prompts that had all come before; allow_cached_prompts: true says that "
            "yours do."
        )
    return rules


def name_of(calibration: Calibration) -> str:
    """Return the name of a calibration among plans."""
    # What load_calibration takes: a published table and a measurement may share their alias.
    prefix = "published/" if calibration.source is Source.PUBLISHED else ""
    return prefix + calibration.alias


def _service_time(
    mix: Mix, constraints: Constraints, fitted: AnyFit, name: str, batch: int
) -> ServiceTime | Rejected:
    together = f", {fitted.gpus_per_image} GPUs an image" if fitted.gpus_per_image > 1 else ""
    candidate = f"{name}{together}, batch {batch}"
    try:
        timing = ServiceTime(
            gpu=fitted.calibration.gpu.key,
            fit=fitted,
            calibration=name,
            batch=batch,
            image_s=image_seconds(fitted, mix, batch),
            latency=_slowest(mix, fitted, batch, "median"),
        )
        return _broken_by_service_time(candidate, mix, constraints, timing) or timing
    except FluxcostError as error:
        return Rejected(candidate, "timing", str(error))


def _broken_by_service_time(
    candidate: str, mix: Mix, constraints: Constraints, timing: ServiceTime
) -> Rejected | None:
    allowed, limit_s = constraints.allow_sources, constraints.max_latency_p95_s
    if allowed is not None and timing.source not in allowed:
        reason = f"the timing is {timing.source}; allowed: {', '.join(allowed)}."
        return Rejected(candidate, "allow_sources", reason)
    if limit_s is None:
        return None
    latency = _slowest(mix, timing.fit, timing.batch, "p95")
    if latency.high > limit_s:
        reason = f"a call takes {interval(latency)} at p95; at most {seconds(limit_s)} asked."
        return Rejected(candidate, "max_latency_p95_s", reason, latency.high / limit_s)
    return None


def _slowest(mix: Mix, fitted: AnyFit, batch: int, statistic: Literal["median", "p95"]) -> Estimate:
    calls = [fitted.latency(shape, batch=batch, statistic=statistic) for shape, _ in mix]
    return max(calls, key=lambda call: call.high)


def with_interruptions(
    timing: ServiceTime, offer: Offer, per_hour: float | None, terms: RentalTerms
) -> ServiceTime:
    """Return the timing of images that are finished on an offer, however often it is interrupted.

    Raises:
        InfeasibleError: Hardly any call would be finished.
    """
    if per_hour is None or not offer.is_interruptible:
        return timing
    evidence = f"{per_hour:g} interruptions an hour, stated in the workload"
    rate = Estimate.exact(per_hour, "1/h", Source.ASSUMED, evidence)
    image_s = derive(
        lambda s, used, _rate: (
            s * (1 + lost_per_second(timing.batch * s / used, terms.startup.value, per_hour))
        ),
        timing.image_s,
        terms.utilization,
        rate,
        unit="s",
    )
    return replace(timing, image_s=image_s)


def interruption_notes(offer: Offer, per_hour: float | None) -> tuple[str, ...]:
    """Return what a reader of a plan on an offer must know of its interruptions."""
    if per_hour is None or not offer.is_interruptible:
        return ()
    note = (
        f"{offer.id}: the time of an image holds {per_hour:g} interruptions an hour, each a lost "
        "call and a new start, as a mean; a run of bad luck takes longer"
    )
    return (note,)


def allowed_offers(
    workload: Workload, catalog: Catalog, today: dt.date | None
) -> Iterator[Offer | Rejected]:
    """Yield every offer, or the rule it breaks."""
    for offer in catalog.offers:
        constraints = workload.constraints
        broken = broken_by_offer(offer, constraints, today)
        yield broken or broken_by_place_or_age(offer, constraints, today) or offer


def no_timing(offer: Offer, workload: Workload) -> Rejected:
    """Return why an offer whose GPU was not timed is rejected."""
    variants = [key for key in gpu_rates() if key.startswith(f"{offer.gpu}-")]
    spelled = f", or spell it as one of {', '.join(variants)}" if variants else ""
    reason = f"no usable timing of {workload.model} on {offer.gpu}; measure it there{spelled}."
    return Rejected(offer.id, "timing", reason)
