"""Instances that may be interrupted: work is lost and done again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fluxcost.economics.ledger import Amount, Span
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer
from fluxcost.economics.rental import refuse_bad_share, refuse_less, worked
from fluxcost.errors import InfeasibleError, InputError

HARDLY_EVER = 10.0
"""Interruptions to be expected within a piece of work beyond which it is not worth starting."""


def interrupted(running_s: Amount, piece_s: Amount, per_hour: float) -> tuple[Amount, Amount]:
    """Return how often work is interrupted and the seconds of it that are lost, both as means.

    Interruptions come at random at a constant rate r while an instance works. Then one piece of t
    seconds takes (e^(rt) - 1) / r seconds of work, and is interrupted e^(rt) - 1 times.

    Args:
        running_s: Seconds of work that have to be finished.
        piece_s: Seconds of it that an interruption loses at most.
        per_hour: Interruptions of one instance.

    Raises:
        InfeasibleError: Hardly any piece would be finished.
    """
    rate = per_hour / SECONDS_PER_HOUR
    if np.max(rate * piece_s) > HARDLY_EVER:
        raise InfeasibleError(
            f"at {per_hour:g} interruptions an hour hardly any piece of {np.max(piece_s):g} s is "
            "ever finished; checkpoint more often."
        )
    times = running_s / piece_s * np.expm1(rate * piece_s)
    return times, times / rate - running_s if rate else 0.0 * running_s


def lost_per_second(calls_s: Amount, restart_s: Amount, per_hour: float) -> Amount:
    """Return the seconds that lost calls and new starts add to each second of work, as a mean.

    Args:
        calls_s: Seconds from the start of one call to that of the next; an interruption loses the
            call in progress, since finished images are kept.
        restart_s: Seconds from an interruption until work goes on.
        per_hour: Interruptions of one instance.

    Raises:
        InfeasibleError: Hardly any call would be finished.
    """
    times, lost_s = interrupted(calls_s, calls_s, per_hour)
    return (lost_s + times * restart_s) / calls_s


@dataclass(frozen=True)
class Spot:
    """Interruptible instances: work since the last checkpoint is lost and done again.

    Attributes:
        interruptions_per_hour: Of one instance. It has no default: only its user knows.
        checkpoint_s: Seconds of work that are lost at most, such as one call.
        restart_s: Billed seconds from an interruption until work goes on.
        utilization: Share of running time in which the GPUs make images.
    """

    interruptions_per_hour: float
    checkpoint_s: float
    restart_s: float
    utilization: float

    def __post_init__(self) -> None:
        refuse_less("interruptions_per_hour", self.interruptions_per_hour, 0)
        refuse_less("restart_s", self.restart_s, 0)
        refuse_bad_share("utilization", self.utilization)
        if not 0 < self.checkpoint_s < math.inf:
            raise InputError(f"checkpoint_s is {self.checkpoint_s!r}; expected seconds over 0.")
        interrupted(0.0, self.checkpoint_s, self.interruptions_per_hour)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return time at work and idle, work lost, and restarts."""
        busy_s = gpu_s / offer.gpu_count
        running_s = busy_s / self.utilization
        times, lost_s = interrupted(running_s, self.checkpoint_s, self.interruptions_per_hour)
        return (
            *worked(busy_s, running_s),
            Span("work lost", lost_s),
            Span("restarts", times * self.restart_s),
        )
