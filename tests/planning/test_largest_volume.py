"""Inverse questions beside the closed forms of the forward ones."""

import math
from typing import Any

import pytest

from fluxcost.errors import InfeasibleError, InputError
from fluxcost.performance.fit import fit
from fluxcost.planning.largest_volume import LargestVolume, largest_volume
from fluxcost.planning.search import plan
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import Workload
from tests.planning.made import TODAY, catalog, offer, workload
from tests.planning.test_fleet_candidates import workload as arriving
from tests.synthetic import make_calibration

H200 = make_calibration(gpu="h200-sxm", grid=((1024, 1024, 4, 1), (1024, 1024, 4, 2)))
SHOP = catalog(offer(), offer("dear", usd=9.0))


def largest(asked: Workload, **limits: Any) -> LargestVolume:
    return largest_volume(asked, SHOP, [H200], TODAY, **limits)


MONTHLY = workload(deadline=None, images_per_month=1000)


def test_two_gpus_around_the_clock_by_hand():
    found = largest(MONTHLY, gpus=2)
    slow = [fit(H200).occupancy(Shape(1024, 1024, 4), batch=n).high / n for n in (1, 2)]
    assert found.workload.images == pytest.approx(2 * 730 * 3600 * 0.9 / min(slow), rel=0.01)
    assert (found.plan.gpus, found.requests_per_s) == (2, None)


def test_a_budget_buys_the_gpus_it_pays_for():
    one = plan(MONTHLY, SHOP, [H200], TODAY).best.total.high
    found = largest(MONTHLY, budget_usd_per_month=2.5 * one)
    assert found.plan.gpus == 2
    assert found.plan.total.high <= 2.5 * one


def test_more_gpus_serve_more_and_the_objective_holds():
    asked = arriving()
    rates = []
    for gpus in (1, 2, 4):
        found = largest(asked, gpus=gpus)
        assert found.plan.serving is not None
        assert found.plan.serving.probability_met >= 0.9
        assert found.plan.gpus <= gpus
        rates.append(found.requests_per_s or 0.0)
    # Pooled replicas serve more each: a queue for all is shorter than one apiece.
    assert rates[1] >= 2 * rates[0] * 0.99
    assert rates[2] >= 2 * rates[1] * 0.99
    assert rates[2] < 4 / fit(H200).occupancy(Shape(1024, 1024, 4), batch=2).low * 2


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "no limit is given"),
        ({"gpus": 0}, "gpus is 0"),
        ({"budget_usd_per_month": -1.0}, "budget_usd_per_month is -1.0"),
        ({"budget_usd_per_month": math.nan}, "budget_usd_per_month is nan"),
    ],
)
def test_a_limit_that_is_none_is_refused(limits: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        largest(MONTHLY, **limits)


def test_a_months_budget_does_not_fit_a_job():
    with pytest.raises(InputError, match="a deadline is billed once"):
        largest(workload(), budget_usd_per_month=100.0)


def test_a_budget_under_the_first_gpu_is_infeasible():
    with pytest.raises(InfeasibleError, match=r"not even 1e-06 of its volume can be made for \$5"):
        largest(MONTHLY, budget_usd_per_month=5.0)


@pytest.mark.parametrize("limits", [{"gpus": 10**12}, {"budget_usd_per_month": 1e15}])
def test_where_the_search_ends_is_not_called_the_most(limits: dict[str, Any]):
    with pytest.raises(InputError, match="allow over 1,000,000 times its volume"):
        largest(MONTHLY, **limits)
