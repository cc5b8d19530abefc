"""Plans of several models and stacks side by side: cost, latency, quality, and the Pareto front."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fluxcost.economics.catalog import Catalog
from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.estimate import Estimate
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.quality.quality_lookup import metric_of, shipped_qualities
from fluxcost.performance.quality.quality_metrics import Metric
from fluxcost.performance.quality.quality_record import Quality
from fluxcost.planning.candidates import name_of, rules_of
from fluxcost.planning.plans import Plan, Rejected, all_rejected
from fluxcost.planning.quality_floor import judged
from fluxcost.planning.search import plan
from fluxcost.planning.text_table import to_frame
from fluxcost.workload.workload import Workload

if TYPE_CHECKING:
    import pandas as pd

YARDSTICK = "eager-bf16"
"""The stack whose pictures others are held against."""

SAME_ERROR = 1.02
"""Error over eager bfloat16's up to which pictures count as the same.

The stacks that change no arithmetic lie within 0.2 % of it in the records that ship.
"""


class PictureQuality(StrEnum):
    """How a stack's pictures compare with eager bfloat16's of the same model, best first."""

    SAME = "as eager bf16"
    LOSSY = "lossy"
    UNKNOWN = "not compared"


@dataclass(frozen=True, eq=False)
class Alternative:
    """One way to make the images.

    Attributes:
        plan: What is rented or bought, with its cost and latency.
        model: What makes the pictures.
        steps: Denoising steps; None where shapes differ in them.
        stack: Alias of the stack; None for an API.
        picture: How its pictures compare with eager bfloat16's.
        picture_error: Relative to float32 as measured, None where it was not.
        quality: What a record says of the pictures, where a metric was asked for; None where no
            record does, or for a stack that changes the pictures.
        beaten_by: A way that costs and takes no more, with pictures no worse, and is better in one
            of these; None where there is none, or its latency is not known. Without a quality of
            both, pictures compare only with those of the same model and steps.
        on_front: Whether its latency is known and nothing beats it.
        needs: Constraints that must accept the stack before a plan uses it.
    """

    plan: Plan
    model: str
    steps: int | None
    stack: str | None
    picture: PictureQuality
    picture_error: float | None
    quality: Estimate | None
    beaten_by: str | None
    on_front: bool
    needs: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the alternative as plain values."""
        return {
            "model": self.model,
            "option": self.plan.option,
            "mode": self.plan.mode,
            "gpu": self.plan.gpu,
            "gpus": self.plan.gpus,
            "stack": self.stack,
            "batch": self.plan.batch,
            "usd_per_image": self.plan.usd_per_image.to_dict(),
            "latency": self.plan.latency and self.plan.latency.to_dict(),
            "picture": str(self.picture),
            "picture_error": self.picture_error,
            "needs": list(self.needs),
            "steps": self.steps,
            "quality": self.quality and self.quality.to_dict(),
            "on_front": self.on_front,
            "beaten_by": self.beaten_by,
            "timing_source": self.plan.timing_source and str(self.plan.timing_source),
            "price_source": str(self.plan.price_source),
            "priced_as_of": self.plan.priced_as_of,
            "calibration": self.plan.calibration,
        }


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every alternative, cheapest first, and what was rejected.

    Attributes:
        workload: Name.
        alternatives: By USD per image.
        rejected: Candidates that break a constraint.
    """

    workload: str
    alternatives: tuple[Alternative, ...]
    rejected: tuple[Rejected, ...]

    @property
    def front(self) -> tuple[Alternative, ...]:
        """The alternatives on the Pareto front, cheapest first."""
        return tuple(each for each in self.alternatives if each.on_front)

    def stacks_on(self, offer: str) -> tuple[Alternative, ...]:
        """Return the cheapest plan of each stack of each model on one offer, most expensive first.

        Raises:
            MissingDataError: The offer is in none of the alternatives.
        """
        cheapest: dict[tuple[str, str | None], Alternative] = {}
        for each in self.alternatives:
            if each.plan.option == offer and each.stack is not None:
                cheapest.setdefault((each.model, each.stack), each)
        if not cheapest:
            why = next((f": {x.reason}" for x in self.rejected if x.candidate == offer), ".")
            raise MissingDataError(
                f"no way of {self.workload} rents {offer!r}; choose an offer of its plans{why}"
            )
        return tuple(sorted(cheapest.values(), key=lambda each: -each.plan.usd_per_image.value))

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        return {
            "workload": self.workload,
            "alternatives": [each.to_dict() for each in self.alternatives],
            "rejected": [each.to_dict() for each in self.rejected],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per alternative, with value, low and high of each estimate in columns.

        Raises:
            InputError: pandas is not installed.
        """
        return to_frame([each.to_dict() for each in self.alternatives])


