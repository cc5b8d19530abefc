"""What a workload asks of a fleet: lines, rates, and the length of a run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fluxcost.capacity.arrivals import AtOnce, RecordedArrivals, Stream, constant, poisson
from fluxcost.capacity.demand import SHORTEST_HOUR_CALLS, at_rate, demand_of
from fluxcost.errors import InputError
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import SECONDS_PER_MONTH, Workload

WEIGHTS = [1.0] * 12 + [3.0] * 12


def workload(**fields: Any) -> Workload:
    shapes = [
        {"width": 1024, "height": 1024, "steps": 4, "weight": 3},
        {"width": 512, "height": 512, "steps": 4, "weight": 1, "priority": 2},
    ]
    base = {"name": "made", "model": "flux2-klein-4b", "shapes": shapes}
    given = {key: value for key, value in (base | fields).items() if value is not None}
    return Workload.parse(given, "made")


def test_a_rate_has_lines_by_shape_and_priority():
    found = demand_of(workload(arrivals={"requests_per_s": 3.0}, images_per_request=2))
    assert [(line.shape, line.priority, line.share) for line in found.lines] == [
        (Shape(512, 512, 4), 2, 0.25),
        (Shape(1024, 1024, 4), 0, 0.75),
    ]
    assert (found.rate_per_s, found.images, found.requests) == (3.0, 2, None)
    assert found.images_per_month == 6 * SECONDS_PER_MONTH
    assert found.arrivals == Stream(3.0, poisson, (0.25, 0.75))


def test_a_monthly_volume_is_a_rate_where_arrivals_are_stated():
    stated = {"process": "constant"}
    found = demand_of(workload(images_per_month=2_628_000, arrivals=stated, images_per_request=4))
    assert found.rate_per_s == pytest.approx(0.25)
    assert isinstance(found.arrivals, Stream)
    assert found.arrivals.gaps is constant


def test_a_job_is_there_at_once():
    found = demand_of(
        workload(deadline={"images": 700, "hours": 1}, utilization=0.9, startup_minutes=5)
    )
    assert (found.rate_per_s, found.requests, found.images_per_month) == (None, 700, 700)
    assert found.arrivals == AtOnce((0.25, 0.75))
    with pytest.raises(InputError, match="a trace or a deadline has its own times"):
        at_rate(found, 2.0)


def test_a_trace_brings_its_shapes_and_its_rate(tmp_path: Path):
    path = tmp_path / "log.csv"
    rows = [f"{10 + 2 * n},{512 if n % 5 else 1024},512,4\n" for n in range(11)]
    path.write_text("timestamp,width,height,steps\n" + "".join(rows))
    trace = {"process": "trace", "trace": str(path)}
    found = demand_of(workload(arrivals=trace, shapes=None))
    assert isinstance(found.arrivals, RecordedArrivals)
    assert found.arrivals.times_s.tolist() == [2.0 * n for n in range(11)]
    assert (found.rate_per_s, found.requests) == (0.5, 11)
    assert found.mix == ((Shape(1024, 512, 4), 3 / 11), (Shape(512, 512, 4), 8 / 11))
    assert found.planned_requests(50_000, 1.0) == (found.arrivals, 11)


@pytest.mark.parametrize("requests", [2000, 50_000, 2_000_000])
def test_a_profile_is_seen_in_whole_periods(requests: int):
    demand = demand_of(workload(arrivals={"requests_per_s": 5.0, "hourly_weights": WEIGHTS}))
    stream, count = demand.planned_requests(requests, call_s=0.5)
    assert isinstance(stream, Stream)
    assert stream.profile is not None
    period_s = 24 * stream.profile.hour_s
    periods = count / stream.rate_per_s / period_s
    assert periods == pytest.approx(round(periods), rel=1e-3)
    assert SHORTEST_HOUR_CALLS * 0.5 <= stream.profile.hour_s <= 3600
    if requests >= 5 * 24 * 3600:
        assert stream.profile.hour_s == 3600
    # However short its hours are, half of them have three times the rate of the others.
    times = np.concatenate([chunk for chunk, _ in stream.chunks(np.random.default_rng(1), count)])
    late = np.mean(times % period_s >= period_s / 2)
    assert late == pytest.approx(0.75, abs=0.02)


def test_the_rate_can_be_varied():
    demand = demand_of(workload(arrivals={"requests_per_s": 5.0, "hourly_weights": WEIGHTS}))
    faster = at_rate(demand, 8.0)
    assert (faster.rate_per_s, faster.lines) == (8.0, demand.lines)
    assert isinstance(faster.arrivals, Stream)
    assert isinstance(demand.arrivals, Stream)
    assert faster.arrivals.profile == demand.arrivals.profile
