"""Counts of GPUs that are not priced in proportion: which rows to rent for so many GPUs."""

from __future__ import annotations

from collections.abc import Sequence

from fluxcost.economics.offers import Offer
from fluxcost.errors import InputError


def cheapest_rows(rungs: Sequence[Offer], gpus: int) -> tuple[tuple[Offer, int], ...]:
    """Return the cheapest whole instances that hold at least so many GPUs, and how many of each.

    Args:
        rungs: Offers of one GPU and one provider, one per count.
        gpus: GPUs needed.

    Raises:
        InputError: There are no rungs, they are of different GPUs, or gpus is under 1.
        MissingDataError: A vendor publishes no price.
    """
    if not rungs or len({(rung.provider, rung.gpu) for rung in rungs}) != 1:
        raise InputError(f"rungs are {[rung.id for rung in rungs]}; expected one GPU and provider.")
    if gpus < 1:
        raise InputError(f"gpus is {gpus}; expected at least 1.")
    # best[n]: USD per hour for at least n GPUs, and the last row added to get there.
    best: list[tuple[float, Offer | None]] = [(0.0, None)]
    for needed in range(1, gpus + 1):
        ways = [
            (best[max(0, needed - rung.gpu_count)][0] + rung.usd_per_instance_hour, rung)
            for rung in rungs
        ]
        best.append(min(ways, key=lambda way: way[0]))
    counts: dict[str, int] = {}
    left = gpus
    while left > 0:
        rung = best[left][1]
        assert rung is not None  # noqa: S101 - every entry after the first has a row
        counts[rung.id] = counts.get(rung.id, 0) + 1
        left -= rung.gpu_count
    by_id = {rung.id: rung for rung in rungs}
    return tuple((by_id[rung_id], count) for rung_id, count in counts.items())
