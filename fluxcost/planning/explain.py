"""Why the best plan is what it is: why not fewer GPUs, and what would halve the cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fluxcost.economics.catalog import Catalog
from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.planning.candidates import name_of
from fluxcost.planning.plans import Plan, Plans
from fluxcost.planning.quality_floor import asked_for
from fluxcost.planning.search import fits_of, plan_fitted
from fluxcost.units import percent, usd
from fluxcost.workload.constraints import Constraints
from fluxcost.workload.workload import Workload

HALF = 0.5

WORTH_TELLING = 0.98
"""Cost over the plan's own from which a change is not worth telling."""


@dataclass(frozen=True, eq=False)
class Lever:
    """One change of the workload and what it does to the cost.

    Attributes:
        change: In words.
        plan: The best plan under it; fleets are sized by queueing theory.
        ratio: Upper bound of its cost over that of the best plan as asked.
    """

    change: str
    plan: Plan
    ratio: float

    @property
    def halves(self) -> bool:
        """Whether it halves the cost."""
        return self.ratio <= HALF

    def to_dict(self) -> dict[str, Any]:
        """Return the lever as plain values."""
        return {
            "change": self.change,
            "option": self.plan.option,
            "gpus": self.plan.gpus,
            "total": self.plan.total.to_dict(),
            "ratio": self.ratio,
            "halves": self.halves,
        }


@dataclass(frozen=True, eq=False)
class Explanation:
    """What stands behind the best plan.

    Attributes:
        best: The plan.
        why_not_fewer: What one replica fewer would do; None where no objective counts them.
        levers: Changes that make it cheaper, the strongest first.
        pareto: Plans that no other beats in both cost and latency, cheapest first.
        cores_needed: CPU cores that each replica needs to lose under 1 % of its rate; None where
            the calibration did not vary them.
    """

    best: Plan
    why_not_fewer: str | None
    levers: tuple[Lever, ...]
    pareto: tuple[Plan, ...]
    cores_needed: int | None

    @property
    def halving(self) -> str:
        """What would halve the cost, in a sentence."""
        found = [lever for lever in self.levers if lever.halves]
        if found:
            plan = found[0].plan
            text = f"{found[0].change}: with {plan.option} it may cost {usd(plan.total.high)}"
            return f"{text}, {percent(found[0].ratio)} of what it may cost as asked."
        if not self.levers:
            return "nothing that was tried makes it cheaper."
        most = self.levers[0]
        near = f"{most.change} comes nearest, at {percent(most.ratio)} of what it may cost as asked"
        return f"nothing that was tried; {near}."

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain values."""
        return {
            "best": self.best.to_dict(),
            "why_not_fewer": self.why_not_fewer,
            "halving": self.halving,
            "levers": [lever.to_dict() for lever in self.levers],
            "pareto": [each.to_dict() for each in self.pareto],
            "cores_needed": self.cores_needed,
        }


def explain(
    workload: Workload,
    plans: Plans,
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] | None = None,
) -> Explanation:
    """Return why the best of a workload's plans is what it is.

    Where a quality floor chose model and steps, changes of the rest are tried, with these kept.

    Args:
        workload: What the plans are for.
        plans: As `plan` gave them.
        catalog: The prices they were made with; those of the plans unless given.
        calibrations: The timings they were made with, where they were given.

    Raises:
        InfeasibleError: No plan meets the constraints.
    """
    prices = catalog or plans.recipe.catalog
    asked = asked_for(workload, plans.best)
    given = None if calibrations is None else list(calibrations)
    return explain_fitted(asked, plans, fits_for(asked, prices, given), prices)


def fits_for(asked: Workload, catalog: Catalog, given: Sequence[Calibration] | None) -> list[Fit]:
    """Return the fits of a workload's model, of the calibrations given or of the shipped ones."""
    own = None if given is None else [each for each in given if each.model == asked.model]
    return fits_of(asked, catalog, own)


