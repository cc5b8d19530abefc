"""Counting replicas: the least number that is enough, looked for around a guess."""

from __future__ import annotations

from collections.abc import Callable

from fluxcost.capacity.fleet import MOST_REPLICAS
from fluxcost.errors import InfeasibleError


def least_enough(enough: Callable[[int], bool], lowest: int, guess: int) -> int:
    """Return the least count that is enough, looked for around a guess.

    Raises:
        InfeasibleError: Not even `MOST_REPLICAS` are.
    """
    known: dict[int, bool] = {lowest - 1: False}

    def ask(count: int) -> bool:
        if count not in known:
            known[count] = enough(count)
        return known[count]

    step, low, high = 1, lowest - 1, guess
    while not (high <= MOST_REPLICAS and ask(high)):
        if high >= MOST_REPLICAS:
            raise InfeasibleError(
                f"more than {MOST_REPLICAS} replicas are needed; split the workload."
            )
        low, high, step = high, min(high + step, MOST_REPLICAS), 2 * step
    step = 1
    while high - step > low and ask(high - step):
        high, step = high - step, 2 * step
    low = max(low, high - step)
    while high - low > 1:
        middle = (low + high) // 2
        if ask(middle):
            high = middle
        else:
            low = middle
    return high
