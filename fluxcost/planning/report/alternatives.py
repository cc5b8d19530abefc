"""What else could be bought: other plans, other stacks, and the rejected candidates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fluxcost.economics.catalog import Catalog
from fluxcost.errors import FluxcostError
from fluxcost.estimate import Source
from fluxcost.performance.fit import Fit
from fluxcost.planning.candidates import broken_by_stack, name_of
from fluxcost.planning.comparison import PictureQuality, picture_of
from fluxcost.planning.diff import PlanDiff, diff
from fluxcost.planning.plans import Plan, Plans, Rejected
from fluxcost.planning.search import plan_fitted
from fluxcost.units import percent, usd
from fluxcost.workload.workload import Workload

SHOWN = 8
"""Plans set beside the chosen one."""


@dataclass(frozen=True, eq=False)
class AlternativePlan:
    """A plan that was not chosen.

    Attributes:
        plan: The plan.
        against: What it has over the chosen one.
        reason: Why it lost, in a sentence.
    """

    plan: Plan
    against: PlanDiff
    reason: str


def alternative_plans(plans: Plans) -> tuple[AlternativePlan, ...]:
    """Return the best of each other way to buy, in order, at most `SHOWN`."""
    best = plans.best
    others = [each for each in plans.leaders if each is not best][:SHOWN]
    return tuple(_rival(best, each) for each in others)


def _rival(best: Plan, other: Plan) -> AlternativePlan:
    against = diff(best, other)
    return AlternativePlan(other, against, _reason(best, other, against))


def _reason(best: Plan, other: Plan, against: PlanDiff) -> str:
    wins = percent(against.probability) if against.probability else "none"
    dear = usd(other.total.high)
    if against.total.value > 0:
        text = f"costs {usd(against.total.value)} more; cheaper in {wins} of the draws"
    else:
        text = (
            f"costs {usd(-against.total.value)} less in the middle, but may cost {dear} where the "
            f"chosen plan costs {usd(best.total.high)} at most; cheaper in {wins} of the draws "
            "drawn"
        )
    mine, its = best.response_upper_s, other.response_upper_s
    if its is None and mine is not None:
        text += "; its latency is not measured"
    elif mine is not None and its is not None and its < mine:
        text += "; its latency is lower"
    return text + "."


@dataclass(frozen=True)
class RejectedGroup:
    """Candidates that broke the same rule.

    Attributes:
        constraint: The rule.
        found: Candidate and reason of each, in order.
    """

    constraint: str
    found: tuple[Rejected, ...]


def rejected_groups(plans: Plans) -> Iterator[RejectedGroup]:
    """Yield the rejected candidates by the rule they broke, the most frequent rule first."""
    groups: dict[str, list[Rejected]] = {}
    for each in plans.rejected:
        groups.setdefault(each.constraint, []).append(each)
    for constraint, found in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield RejectedGroup(constraint, tuple(found))


@dataclass(frozen=True, eq=False)
class StackAnswer:
    """What one stack makes of the question on the offer of a plan.

    Attributes:
        stack: Alias.
        calibration: Whose timings it rests on.
        plan: The cheapest with it alone; None where it cannot.
        picture: How its pictures compare with eager bfloat16's.
        picture_error: Relative to float32 as measured, None where it was not.
        refusal: The rule of the workload that it breaks, or why it cannot; None where neither.
    """

    stack: str
    calibration: str
    plan: Plan | None
    picture: PictureQuality
    picture_error: float | None
    refusal: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain values."""
        return {
            "stack": self.stack,
            "calibration": self.calibration,
            "plan": self.plan and self.plan.to_dict(),
            "picture": str(self.picture),
            "picture_error": self.picture_error,
            "refusal": self.refusal,
        }


def stacks_beside(
    plan: Plan, asked: Workload, plans: Plans, fits: Iterable[Fit]
) -> Iterator[StackAnswer]:
    """Yield every stack that was timed on the GPU of a plan, each planned alone on its offer.

    Stacks that change the pictures are planned whether the workload accepts them or not, and say
    which; published tables are left out.

    Args:
        plan: One that rents GPUs.
        asked: What it was made for, of one model.
        plans: Among which it stands: their day, depth, seed and prices are used.
        fits: Of the model.
    """
    for fitted in fits:
        calibration = fitted.calibration
        if calibration.gpu.key == plan.gpu and calibration.source is not Source.PUBLISHED:
            yield _alone(fitted, plan, asked, plans)


def _alone(fitted: Fit, plan: Plan, asked: Workload, plans: Plans) -> StackAnswer:
    calibration, recipe = fitted.calibration, plans.recipe
    name = name_of(calibration)
    broken = broken_by_stack(name, calibration, asked.constraints)
    refusal = None if broken is None else broken.reason
    # The offer is known to be allowed, and its provider is the only one left to name.
    loose = {"allow_lossy": True, "allow_providers": None, "deny_providers": ()}
    constraints = asked.constraints.model_copy(update=loose)
    alone = Catalog(offers=(recipe.catalog.offer(plan.option),), tariffs=())
    found = None
    try:
        found = plan_fitted(
            asked.model_copy(update={"constraints": constraints}),
            alone,
            [fitted],
            recipe.today,
            recipe.depth,
            recipe.seed,
        ).best
    except FluxcostError as error:
        refusal = str(error)
    picture, error_of_it = picture_of(name, {name: calibration})
    return StackAnswer(calibration.stack.alias, name, found, picture, error_of_it, refusal)
