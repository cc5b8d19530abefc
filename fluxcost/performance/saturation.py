"""The saturating batch: larger ones make no more images a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fluxcost.errors import InfeasibleError, UntrustworthyError
from fluxcost.estimate import Estimate

SAME_RATE = 0.995
"""Share of the highest throughput that counts as reaching it: past saturation rates differ by
noise, and a larger batch only makes callers wait."""


def saturating_batch(batches: Iterable[int], occupancy: Callable[[int], Estimate]) -> int | None:
    """Return the smallest batch that reaches the highest rate; None where none can be answered.

    Args:
        batches: Those to choose from; what does not fit or cannot be trusted is passed over.
        occupancy: Seconds a call of a batch keeps the GPU.
    """
    rates: dict[int, float] = {}
    for batch in batches:
        try:
            rates[batch] = batch / occupancy(batch).value
        except (InfeasibleError, UntrustworthyError):
            continue
    enough = SAME_RATE * max(rates.values(), default=0.0)
    return min((batch for batch, rate in rates.items() if rate >= enough), default=None)
