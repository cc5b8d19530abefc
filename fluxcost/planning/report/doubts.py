"""The risks of a report: what may make the answer wrong, and what is not in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from fluxcost.economics.catalog import Catalog
from fluxcost.estimate import Source
from fluxcost.performance.calibration import Calibration
from fluxcost.planning.explain import Explanation
from fluxcost.planning.plans import Plan
from fluxcost.units import counted, percent, usd

NOT_IN_IT = (
    "Storage, traffic, taxes and people are not in the total; fluxcost cost --extras adds them."
)
NO_PROMISE = (
    "An interval holds 90 % of the draws from what was measured and dated; it knows nothing "
    "of outages, of GPUs sold out, or of demand other than stated."
)


def risks_of(
    plan: Plan,
    catalog: Catalog,
    known: dict[str, Calibration],
    explanation: Explanation,
    today: dt.date,
) -> Iterator[str]:
    """Yield what a reader must know before paying, the plan's own caveats first.

    Args:
        plan: The chosen one.
        catalog: Its prices.
        known: Calibrations by the name a plan gives them.
        explanation: Why the plan is what it is.
        today: Day prices are judged on.
    """
    yield from (f"{caveat}." for caveat in plan.caveats)
    yield (
        f"The total may reach {usd(plan.total.high)}, "
        f"{percent(plan.total.high / plan.total.value - 1)} over the middle."
    )
    rows = {row.id: row for row in (*catalog.offers, *catalog.tariffs)}
    for component in plan.components:
        age = rows[component.option].age_days(today)
        yield f"The price of {component.option} was {age} days old on {today}, and may have moved."
    if (serving := plan.serving) is not None:
        yield f"With fewer GPUs: {serving.why_not_fewer}"
        missed = 1 - serving.probability_met
        if missed > 0:
            yield f"In {percent(missed)} of the timing draws the objective is missed."
    if plan.calibration is not None:
        yield from _of_timing(plan, known[plan.calibration], explanation)
    yield NOT_IN_IT
    yield NO_PROMISE


def _of_timing(plan: Plan, calibration: Calibration, explanation: Explanation) -> Iterator[str]:
    weights = dict.fromkeys(run.environment.weights for run in calibration.runs)
    if any(name.startswith("synthetic") for name in weights):
        yield "Timed with synthetic weights at the model's true shapes, not with a checkpoint."
    if plan.timing_source is not Source.MEASURED:
        yield f"The timing is {plan.timing_source}, not measured at these shapes and batch."
    if calibration.stack.is_lossy:
        yield f"{calibration.stack.alias} changes the pictures; look at some before renting."
    if explanation.cores_needed is None:
        yield "How many CPU cores a replica needs was not measured for this stack."
    else:
        needed = counted(explanation.cores_needed, "CPU core")
        yield f"Each replica needs {needed}; see that the instance has them."
