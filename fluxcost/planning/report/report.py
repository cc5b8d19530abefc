"""The report itself: every part of it as text, whichever form it is then written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxcost.documents import write_atomically
from fluxcost.errors import InputError
from fluxcost.json_answers import json_text
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.library import load_calibration
from fluxcost.planning.explain import Explanation, explain_fitted, fits_for
from fluxcost.planning.legs import Leg
from fluxcost.planning.paces import name_of
from fluxcost.planning.plans import Plan, Plans
from fluxcost.planning.quality import asked_for
from fluxcost.planning.report.answer import Fact, facts_of, price_rows, timing_rows
from fluxcost.planning.report.doubts import risks_of
from fluxcost.planning.report.question import Line, asked_lines, constraint_lines
from fluxcost.planning.report.rivals import Losers, Rival, losers_of, rivals_of
from fluxcost.planning.report.stacks import StackAnswer, stacks_beside
from fluxcost.units import interval, percent
from fluxcost.workload import Workload

HOW_TO_REPEAT = (
    "Save this as plan.json and run: fluxcost plan --replay plan.json. It makes the plans again "
    "for the same day and seed, or says which price or timing has changed; prices, calibrations "
    "and quality records of your own go beside it with --prices, --calibration and --quality."
)


@dataclass(frozen=True, eq=False)
class Report:
    """One answer, told in full.

    Attributes:
        workload: The question.
        plans: The answer and what it was made from.
        asked: The question in words.
        constraints: Name, value and meaning of each.
        facts: The chosen plan's choices and numbers.
        rivals: Plans that were not chosen.
        stacks_on: The offer that stacks are compared on: the chosen one, or the best that rents;
            None where none does.
        stacks: The stacks timed on its GPU, each planned alone.
        losers: Candidates that break a rule, by rule.
        told: Why the plan is what it is, and what would make it cheaper.
        risks: What may make it wrong.
        timings: Calibration, hash, days, machine and weights of what the numbers rest on.
        prices: Id, date, grade and source of the same.
    """

    workload: Workload
    plans: Plans
    asked: tuple[Line, ...]
    constraints: tuple[tuple[str, str, str], ...]
    facts: tuple[Fact, ...]
    rivals: tuple[Rival, ...]
    stacks_on: str | None
    stacks: tuple[StackAnswer, ...]
    losers: tuple[Losers, ...]
    told: Explanation
    risks: tuple[str, ...]
    timings: tuple[tuple[str, str, str, str, str], ...]
    prices: tuple[tuple[str, str, str, str], ...]

    @property
    def best(self) -> Plan:
        """The chosen plan."""
        return self.plans.best

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        text = f"{' and '.join(map(_bought, self.best.legs))}, for {interval(self.best.total)}."
        return text[0].upper() + text[1:]

    @property
    def made_on(self) -> str:
        """What the numbers were made from, in a sentence."""
        recipe = self.plans.recipe
        sized = f"; fleets {recipe.depth}, seed {recipe.seed}" if self.workload.arrivals else ""
        return (
            f"Made by fluxcost with prices as judged on {recipe.today}{sized}. "
            "Plans are ranked by the dear end of their 90 % interval."
        )

    @property
    def evidence(self) -> tuple[str, ...]:
        """Every cell, run and price row that a fact rests on, in the order of the facts."""
        return tuple(dict.fromkeys(line for fact in self.facts for line in fact.evidence))

    @property
    def recipe(self) -> str:
        """JSON from which `fluxcost plan --replay` makes the plans shown again."""
        shown = [self.best, *(rival.plan for rival in self.rivals)]
        whole = self.plans.to_dict()
        answer = whole | {"plans": [each.to_dict() for each in shown], "rejected": []}
        return json_text("plan", answer, indent=1)

    def to_html(self) -> str:
        """Return one page that needs no network.

        Raises:
            InputError: The extra `report` is not installed.
        """
        from fluxcost.planning.report.page import to_html

        return to_html(self)

    def to_markdown(self) -> str:
        """Return the same as Markdown, without the picture."""
        from fluxcost.planning.report.text import to_text

        return to_text(self)

    def to_csv(self) -> str:
        """Return one row per plan, stack and rejected candidate."""
        from fluxcost.planning.report.sheet import to_csv

        return to_csv(self)

    def save(self, path: Path | str) -> None:
        """Write the report as the form that the name ends in: .html, .md or .csv.

        Raises:
            InputError: The name ends in something else, or the extra `report` is not installed.
            DocumentError: It cannot be written.
        """
        path = Path(path)
        check_form(path)
        write_atomically(path, _FORMS[path.suffix](self))

    def to_dict(self) -> dict[str, Any]:
        """Return stacks, explanation and risks as plain values; `plans` has the rest."""
        return {
            "option": self.best.option,
            "stacks": [each.to_dict() for each in self.stacks],
            "explanation": self.told.to_dict(),
            "risks": list(self.risks),
        }


def _bought(leg: Leg) -> str:
    if leg.gpus:
        return f"rent {leg.gpus} x {leg.gpu} at {leg.option}, {leg.mode}"
    share = "" if leg.share == 1 else f"{percent(leg.share)} of the images "
    return f"buy {share}from {leg.option}"


_FORMS: dict[str, Callable[[Report], str]] = {
    ".html": Report.to_html,
    ".md": Report.to_markdown,
    ".csv": Report.to_csv,
}


def check_form(path: Path) -> None:
    """Raise where a report cannot be written under a name.

    Raises:
        InputError: It ends in something else than .html, .md or .csv.
    """
    if path.suffix not in _FORMS:
        raise InputError(f"report is {str(path)!r}; expected a name in {', '.join(_FORMS)}.")


def report(
    workload: Workload, plans: Plans, calibrations: Iterable[Calibration] | None = None
) -> Report:
    """Return the report of a workload's plans.

    Args:
        workload: What the plans are for.
        plans: As `plan` gave them.
        calibrations: The timings they were made with, where they were given.

    Raises:
        InfeasibleError: No plan meets the constraints.
    """
    from fluxcost.capacity.demand import demand_of

    best, recipe = plans.best, plans.recipe
    given = None if calibrations is None else list(calibrations)
    asked = asked_for(workload, best)
    fits = fits_for(asked, recipe.catalog, given)
    told = explain_fitted(asked, plans, fits, recipe.catalog)
    rivals = rivals_of(plans)
    shown = [best, *(rival.plan for rival in rivals)]
    rented = next((each for each in plans if each.gpu is not None), None)
    stacks: tuple[StackAnswer, ...] = ()
    if rented is not None:
        its = asked_for(workload, rented)
        fits_here = fits if its.model == asked.model else fits_for(its, recipe.catalog, given)
        stacks = tuple(stacks_beside(rented, its, plans, fits_here))
    named = [each.calibration for each in shown if each.calibration is not None]
    timed = tuple(dict.fromkeys([*named, *(stack.calibration for stack in stacks)]))
    mine = {name_of(each): each for each in given or ()}
    known = {name: mine.get(name) or load_calibration(name) for name in timed}
    legs = (leg.option for each in shown for leg in each.legs)
    return Report(
        workload=workload,
        plans=plans,
        asked=tuple(asked_lines(workload, demand_of(workload) if workload.arrivals else None)),
        constraints=tuple(constraint_lines(workload.constraints)),
        facts=tuple(facts_of(best)),
        rivals=rivals,
        stacks_on=None if rented is None else rented.option,
        stacks=stacks,
        losers=tuple(losers_of(plans)),
        told=told,
        risks=tuple(risks_of(best, recipe.catalog, known, told, recipe.today)),
        timings=tuple(timing_rows(timed, known)),
        prices=tuple(price_rows(dict.fromkeys(legs), recipe.catalog)),
    )
