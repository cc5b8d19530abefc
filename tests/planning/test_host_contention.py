"""Plans on instances of several GPUs, whose replicas lose a known share to each other."""

import itertools

import numpy as np
import pytest

from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from fluxcost.planning.plans import Plan
from fluxcost.planning.search import plan
from fluxcost.workload.shape import Shape
from tests.fleets import fleet_calibration
from tests.planning.made import TODAY, catalog, offer, workload

SHAPE = Shape(1024, 1024, 4)
MANY = 20_000_000


def on(calibration: Calibration, gpus: int, images: int = MANY) -> Plan:
    """The plan of batch 1 on instances of so many GPUs."""
    gpu = calibration.gpu.key
    prices = catalog(offer("host", gpu=gpu, gpu_count=gpus))
    asked = workload(deadline=None, images_per_month=images)
    return next(p for p in plan(asked, prices, [calibration], today=TODAY) if p.batch == 1)


def test_a_month_takes_as_many_more_gpus_as_two_at_once_lose():
    losing = fleet_calibration(loss=0.1)
    alone, beside = on(losing, 1), on(losing, 2)
    efficiency = fit(losing).replica_efficiency(SHAPE, 1, 2)
    assert efficiency.value == pytest.approx(0.9, abs=0.01)
    assert beside.gpus % 2 == 0
    assert beside.gpus == pytest.approx(alone.gpus / efficiency.low, abs=3)
    assert beside.total.value / alone.total.value == pytest.approx(beside.gpus / alone.gpus)


def test_a_call_takes_longer_by_what_two_at_once_lose_in_every_draw():
    losing = fleet_calibration(loss=0.1)
    alone, beside = on(losing, 1).latency, on(losing, 2).latency
    assert alone is not None
    assert beside is not None
    efficiency = fit(losing).replica_efficiency(SHAPE, 1, 2)
    expected = alone.draws / np.minimum(efficiency.draws, 1.0)
    np.testing.assert_allclose(beside.draws, expected)
    assert beside.value == pytest.approx(alone.value / efficiency.value)


def test_one_gpu_instances_do_not_feel_the_loss():
    gpus = {on(fleet_calibration(loss=loss), 1).gpus for loss in (0.0, 0.1, 0.3)}
    assert len(gpus) == 1


def test_gpus_rise_with_the_loss_and_gains_are_not_counted():
    counts = [on(fleet_calibration(loss=loss), 2).gpus for loss in (-0.1, 0.0, 0.1, 0.3)]
    assert all(less <= more for less, more in itertools.pairwise(counts))
    assert counts[0] == pytest.approx(on(fleet_calibration(loss=0.1), 1).gpus, abs=2)


def test_more_than_the_law_reaches_count_as_that_many_and_the_plan_says_so():
    losing = fleet_calibration(loss=0.1)
    told = "no timing says what 16 replicas of one host take from each other"
    assert any(told in caveat for caveat in on(losing, 16).caveats)
    assert not any("no timing says" in caveat for caveat in on(losing, 8).caveats)
    assert on(losing, 16).gpus < on(losing, 8).gpus