def explain_fitted(
    workload: Workload, plans: Plans, fits: list[Fit], prices: Catalog
) -> Explanation:
    """Return why the best of plans is what it is, from fits that are at hand; see `explain`.

    Args:
        workload: What the plans are for, with the model and steps of the best (`asked_for`).
        plans: As `plan` gave them.
        fits: Of that model.
        prices: The prices they were made with.
    """
    best, today = plans.best, plans.recipe.today
    base = plan_fitted(workload, prices, fits, today, "analytic").best.total.high

    def levers_of(changes: Iterable[tuple[str, Workload]]) -> list[Lever]:
        return [
            Lever(change, found, found.total.high / base)
            for change, asked in changes
            if base > 0 and (found := _best(asked, prices, fits, today)) is not None
        ]

    levers = levers_of(_changed(workload, steps_are_free=best.choice is None))
    least = min((each.ratio for each in levers), default=1.0)
    # Two changes are worth telling only where they do what neither does alone.
    levers += [each for each in levers_of(_paired(workload)) if each.ratio < least * WORTH_TELLING]
    worth = sorted((each for each in levers if each.ratio < WORTH_TELLING), key=_strength)
    return Explanation(
        best=best,
        why_not_fewer=None if best.serving is None else best.serving.why_not_fewer,
        levers=tuple(worth),
        pareto=plans.pareto,
        cores_needed=_cores(workload, best, fits),
    )


def _strength(lever: Lever) -> float:
    return lever.ratio


def _best(workload: Workload, catalog: Catalog, fits: list[Fit], today: dt.date) -> Plan | None:
    try:
        return plan_fitted(workload, catalog, fits, today, "analytic").best
    except InfeasibleError:
        return None


def _changed(workload: Workload, *, steps_are_free: bool) -> Iterator[tuple[str, Workload]]:
    """Yield changes of a workload that may make it cheaper, in words and as workloads.

    Steps are not free where a quality floor chose them: fewer are judged by it, not proposed.
    """
    for change, fields in _relaxed(workload.constraints):
        relaxed = workload.constraints.model_copy(update=fields)
        yield change, workload.model_copy(update={"constraints": relaxed})
    if (objective := workload.objective) is not None:
        for times in (2, 4):
            looser = objective.model_copy(update={"within_s": objective.within_s * times})
            change = f"answers within {looser.within_s:g} s instead of {objective.within_s:g} s"
            yield change, workload.model_copy(update={"objective": looser})
    if (deadline := workload.deadline) is not None:
        longer = deadline.model_copy(update={"hours": min(8760.0, deadline.hours * 2)})
        change = f"{longer.hours:g} hours instead of {deadline.hours:g}"
        yield change, workload.model_copy(update={"deadline": longer})
    if steps_are_free and workload.shapes and all(share.steps > 1 for share in workload.shapes):
        fewer = tuple(s.model_copy(update={"steps": s.steps // 2}) for s in workload.shapes)
        yield (
            "half the steps, which changes the pictures",
            workload.model_copy(update={"shapes": fewer}),
        )


def _paired(workload: Workload) -> Iterator[tuple[str, Workload]]:
    """Yield changes that need each other: most pages of APIs, which are not timed, bear no date."""
    constraints = workload.constraints
    if not constraints.allow_untimed and not constraints.allow_stale:
        relaxed = constraints.model_copy(update={"allow_untimed": True, "allow_stale": True})
        yield (
            "an API of unknown latency at an old or undated price (allow_untimed, allow_stale)",
            workload.model_copy(update={"constraints": relaxed}),
        )


def _relaxed(constraints: Constraints) -> Iterator[tuple[str, dict[str, Any]]]:
    if not constraints.allow_lossy:
        yield "stacks that change the pictures (allow_lossy)", {"allow_lossy": True}
    if not constraints.allow_cached_prompts:
        yield "prompts that come again (allow_cached_prompts)", {"allow_cached_prompts": True}
    if not constraints.allow_untimed:
        yield "an API whose latency is not measured (allow_untimed)", {"allow_untimed": True}
    if not constraints.allow_marketplace:
        yield "hosts of a marketplace (allow_marketplace)", {"allow_marketplace": True}
    if not constraints.allow_stale:
        yield "prices that are old or undated (allow_stale)", {"allow_stale": True}
    if constraints.least_grade != "C":
        yield "prices of grade C (least_grade)", {"least_grade": "C"}
    if constraints.allow_providers is not None:
        yield "any provider (allow_providers)", {"allow_providers": None}


def _cores(workload: Workload, best: Plan, fits: list[Fit]) -> int | None:
    if best.calibration is None or best.batch is None or not workload.shapes:
        return None
    if best.components[0].gpus_per_image > 1:
        return None  # cores were varied for replicas of one GPU
    fitted = next(each for each in fits if name_of(each.calibration) == best.calibration)
    try:
        return max(fitted.cores_needed(shape, best.batch) for shape, _ in workload.mix)
    except MissingDataError:
        return None
