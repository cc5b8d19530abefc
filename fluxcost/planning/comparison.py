"""Ways to make an image side by side: cost, latency, picture, and which of them nothing beats."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fluxcost.economics.catalog import Catalog
from fluxcost.errors import InfeasibleError
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.library import load_calibration
from fluxcost.planning.paces import name_of
from fluxcost.planning.plans import Plan, Rejected
from fluxcost.planning.search import plan
from fluxcost.planning.tables import to_frame
from fluxcost.workload import Workload

if TYPE_CHECKING:
    import pandas as pd

YARDSTICK = "eager-bf16"
"""The stack whose pictures others are held against."""

SAME_ERROR = 1.02
"""Error over eager bfloat16's up to which pictures count as the same.

The stacks that change no arithmetic lie within 0.2 % of it in the records that ship.
"""


class Picture(StrEnum):
    """How a stack's pictures compare with eager bfloat16's of the same model, best first."""

    SAME = "as eager bf16"
    LOSSY = "lossy"
    UNKNOWN = "not compared"


@dataclass(frozen=True, eq=False)
class Alternative:
    """One way to make the images.

    Attributes:
        plan: What is rented or bought, with its cost and latency.
        model: What makes the pictures; those of different models are not comparable here.
        stack: Alias of the stack; None for an API.
        picture: How its pictures compare with eager bfloat16's.
        picture_error: Relative to float32 as measured, None where it was not.
        beaten_by: A way of the same model that costs and takes no more, one of the two less, with
            pictures no worse; None where there is none, or its latency is not known.
        on_front: Whether its latency is known and nothing beats it.
    """

    plan: Plan
    model: str
    stack: str | None
    picture: Picture
    picture_error: float | None
    beaten_by: str | None
    on_front: bool

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
            "on_front": self.on_front,
            "beaten_by": self.beaten_by,
            "timing_source": self.plan.timing_source and str(self.plan.timing_source),
            "price_source": str(self.plan.price_source),
            "priced_as_of": self.plan.priced_as_of,
            "calibration": self.plan.calibration,
        }


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every way, cheapest first, and what was turned down.

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
        """The ways nothing beats, cheapest and slowest first in each model."""
        return tuple(each for each in self.alternatives if each.on_front)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        return {
            "workload": self.workload,
            "alternatives": [each.to_dict() for each in self.alternatives],
            "rejected": [each.to_dict() for each in self.rejected],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per way, with value, low and high of each estimate in columns.

        Raises:
            InputError: pandas is not installed.
        """
        return to_frame([each.to_dict() for each in self.alternatives])


def compare(
    workloads: Workload | Iterable[Workload],
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] | None = None,
    today: dt.date | None = None,
) -> Comparison:
    """Plan workloads, the same but for their model, and set all ways side by side.

    Args:
        workloads: One for each model to compare.
        catalog: Prices; the shipped ones unless given.
        calibrations: Timings of any of the models; every shipped one unless given.
        today: Day prices are judged on; the current day unless given.

    Raises:
        InputError: A constraint names something unknown.
        InfeasibleError: No candidate of any model meets the constraints.
    """
    asked = [workloads] if isinstance(workloads, Workload) else list(workloads)
    timed = None if calibrations is None else list(calibrations)
    known = {name_of(each): each for each in timed or ()}
    found: list[tuple[str, Plan]] = []
    rejected: list[Rejected] = []
    for workload in asked:
        own = None if timed is None else [each for each in timed if each.model == workload.model]
        plans = plan(workload, catalog, own, today)
        found += [(workload.model, each) for each in plans]
        rejected += plans.rejected
    if not found:
        raise InfeasibleError(
            f"nothing to compare: all {len(rejected)} candidates were rejected; relax a constraint."
        )
    found.sort(key=lambda pair: pair[1].usd_per_image.value)
    drawn = [_Drawn(model, each, *picture_of(each.calibration, known)) for model, each in found]
    return Comparison(
        workload=asked[0].name,
        alternatives=tuple(_alternative(each, drawn) for each in drawn),
        rejected=tuple(rejected),
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    model: str
    plan: Plan
    picture: Picture
    error: float | None

    @property
    def label(self) -> str:
        batch = f", batch {self.plan.batch}" if self.plan.batch else ""
        return f"{self.plan.option}{batch}"

    def beats(self, other: _Drawn) -> bool:
        mine, its = self.plan, other.plan
        if self.model != other.model or mine.latency is None or its.latency is None:
            return False
        worse = self.picture is not Picture.SAME and self.picture is not other.picture
        cost = mine.usd_per_image.value, its.usd_per_image.value
        time = mine.latency.value, its.latency.value
        no_more = cost[0] <= cost[1] and time[0] <= time[1]
        return not worse and no_more and (cost[0] < cost[1] or time[0] < time[1])


def _alternative(each: _Drawn, everyone: Sequence[_Drawn]) -> Alternative:
    better = next((other.label for other in everyone if other.beats(each)), None)
    alias = each.plan.calibration
    return Alternative(
        plan=each.plan,
        model=each.model,
        stack=None if alias is None else alias.rsplit("/", 1)[-1],
        picture=each.picture,
        picture_error=each.error,
        beaten_by=better,
        on_front=better is None and each.plan.latency is not None,
    )


def picture_of(name: str | None, known: Mapping[str, Calibration]) -> tuple[Picture, float | None]:
    """Return how a calibration's pictures compare with eager bfloat16's, and their error.

    Args:
        name: As a plan names it; None for an API.
        known: Calibrations by that name; others are the shipped ones.
    """
    if name is None:
        return Picture.UNKNOWN, None
    calibration = known.get(name) or load_calibration(name)
    if not calibration.sameness:
        same = calibration.stack.alias == YARDSTICK
        return (Picture.SAME if same else Picture.UNKNOWN), None
    worst = max(calibration.sameness, key=lambda entry: entry.error)
    lossy = worst.error > SAME_ERROR * worst.eager_error
    return (Picture.LOSSY if lossy else Picture.SAME), worst.error
