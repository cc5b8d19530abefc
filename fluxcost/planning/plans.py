"""Plans: ranked by the upper bound of their cost, with the rejected candidates and why.

As tables they have the same columns in a terminal, a notebook and a data frame.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from fluxcost.capacity.fleet import Fleet
from fluxcost.capacity.results import Serving
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import Estimate, Source, interval
from fluxcost.planning import text_table
from fluxcost.planning.plan_records import Component, Mode, PlanRecipe, QualityChoice
from fluxcost.planning.text_table import NOTHING
from fluxcost.units import significant, usd

if TYPE_CHECKING:
    import pandas as pd


def plan_rows(plans: Sequence[Plan]) -> list[dict[str, str]]:
    """Return one mapping of column title to text per plan, in order."""
    return [_plan_row(rank, plan) for rank, plan in enumerate(plans, start=1)]


def _plan_row(rank: int, plan: Plan) -> dict[str, str]:
    return {
        "#": str(rank),
        "option": plan.option,
        "rented": f"{plan.gpus} x {plan.gpu}, {plan.mode}" if plan.gpus else plan.mode,
        "stack": NOTHING if plan.calibration is None else plan.calibration.rsplit("/", 1)[-1],
        "batch": str(plan.batch or NOTHING),
        "hours": NOTHING if plan.hours is None else significant(plan.hours.value),
        "total": interval(plan.total),
        "an image": usd(plan.usd_per_image.value),
        "images/$": NOTHING
        if plan.images_per_usd is None
        else significant(plan.images_per_usd.value),
        "a call": _or_nothing(plan.latency),
        "timing": str(plan.timing_source or NOTHING),
        "priced": plan.priced_as_of + (", assumed" if plan.price_source == Source.ASSUMED else ""),
    }


def _or_nothing(estimate: Estimate | None) -> str:
    return NOTHING if estimate is None else interval(estimate)


Accepted = TypeVar("Accepted")


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """One way to make the workload's images.

    Attributes:
        option: Id of the offer rented or the tariff paid.
        mode: How it is bought.
        gpu: GPU key; None for an API.
        gpus: GPUs rented at once, whole instances; 0 for an API.
        calibration: Alias of the calibration whose timings it rests on; None for an API.
        batch: Images per call; None for an API.
        hours: Billed hours of each GPU, per job or month; None for an API.
        latency: Seconds of one call of the slowest shape; None for an API, which is not timed.
        total: USD per job or USD per month.
        usd_per_image: The total over the images.
        images_per_usd: The images over the total; None where the total is 0.
        timing_source: Where the timings come from; None for an API.
        price_source: How far the price is to be trusted: published or assumed.
        priced_as_of: Day the price was true, and its grade.
        why: The working, in one sentence.
        caveats: What a reader must know about the price.
        components: What is rented or bought, part by part; the fields above describe the first.
        serving: How requests that someone waits for are served; None for a volume or an API.
        choice: Model and steps chosen for a quality floor; None where the workload asks for none.
    """

    option: str
    mode: Mode
    gpu: str | None
    gpus: int
    calibration: str | None
    batch: int | None
    hours: Estimate | None
    latency: Estimate | None
    total: Estimate
    usd_per_image: Estimate
    images_per_usd: Estimate | None
    timing_source: Source | None
    price_source: Source
    priced_as_of: str
    why: str
    caveats: tuple[str, ...]
    components: tuple[Component, ...]
    serving: Serving | None = None
    choice: QualityChoice | None = None

    @property
    def fleet(self) -> Fleet:
        """The replicas of a plan of one component, as `simulate` takes them.

        Raises:
            InputError: The plan has several components, or buys from an API.
        """
        if len(self.components) != 1:
            raise InputError(
                f"plan {self.option} has {len(self.components)} components; choose one of them."
            )
        return self.components[0].fleet

    @property
    def response_upper_s(self) -> float | None:
        """Upper bound of the response, or of a call where no request waits; None for an API."""
        if self.serving is not None:
            return self.serving.response.high
        return None if self.latency is None else self.latency.high

    @property
    def source(self) -> Source:
        """The weakest source that went into the total."""
        return self.total.source

    @property
    def evidence(self) -> tuple[str, ...]:
        """Cells, price row and assumptions the total rests on."""
        return self.total.evidence

    def __repr__(self) -> str:
        row = plan_rows([self])[0]
        return f"<Plan {row['option']}, {row['rented']}: {self.total}>"

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {
            "option": self.option,
            "mode": self.mode,
            "gpu": self.gpu,
            "gpus": self.gpus,
            "calibration": self.calibration,
            "batch": self.batch,
            "hours": self.hours and self.hours.to_dict(),
            "latency": self.latency and self.latency.to_dict(),
            "total": self.total.to_dict(),
            "usd_per_image": self.usd_per_image.to_dict(),
            "images_per_usd": self.images_per_usd and self.images_per_usd.to_dict(),
            "timing_source": self.timing_source and str(self.timing_source),
            "price_source": str(self.price_source),
            "priced_as_of": self.priced_as_of,
            "source": str(self.source),
            "evidence": list(self.evidence),
            "why": self.why,
            "caveats": list(self.caveats),
            "components": [component.to_dict() for component in self.components],
            "serving": self.serving and self.serving.to_dict(),
            "choice": self.choice and self.choice.to_dict(),
        }


@dataclass(frozen=True)
class Rejected:
    """One candidate that was rejected.

    Attributes:
        candidate: The offer, tariff, or calibration and batch.
        constraint: What failed: a field of the workload's constraints, or price, timing, deadline.
        reason: One sentence.
        over: How many times over the objective or the limit of a call it is; None where neither is
            what failed.
    """

    candidate: str
    constraint: str
    reason: str
    over: float | None = None

    def to_dict(self) -> dict[str, str]:
        """Return the rejection as plain values."""
        return {
            "candidate": self.candidate,
            "constraint": self.constraint,
            "reason": self.reason,
        }


def split_rejected(
    outcomes: Iterable[Accepted | Rejected],
) -> tuple[list[Accepted], list[Rejected]]:
    """Split outcomes into those kept and those rejected, each in order."""
    kept: list[Accepted] = []
    rejected: list[Rejected] = []
    for outcome in outcomes:
        if isinstance(outcome, Rejected):
            rejected.append(outcome)
        else:
            kept.append(outcome)
    return kept, rejected


@dataclass(frozen=True, eq=False, repr=False)
class Plans(Sequence[Plan]):
    """The plans of a workload, lowest upper bound of the cost first.

    Attributes:
        workload: Name of the workload.
        ranked: Every plan that breaks no constraint.
        rejected: Every candidate that does.
        recipe: What they were made from.
    """

    workload: str
    ranked: tuple[Plan, ...]
    rejected: tuple[Rejected, ...]
    recipe: PlanRecipe

    @property
    def best(self) -> Plan:
        """The first plan.

        Raises:
            InfeasibleError: No candidate meets the constraints.
        """
        if self.ranked:
            return self.ranked[0]
        counts = collections.Counter(item.constraint for item in self.rejected)
        tally = ", ".join(f"{count} by {constraint}" for constraint, count in counts.most_common(3))
        raise InfeasibleError(
            f"no plan for {self.workload!r}: {all_rejected(len(self.rejected))} "
            f"({tally}; --rejected, or `rejected` in Python, says why each); relax one of these or "
            f"add prices or calibrations.{self._nearest}"
        )

    @property
    def price_age_note(self) -> str | None:
        """What to say first of shipped prices that nobody looked at for long, see `Catalog`."""
        return self.recipe.catalog.age_note(self.recipe.today)

    @property
    def _nearest(self) -> str:
        """By how much the nearest candidate misses the objective, as a sentence."""
        slow = [(item.over, item) for item in self.rejected if item.over is not None]
        if not slow:
            return ""
        nearest = min(slow, key=lambda pair: pair[0])[1]
        return f" Nearest is {nearest.candidate}: {nearest.reason}"

    @property
    def leaders(self) -> tuple[Plan, ...]:
        """The first plan of each way to buy: the same offer at another batch is left out."""
        first: dict[tuple[str, Mode], Plan] = {}
        for plan in self.ranked:
            first.setdefault((plan.option, plan.mode), plan)
        return tuple(first.values())

    @property
    def pareto(self) -> tuple[Plan, ...]:
        """The plans that no other beats in both cost and latency, cheapest first.

        Both are taken at their upper bounds; latency is the response where requests arrive, and a
        call otherwise. APIs have none.
        """
        front: list[Plan] = []
        for plan in self.ranked:
            slow = plan.response_upper_s
            if slow is not None and all(slow < (kept.response_upper_s or 0.0) for kept in front):
                front.append(plan)
        return tuple(front)

    @overload
    def __getitem__(self, index: int) -> Plan: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Plan, ...]: ...

    def __getitem__(self, index: int | slice) -> Plan | tuple[Plan, ...]:
        return self.ranked[index]

    def __len__(self) -> int:
        return len(self.ranked)

    def __iter__(self) -> Iterator[Plan]:
        return iter(self.ranked)

    def __repr__(self) -> str:
        best = f", best {self.ranked[0]!r}" if self.ranked else ""
        rejected = len(self.rejected)
        return f"<Plans of {self.workload!r}: {len(self)}{best}; {rejected} rejected>"

    def to_dict(self) -> dict[str, Any]:
        """Return every plan and every rejection as plain values."""
        return {
            "workload": self.workload,
            "recipe": self.recipe.to_dict(
                component.option for each in self for component in each.components
            ),
            "plans": [plan.to_dict() for plan in self.ranked],
            "rejected": [item.to_dict() for item in self.rejected],
            "price_age_note": self.price_age_note,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per plan, with value, low and high of each estimate in columns.

        Raises:
            InputError: pandas is not installed.
        """
        return text_table.to_frame([plan.to_dict() for plan in self.ranked])

    def _repr_html_(self) -> str:
        return text_table.to_html(self.workload, plan_rows(self.ranked))


def all_rejected(candidates: int) -> str:
    """Return that no candidate was left, in words."""
    if candidates == 1:
        return "the only candidate was rejected"
    return f"all {candidates} candidates were rejected"


def rank_key(plan: Plan) -> tuple[float, float, int, int, str]:
    """Return what ranks plans: the cost at its upper bound, the response, then the evidence."""
    # Ties go to the lower response, then to the better evidence.
    response_s = plan.serving.response.high if plan.serving else 0.0
    timing = plan.timing_source.rank if plan.timing_source else 0
    return plan.total.high, response_s, timing, plan.price_source.rank, plan.option
