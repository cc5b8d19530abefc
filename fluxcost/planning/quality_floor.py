"""A quality floor: which models and step counts may make the pictures, and the plans of each.

The choice rests on quality records. CLIP scores alone never justify fewer steps than a model was
made for: in the published sweep fewer steps score higher, and CLIP does not detect what is lost.
Only human ratings (metric `accepted`) do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from fluxcost.economics.cost import quality_adjusted_cost
from fluxcost.errors import InputError, MissingDataError, UnknownNameError
from fluxcost.estimate import Estimate, Source
from fluxcost.performance.architecture import load_architecture
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.quality.quality_figures import ALL, QualityFigure, figures
from fluxcost.performance.quality.quality_lookup import no_record, shipped_qualities
from fluxcost.performance.quality.quality_metrics import MEANINGS, Metric
from fluxcost.performance.quality.quality_record import Quality
from fluxcost.planning.plan_records import PlanRecipe, QualityChoice
from fluxcost.planning.plans import Plan, Plans, Rejected, split_rejected
from fluxcost.units import usd
from fluxcost.workload.constraints import QualityFloor
from fluxcost.workload.workload import Workload

CONSTRAINT = "quality"

LEAST = 1e-9
"""A floor that every figure reaches."""


def plan_for_quality(
    asked: PlanRecipe,
    plan: Callable[..., Plans],
    calibrations: Iterable[Calibration] | None,
    qualities: Iterable[Quality] | None,
    dearness: Callable[[Plan], Any],
) -> Plans:
    """Return the plans of every model and step count that meets the workload's floor.

    Args:
        asked: A workload with a quality floor, and what its plans are made from.
        plan: Plans a workload without one, given `calibrations`.
        calibrations: Timings of any of the models; the shipped ones unless given.
        qualities: Records; the shipped ones unless given.
        dearness: What plans are ranked by.

    Raises:
        InputError: Records hold scores of several judges and the floor names none.
        MissingDataError: No record holds the metric for any of the models.
    """
    workload, timings = asked.workload, dict(asked.calibrations)
    floor = workload.quality
    assert floor is not None  # noqa: S101 - narrows the type; the caller has checked
    records = shipped_qualities() if qualities is None else tuple(qualities)
    models = floor.models or (workload.model,)
    kept, turned_down = split_rejected(choices(floor, models, records))
    timed = None if calibrations is None else list(calibrations)
    ranked: list[Plan] = []
    rejected = list(turned_down)
    for choice in kept:
        here = timed and [each for each in timed if each.model == choice.model]
        try:
            plans = plan(asking_for(workload, choice), calibrations=here)
        except UnknownNameError as error:
            rejected.append(Rejected(str(choice), "timing", str(error)))
            continue
        timings |= plans.recipe.calibrations
        ranked += [_explained(each, choice, floor) for each in plans]
        rejected += [
            replace(each, candidate=f"{choice}: {each.candidate}") for each in plans.rejected
        ]
    recipe = replace(asked, calibrations=timings)
    return Plans(workload.name, tuple(sorted(ranked, key=dearness)), tuple(rejected), recipe)


def choices(
    floor: QualityFloor, models: Sequence[str], records: Sequence[Quality]
) -> Iterator[QualityChoice | Rejected]:
    """Yield every model and step count that meets the floor, and why each other does not.

    Raises:
        InputError: The records hold scores of several judges and the floor names none.
        MissingDataError: No record holds the metric for any of the models.
    """
    metric = Metric(floor.metric)
    held = [each for each in records if each.model in models and metric in each.metrics]
    if not held:
        raise MissingDataError(no_record(" or ".join(models), metric))
    judge = _one_judge(floor, metric, held)
    judged = [each for each in held if each.judges[metric].name == judge]
    for model in models:
        mine = [each for each in judged if each.model == model]
        if not mine:
            yield Rejected(model, CONSTRAINT, no_record(model, metric))
        for figure in _strongest(floor, metric, mine):
            choice = QualityChoice(model, figure.steps, metric, figure.value, judge)
            yield _broken_by(choice, floor) or choice


def judged(
    metric: Metric, models: Sequence[str], records: Sequence[Quality]
) -> dict[tuple[str, int | None], tuple[Estimate, bool]]:
    """Return each figure of the models by model and steps, and whether it may argue for its steps.

    CLIP may not where they are fewer than the model was made for.

    Raises:
        InputError: The records hold scores of several judges, which cannot be compared.
        MissingDataError: No record holds the metric for any of the models.
    """
    floor = QualityFloor(metric=metric.value, at_least=LEAST)
    held = [each for each in records if each.model in models and metric in each.metrics]
    if not held:
        raise MissingDataError(no_record(" or ".join(models), metric))
    judge = _one_judge(floor, metric, held)
    return {
        (model, figure.steps): (
            figure.value,
            _too_few_steps(QualityChoice(model, figure.steps, metric, figure.value, judge)) is None,
        )
        for model in models
        for figure in _strongest(floor, metric, [each for each in held if each.model == model])
    }


def _one_judge(floor: QualityFloor, metric: Metric, records: Sequence[Quality]) -> str:
    judges = {each.judges[metric] for each in records}
    named = {each for each in judges if floor.judge in {None, each.name}}
    if len(named) == 1:
        return named.pop().name
    known = "; ".join(sorted(f"{each.name} ({each.revision})" for each in judges))
    if floor.judge is not None:
        raise InputError(
            f"quality.judge is {floor.judge!r}; expected one of the judges of {metric}, of one "
            f"revision: {known}."
        )
    raise InputError(
        f"{metric} was judged by {known}, whose scores cannot be compared; name one as "
        "quality.judge."
    )


def _strongest(
    floor: QualityFloor, metric: Metric, records: Sequence[Quality]
) -> Iterator[QualityFigure]:
    """Yield one figure a step count: of the strongest source, and of equals the last."""
    best: dict[int | None, QualityFigure] = {}
    for record in sorted(records, key=lambda each: each.source.rank, reverse=True):
        found = [each for each in figures(record) if each.metric is metric]
        over = {each.category for each in found}
        wanted = floor.category or (ALL if ALL in over or len(over) != 1 else over.pop())
        best |= {each.steps: each for each in found if each.category == wanted}
    yield from best.values()


def _broken_by(choice: QualityChoice, floor: QualityFloor) -> Rejected | None:
    value = choice.value
    reason = _too_few_steps(choice)
    if value.low < floor.at_least:
        reason = (
            f"{choice.metric} is {value.value:.3f} ({value.low:.3f} to {value.high:.3f}, "
            f"{value.source}); at least {floor.at_least:g} asked."
        )
    return Rejected(str(choice), CONSTRAINT, reason) if reason else None


def _too_few_steps(choice: QualityChoice) -> str | None:
    """Return why the steps are not known to be enough, or None."""
    if MEANINGS[choice.metric].judged_by == "people":
        return None
    try:
        designed = load_architecture(choice.model).pipeline.designed_steps
    except UnknownNameError:
        designed = None
    if designed is None:
        if choice.steps is None:
            return None  # an API that states no steps runs its model as its maker means it
        return "how many steps it was made for is not known, and CLIP does not see what is lost."
    if choice.steps is None:
        return "its record does not say at how many steps the pictures were drawn."
    if choice.steps < designed:
        return (
            f"it was made for {designed} steps, and {choice.metric} does not see what fewer lose; "
            "only a record of metric accepted may allow it."
        )
    return None


def asked_for(workload: Workload, plan: Plan) -> Workload:
    """Return what a workload comes to with the model and steps that its floor chose for a plan."""
    return workload if plan.choice is None else asking_for(workload, plan.choice)


def asking_for(workload: Workload, choice: QualityChoice) -> Workload:
    """Return a workload with a quality floor as one that asks for what was chosen."""
    shapes = workload.shapes
    if choice.steps is not None:
        shapes = tuple(each.model_copy(update={"steps": choice.steps}) for each in shapes)
    changed = {"model": choice.model, "shapes": shapes, "quality": None}
    return workload.model_copy(update=changed)


def _explained(plan: Plan, choice: QualityChoice, floor: QualityFloor) -> Plan:
    value = choice.value
    why = (
        f"{choice}: {choice.metric} {value.value:.3f}, at least {value.low:.3f} "
        f"({value.source}, judged by {choice.judge}), where {floor.at_least:g} is asked. {plan.why}"
    )
    if MEANINGS[choice.metric].is_share and value.draws.min() > 0:
        each = quality_adjusted_cost(plan.usd_per_image, value)
        why += f" One that passes costs {usd(each.value)}."
    caveats = plan.caveats
    if value.source is not Source.MEASURED:
        caveats = (*caveats, f"how good the pictures are is {value.source}: {value.evidence[0]}")
    return replace(plan, why=why, caveats=caveats, choice=choice)