def compare(
    workloads: Workload | Iterable[Workload],
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] | None = None,
    today: dt.date | None = None,
    *,
    metric: Metric | str | None = None,
    qualities: Iterable[Quality] | None = None,
) -> Comparison:
    """Compare the plans of workloads that differ in their model and steps only.

    With a metric, pictures of different models and steps compare by their records; by CLIP
    scores alone, fewer steps than a model was made for never beat more.

    Args:
        workloads: One for each model and step count to compare.
        catalog: Prices; the shipped ones unless given.
        calibrations: Timings of any of the models; every shipped one unless given.
        today: Day prices are judged on; the current day unless given.
        metric: What pictures compare by; no quality unless given.
        qualities: Records; the shipped ones unless given.

    Raises:
        InputError: A constraint names something unknown, or records hold scores of several judges.
        UnknownNameError: No such metric.
        MissingDataError: No record holds the metric for any of the models.
        InfeasibleError: No candidate of any model meets the constraints.
    """
    asked = [workloads] if isinstance(workloads, Workload) else list(workloads)
    timed = None if calibrations is None else list(calibrations)
    known = {name_of(each): each for each in timed or ()}
    scores = _scores(metric, asked, qualities)
    found: list[tuple[Workload, Plan]] = []
    rejected: list[Rejected] = []
    for workload in asked:
        own = None if timed is None else [each for each in timed if each.model == workload.model]
        plans = plan(workload, catalog, own, today)
        found += [(workload, each) for each in plans]
        rejected += plans.rejected
    if not found:
        raise InfeasibleError(
            f"nothing to compare: {all_rejected(len(rejected))}; relax a constraint."
        )
    found.sort(key=lambda pair: pair[1].usd_per_image.value)
    drawn = [_drawn(workload, each, known, scores) for workload, each in found]
    return Comparison(
        workload=asked[0].name,
        alternatives=tuple(_alternative(each, drawn) for each in drawn),
        rejected=tuple(rejected),
    )


def any_stack(workload: Workload) -> Workload:
    """Return the workload with every stack accepted, to see what each would be worth."""
    accepted = {"allow_lossy": True, "allow_cached_prompts": True}
    constraints = workload.constraints.model_copy(update=accepted)
    return workload.model_copy(update={"constraints": constraints})


Scores = Mapping[tuple[str, int | None], tuple[Estimate, bool]]
"""Quality by model and steps, and whether it may argue for its steps."""


def _scores(
    metric: Metric | str | None, asked: Sequence[Workload], qualities: Iterable[Quality] | None
) -> Scores:
    if metric is None:
        return {}
    records = shipped_qualities() if qualities is None else tuple(qualities)
    models = list(dict.fromkeys(workload.model for workload in asked))
    return judged(metric_of(metric), models, records)


@dataclass(frozen=True, eq=False)
class _Drawn:
    model: str
    steps: int | None
    plan: Plan
    picture: PictureQuality
    error: float | None
    needs: tuple[str, ...]
    quality: Estimate | None
    argues: bool

    @property
    def label(self) -> str:
        batch = f", batch {self.plan.batch}" if self.plan.batch else ""
        return f"{self.plan.option}{batch}"

    def beats(self, other: _Drawn) -> bool:
        mine, its = self.plan, other.plan
        if mine.latency is None or its.latency is None or not self._comparable(other):
            return False
        worse = self.picture is not PictureQuality.SAME and self.picture is not other.picture
        better = False
        if self.quality is not None and other.quality is not None:
            worse = worse or self.quality.value < other.quality.value
            better = self.quality.value > other.quality.value
        cost = mine.usd_per_image.value, its.usd_per_image.value
        time = mine.latency.value, its.latency.value
        no_more = cost[0] <= cost[1] and time[0] <= time[1]
        return not worse and no_more and (better or cost[0] < cost[1] or time[0] < time[1])

    def _comparable(self, other: _Drawn) -> bool:
        if (self.model, self.steps) == (other.model, other.steps):
            return True
        return self.argues and self.quality is not None and other.quality is not None


def _drawn(
    workload: Workload, plan: Plan, known: Mapping[str, Calibration], scores: Scores
) -> _Drawn:
    steps = {share.steps for share in workload.shapes}
    one = steps.pop() if len(steps) == 1 else None
    picture, error = picture_of(plan.calibration, known)
    # A record scores the model without lossy stacks; images of lossy stacks have no scores.
    as_recorded = picture is PictureQuality.SAME or plan.calibration is None
    value, argues = scores.get((workload.model, one), (None, False))
    quality = value if as_recorded else None
    needs = () if plan.calibration is None else _needs(plan.calibration, known)
    return _Drawn(workload.model, one, plan, picture, error, needs, quality, argues)


def _needs(name: str, known: Mapping[str, Calibration]) -> tuple[str, ...]:
    calibration = known.get(name) or load_calibration(name)
    return tuple(rules_of(calibration.stack))


def _alternative(each: _Drawn, everyone: Sequence[_Drawn]) -> Alternative:
    better = next((other.label for other in everyone if other.beats(each)), None)
    alias = each.plan.calibration
    return Alternative(
        plan=each.plan,
        model=each.model,
        steps=each.steps,
        stack=None if alias is None else alias.rsplit("/", 1)[-1],
        picture=each.picture,
        picture_error=each.error,
        quality=each.quality,
        beaten_by=better,
        on_front=better is None and each.plan.latency is not None,
        needs=each.needs,
    )


def picture_of(
    name: str | None, known: Mapping[str, Calibration]
) -> tuple[PictureQuality, float | None]:
    """Return how a calibration's pictures compare with eager bfloat16's, and their error.

    Args:
        name: As a plan names it; None for an API.
        known: Calibrations by that name; others are the shipped ones.
    """
    if name is None:
        return PictureQuality.UNKNOWN, None
    calibration = known.get(name) or load_calibration(name)
    if not calibration.sameness:
        same = calibration.stack.alias == YARDSTICK
        return (PictureQuality.SAME if same else PictureQuality.UNKNOWN), None
    worst = max(calibration.sameness, key=lambda entry: entry.error)
    lossy = worst.error > SAME_ERROR * worst.eager_error
    return (PictureQuality.LOSSY if lossy else PictureQuality.SAME), worst.error
