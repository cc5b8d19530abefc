"""How fast each GPU makes the workload's images: every calibration at every batch it measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fluxcost.errors import FluxcostError
from fluxcost.estimate import Estimate, Source
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.measured.identity import Stack
from fluxcost.performance.split import AnyFit
from fluxcost.planning.licenses import broken_license
from fluxcost.planning.plans import Rejected
from fluxcost.planning.sizing import image_seconds
from fluxcost.units import interval, seconds
from fluxcost.workload import Constraints, Shape

Mix = tuple[tuple[Shape, float], ...]
"""Each shape and its share of the images."""


@dataclass(frozen=True, eq=False)
class Pace:
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


def paces_of(
    mix: Mix, constraints: Constraints, fits: Iterable[AnyFit]
) -> Iterator[Pace | Rejected]:
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
            outcome = _pace(mix, constraints, fitted, name, batch)
            if isinstance(outcome, Pace) and not is_table:
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


def _pace(
    mix: Mix, constraints: Constraints, fitted: AnyFit, name: str, batch: int
) -> Pace | Rejected:
    together = f", {fitted.gpus_per_image} GPUs an image" if fitted.gpus_per_image > 1 else ""
    candidate = f"{name}{together}, batch {batch}"
    try:
        timing = Pace(
            gpu=fitted.calibration.gpu.key,
            fit=fitted,
            calibration=name,
            batch=batch,
            image_s=image_seconds(fitted, mix, batch),
            latency=_slowest(mix, fitted, batch, "median"),
        )
        return _broken_by_pace(candidate, mix, constraints, timing) or timing
    except FluxcostError as error:
        return Rejected(candidate, "timing", str(error))


def _broken_by_pace(
    candidate: str, mix: Mix, constraints: Constraints, timing: Pace
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
