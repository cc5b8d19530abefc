"""Shapes that share calls against one shape that comes as often as all of them."""

import numpy as np
import pytest

from fluxcost.capacity.arrivals import ArrivalProcess, AtOnce, RecordedArrivals, Stream
from fluxcost.capacity.demand import Demand, RequestClass
from fluxcost.capacity.fleet import Batching, Fleet
from fluxcost.capacity.service_times import ServiceTimes, no_spread
from fluxcost.capacity.simulator.engine import SimulatedRun, Trial
from fluxcost.workload.shape import Shape

TALL, WIDE, SMALL = Shape(768, 1024, 4), Shape(1024, 768, 4), Shape(512, 512, 4)
CALL_S = np.array([0.5 + 0.1 * size for size in range(1, 5)])


def trial(
    lines: list[tuple[Shape, int, float]],
    arrivals: ArrivalProcess,
    together: str,
    times: np.ndarray,
) -> Trial:
    count = arrivals.times_s.size if isinstance(arrivals, RecordedArrivals) else None
    count = 900 if isinstance(arrivals, AtOnce) else count
    rate = None if isinstance(arrivals, AtOnce) else 8.0
    demand = Demand(tuple(RequestClass(*line) for line in lines), rate, arrivals, count)
    batching = Batching.model_validate({"max_batch": 4, "together": together})
    fleet = Fleet(calibration="made", replicas=2, batching=batching)
    return Trial(demand, ServiceTimes(times, times, no_spread), fleet, requests=20_000)


def same(first: SimulatedRun, second: SimulatedRun) -> bool:
    return np.array_equal(first.histograms.sum(axis=0), second.histograms.sum(axis=0))


ONE = [(TALL, 0, 0.25), (TALL, 0, 0.75)]
TWO = [(TALL, 0, 0.25), (WIDE, 0, 0.75)]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Stream(8.0, shares=(0.25, 0.75)), Stream(8.0, shares=(0.25, 0.75))),
        (AtOnce((0.25, 0.75)), AtOnce((0.25, 0.75))),
        (
            RecordedArrivals(np.arange(400) / 9, np.zeros(400, dtype=np.int64)),
            RecordedArrivals(np.arange(400) / 9, np.arange(400) % 2),
        ),
    ],
)
def test_shapes_of_one_token_count_are_served_as_one_shape(
    one: ArrivalProcess, two: ArrivalProcess
):
    alike = trial(ONE, one, "shape", np.stack([CALL_S, CALL_S]))
    pooled = trial(TWO, two, "tokens", np.stack([CALL_S, CALL_S]))
    apart = trial(TWO, two, "shape", np.stack([CALL_S, CALL_S]))
    assert same(pooled.run(0), alike.run(0))
    assert pooled.run(0).calls <= apart.run(0).calls
    assert pooled.pools.waits_in == (0, 0)
    assert pooled.image_s == pytest.approx(apart.image_s)


def test_shapes_apart_fill_smaller_calls():
    stream = Stream(5.0, shares=(0.5, 0.5))
    times = np.stack([CALL_S, CALL_S])
    calls = [trial(TWO, stream, together, times).run(0).calls for together in ("tokens", "shape")]
    assert calls[0] < 0.95 * calls[1]


def test_times_are_averaged_by_share():
    pool = trial(TWO, Stream(8.0, shares=(0.25, 0.75)), "tokens", np.stack([CALL_S, 2 * CALL_S]))
    assert pool.pools.service.occupancy_s == pytest.approx(1.75 * CALL_S[None])


def test_token_counts_steps_and_priorities_stay_apart():
    lines = [
        (TALL, 0, 0.2),
        (SMALL, 0, 0.2),
        (WIDE, 1, 0.2),
        (Shape(1024, 768, 5), 0, 0.2),
        (Shape(1024, 768, 4, 1), 0, 0.2),
    ]
    stream = Stream(8.0, shares=(0.2,) * 5)
    pool = trial(lines, stream, "tokens", np.stack([CALL_S] * 5))
    assert pool.pools.waits_in == (0, 1, 2, 3, 4)
    assert pool.pools.priorities == (0, 0, 1, 0, 0)
