"""What else could be rented or bought, and why it was not chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fluxcost.planning.diff import PlanDiff, diff
from fluxcost.planning.plans import Plan, Plans, Rejected
from fluxcost.units import percent, usd

SHOWN = 8
"""Plans set beside the chosen one."""


@dataclass(frozen=True, eq=False)
class Rival:
    """A plan that was not chosen.

    Attributes:
        plan: The plan.
        against: What it has over the chosen one.
        reason: Why it lost, in a sentence.
    """

    plan: Plan
    against: PlanDiff
    reason: str


def rivals_of(plans: Plans) -> tuple[Rival, ...]:
    """Return the best of each other way to buy, in order, at most `SHOWN`."""
    best = plans.best
    others = [each for each in plans.leaders if each is not best][:SHOWN]
    return tuple(_rival(best, each) for each in others)


def _rival(best: Plan, other: Plan) -> Rival:
    against = diff(best, other)
    return Rival(other, against, _reason(best, other, against))


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
class Losers:
    """Candidates that broke the same rule.

    Attributes:
        constraint: The rule.
        found: Candidate and reason of each, in order.
    """

    constraint: str
    found: tuple[Rejected, ...]


def losers_of(plans: Plans) -> Iterator[Losers]:
    """Yield the rejected candidates by the rule they broke, the most frequent rule first."""
    groups: dict[str, list[Rejected]] = {}
    for each in plans.rejected:
        groups.setdefault(each.constraint, []).append(each)
    for constraint, found in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield Losers(constraint, tuple(found))
