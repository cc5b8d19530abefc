"""The open loop against the simulator, on exact arithmetic: same arrivals, calls and rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity.arrivals import RecordedArrivals
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.service_times import ServiceTimes, no_spread
from fluxcost.capacity.simulator.engine import run_once
from fluxcost.capacity.simulator.servers import Rules
from measure.scenarios.open_loop import poisson_schedule, run_open_loop
from tests.measure.scenarios.stub_replicas import Imagined


@settings(deadline=None, max_examples=50)
@given(
    gaps=st.lists(st.integers(0, 200), min_size=2, max_size=80),
    max_batch=st.integers(1, 5),
    max_wait=st.integers(0, 100),
    sizes=st.sets(st.integers(1, 4)),
)
def test_a_driven_run_is_what_the_simulator_says(
    gaps: list[int], max_batch: int, max_wait: int, sizes: set[int]
):
    """Times are multiples of 1/64 s, exact in a float, so that both see the same ties."""
    due = (np.cumsum(gaps) + 1) / 64
    batching = Batching(max_batch=max_batch, max_wait_s=max_wait / 64)
    made = sorted({size for size in sizes if size < max_batch} | {max_batch})
    call_s = {size: (33 + 17 * size) / 64 for size in made}
    maker = Imagined(call_s)
    log = run_open_loop(due.tolist(), maker, batching, maker.sleep)
    by_batch = np.array(
        [[call_s[next(s for s in made if s >= b)] for b in range(1, max_batch + 1)]]
    )
    run = run_once(
        RecordedArrivals(due, np.zeros(due.size, dtype=np.int64)),
        due.size,
        ServiceTimes(by_batch, by_batch, no_spread),
        Rules(1, batching),
        seed=0,
    )
    started = np.array(log.started_s)[log.call]
    finished = np.array(log.finished_s)[log.call]
    assert run.calls == len(log.images)
    assert run.wait_s == pytest.approx(float(np.mean(started - due)), abs=1e-5)
    assert run.mean_s == pytest.approx(float(np.mean(finished - due)), rel=2e-3)
    assert run.left_s == pytest.approx(max(0.0, log.finished_s[-1] - due[-1]), abs=1e-5)


def test_requests_due_while_a_call_runs_count_from_when_they_were_due():
    maker = Imagined({1: 1.0, 2: 1.5})
    log = run_open_loop([0.5, 0.75, 1.25, 4.0], maker, Batching(max_batch=2), maker.sleep)
    assert log.arrived_s == [0.5, 0.75, 1.25, 4.0]
    assert log.call == [0, 1, 1, 2]
    assert log.started_s == [0.5, 1.5, 4.0]
    assert log.finished_s == [1.5, 3.0, 5.0]
    assert log.images == [1, 2, 1]


def test_a_schedule_is_poisson_of_its_rate_and_the_same_for_the_same_seed():
    due = np.array(poisson_schedule(20.0, 1000.0, (3, 1)))
    gaps = np.diff(due)
    assert due.size == 20_000
    assert gaps.mean() == pytest.approx(1 / 20, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)
    assert poisson_schedule(20.0, 1.0, (3, 1)) == due[:20].tolist()
    assert len(poisson_schedule(0.001, 1.0, (3, 1))) == 2
