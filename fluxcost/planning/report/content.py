"""What a report says: every part of it as text, whichever form it is then written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fluxcost.estimate import interval
from fluxcost.json_answers import json_text
from fluxcost.planning.explain import Explanation
from fluxcost.planning.plan_records import Component
from fluxcost.planning.plans import Plan, Plans
from fluxcost.planning.report.alternatives import AlternativePlan, RejectedGroup, StackAnswer
from fluxcost.planning.report.sections import Fact, NamedText
from fluxcost.units import percent
from fluxcost.workload.workload import Workload

HOW_TO_REPEAT = (
    "Save this as plan.json and run: fluxcost plan --replay plan.json. It makes the plans again "
    "for the same day and seed, or says which price or timing has changed; prices, calibrations "
    "and quality records of your own go beside it with --prices, --calibration and --quality."
)


@dataclass(frozen=True, eq=False)
class ReportContent:
    """What a report says, as text and plain values.

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
        explanation: Why the plan is what it is, and what would make it cheaper.
        risks: What may make it wrong.
        timings: Calibration, hash, days, machine and weights of what the numbers rest on.
        prices: Id, date, grade and source of the same.
    """

    workload: Workload
    plans: Plans
    asked: tuple[NamedText, ...]
    constraints: tuple[tuple[str, str, str], ...]
    facts: tuple[Fact, ...]
    rivals: tuple[AlternativePlan, ...]
    stacks_on: str | None
    stacks: tuple[StackAnswer, ...]
    losers: tuple[RejectedGroup, ...]
    explanation: Explanation
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
        text = (
            f"{' and '.join(map(_bought, self.best.components))}, for {interval(self.best.total)}."
        )
        return text[0].upper() + text[1:]

    @property
    def made_on(self) -> str:
        """What the numbers were made from, in a sentence."""
        recipe = self.plans.recipe
        sized = f"; fleets {recipe.depth}, seed {recipe.seed}" if self.workload.arrivals else ""
        return (
            f"Made by fluxcost with prices as judged on {recipe.today}{sized}. "
            "Plans are ranked by the upper bound of their 90 % cost interval."
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
        made = whole | {"plans": [each.to_dict() for each in shown], "rejected": []}
        return json_text("plan", made, indent=1)

    def to_dict(self) -> dict[str, Any]:
        """Return stacks, explanation and risks as plain values; `plans` has the rest."""
        return {
            "option": self.best.option,
            "stacks": [each.to_dict() for each in self.stacks],
            "explanation": self.explanation.to_dict(),
            "risks": list(self.risks),
        }


def _bought(component: Component) -> str:
    if component.gpus:
        return f"rent {component.gpus} x {component.gpu} at {component.option}, {component.mode}"
    share = "" if component.share == 1 else f"{percent(component.share)} of the images "
    return f"buy {share}from {component.option}"
