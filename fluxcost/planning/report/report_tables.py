"""The tables of a report: the same titles and texts in HTML, Markdown and the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from fluxcost.estimate import interval
from fluxcost.planning.plans import Plan
from fluxcost.planning.report.alternatives import StackAnswer
from fluxcost.planning.report.content import ReportContent
from fluxcost.planning.text_table import NOTHING
from fluxcost.units import percent, usd

CHOSEN = "chosen"


@dataclass(frozen=True)
class ReportTable:
    """Titles and rows of text; `chosen` is the row of the plan chosen, None where none is."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    chosen: int | None = None


def facts_table(report: ReportContent) -> ReportTable:
    """Return each number of the plan, its source, and the evidence by number."""
    numbers = {line: str(number) for number, line in enumerate(report.evidence, start=1)}
    rows = tuple(
        (
            fact.name,
            fact.value,
            fact.source,
            ", ".join(numbers[line] for line in fact.evidence) or NOTHING,
        )
        for fact in report.facts
    )
    return ReportTable(("what", "value, 90 % interval", "source", "rests on"), rows)


def stacks_table(report: ReportContent) -> ReportTable:
    """Return what each stack of the chosen GPU makes of the question."""
    found = [_stack(each, report.best) for each in report.stacks]
    chosen = next((at for at, row in enumerate(found) if row[-1] == CHOSEN), None)
    titles = ("stack", "GPUs", "batch", "total", "an image", "answers in", "pictures", "verdict")
    return ReportTable(titles, tuple(found), chosen)


def _stack(each: StackAnswer, best: Plan) -> tuple[str, ...]:
    plan = each.plan
    if plan is None:
        numbers: tuple[str, ...] = (NOTHING,) * 5
    else:
        numbers = (
            str(plan.gpus),
            str(plan.batch),
            interval(plan.total),
            usd(plan.usd_per_image.value),
            _answers(plan),
        )
    return each.stack, *numbers, str(each.picture), _verdict(each, best)


def _verdict(each: StackAnswer, best: Plan) -> str:
    if each.calibration == best.calibration:
        return CHOSEN
    if each.refusal is not None:
        return each.refusal
    assert each.plan is not None  # noqa: S101 - without a plan there is a refusal
    if best.total.value <= 0:
        return f"{usd(each.plan.total.value)}, where the first plan costs nothing."
    ratio = each.plan.total.value / best.total.value
    if ratio >= 1:
        return f"{ratio:.2f} times the cost."
    return f"{ratio:.2f} times the median cost, with a higher upper bound or a slower answer."


def _answers(plan: Plan) -> str:
    if plan.serving is not None:
        return f"{plan.serving.objective.label} {interval(plan.serving.response)}"
    return NOTHING if plan.latency is None else f"a call {interval(plan.latency)}"


def rivals_table(report: ReportContent) -> ReportTable:
    """Return the chosen plan and the best of each other way to buy."""
    best = report.best
    rows = [_rival(best, NOTHING, CHOSEN)]
    rows += [_rival(each.plan, interval(each.against.total), each.reason) for each in report.rivals]
    titles = (
        "option", "rented", "stack", "total", "more than chosen", "an image", "answers in",
        "price of", "why not",
    )  # fmt: skip
    return ReportTable(titles, tuple(rows), 0)


def _rival(plan: Plan, more: str, reason: str) -> tuple[str, ...]:
    stack = NOTHING if plan.calibration is None else plan.calibration.rsplit("/", 1)[-1]
    rented = f"{plan.gpus} x {plan.gpu}, {plan.mode}" if plan.gpus else plan.mode
    return (
        plan.option,
        rented,
        stack if plan.batch is None else f"{stack}, batch {plan.batch}",
        interval(plan.total),
        more,
        usd(plan.usd_per_image.value),
        _answers(plan),
        plan.priced_as_of,
        reason,
    )


def losers_table(report: ReportContent) -> ReportTable:
    """Return each broken rule with the number of candidates and one of them."""
    rows = tuple(
        (
            each.constraint,
            str(len(each.found)),
            f"{each.found[0].candidate}: {each.found[0].reason}",
        )
        for each in report.losers
    )
    return ReportTable(("rule", "candidates", "such as"), rows)


def levers_table(report: ReportContent) -> ReportTable:
    """Return the changes of the question that make it cheaper."""
    rows = tuple(
        (lever.change, percent(lever.ratio), lever.plan.option, interval(lever.plan.total))
        for lever in report.explanation.levers
    )
    return ReportTable(("change", "of what it may cost", "then", "total"), rows)


def timings_table(report: ReportContent) -> ReportTable:
    """Return the calibrations behind the plans and stacks shown."""
    return ReportTable(("calibration", "hash", "measured", "machine", "weights"), report.timings)


def prices_table(report: ReportContent) -> ReportTable:
    """Return the price rows behind the plans shown."""
    return ReportTable(("price", "true on", "grade", "source"), report.prices)


def constraints_table(report: ReportContent) -> ReportTable:
    """Return what the question forbids."""
    return ReportTable(("constraint", "value", "meaning"), report.constraints)
