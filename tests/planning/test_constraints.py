"""Weights licensed for no commercial use are rented for none, and bought from who may sell them."""

import pytest

import fluxcost as fc
from fluxcost.planning.constraints import broken_license
from fluxcost.workload.constraints import Constraints
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.synthetic import make_calibration

KLEIN_9B = "flux2-klein-9b"


def planned(**constraints):
    return fc.plan(
        workload(model=KLEIN_9B, constraints=constraints),
        catalog=catalog(offer(), tariff("klein-9b", model=KLEIN_9B)),
        calibrations=[
            # Its own steps are slower; what is tested is whether they are looked at.
            make_calibration(gpu="h200-sxm").model_copy(update={"model": KLEIN_9B})
        ],
        today=TODAY,
    )


@pytest.fixture(autouse=True)
def without_floors(monkeypatch):
    """The made machine is faster than klein-9B's arithmetic allows on a real one."""
    monkeypatch.setattr("fluxcost.performance.fit_parts.check_floors", lambda *_: None)


def test_commercial_use_is_refused_on_gpus_and_sold_by_an_api():
    plans = planned()
    assert {plan.option for plan in plans} == {"api/klein-9b"}
    (reason,) = [each.reason for each in plans.rejected if each.constraint == "license"]
    assert "flux2-klein-9b (FLUX non-commercial) allows no commercial use" in reason


def test_whoever_says_non_commercial_may_rent():
    assert "shop/h200" in {plan.option for plan in planned(non_commercial=True)}


@pytest.mark.parametrize("model", ["flux2-klein-4b", "flux1-schnell", "one-s-own"])
def test_free_models_and_one_s_own_are_not_questioned(model):
    assert broken_license(model, Constraints()) is None
