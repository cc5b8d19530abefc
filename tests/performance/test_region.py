"""The batch from which on a GPU makes no more images a second, on occupancies made by hand."""

from collections.abc import Callable

import pytest

from fluxcost.errors import InfeasibleError
from fluxcost.estimate import Estimate, Source, UntrustworthyError
from fluxcost.performance.region import saturating_batch


def seconds(value: float) -> Estimate:
    return Estimate.exact(value, "s", Source.MEASURED, "made up")


@pytest.mark.parametrize(
    ("occupancy_s", "best"),
    [
        (lambda batch: max(1.0, batch / 4), 4),  # 4 images/s from batch 4 on
        (lambda batch: 1.0 + batch, 8),  # batch / (1 + batch) rises without end
        (float, 1),  # one image/s whatever the batch
        (lambda batch: batch / (1.0 + 0.002 * batch), 6),  # 1.012 is within 0.5 % of 1.016
    ],
)
def test_it_is_the_smallest_that_reaches_the_highest_rate(
    occupancy_s: Callable[[int], float], best: int
):
    assert saturating_batch(range(1, 9), lambda batch: seconds(occupancy_s(batch))) == best


def test_what_cannot_be_answered_is_passed_over():
    def occupancy(batch: int) -> Estimate:
        if batch > 3:
            raise InfeasibleError("too large")
        if batch == 2:
            raise UntrustworthyError("too wide", seconds(1.0))
        return seconds(1.0)

    assert saturating_batch(range(1, 9), occupancy) == 3
    assert saturating_batch([2, 5], occupancy) is None
    assert saturating_batch([], occupancy) is None
