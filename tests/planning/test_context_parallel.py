"""Images that several GPUs make: chosen only where one GPU is too slow, and at its price."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fluxcost as fc
from fluxcost.capacity.simulate import simulate
from fluxcost.errors import FluxcostError, InfeasibleError
from fluxcost.planning.explain import explain
from fluxcost.planning.export.deployment import Deployment, ServerSettings
from fluxcost.planning.search import plan_fitted
from tests.planning.made import TODAY, catalog, offer, tariff
from tests.planning.test_fleet_candidates import workload
from tests.splits import split_calibration

GAIN = 0.6
TIMED = split_calibration(GAIN)
FIT = fc.fit(TIMED)
WITHOUT = fc.fit(TIMED.model_copy(update={"split_images": ()}))
ONE_GPU_S = FIT.latency(fc.Shape(1024, 1024, steps=4)).value
PAIR = offer("pair", gpu_count=2)
SHOP = catalog(offer(), PAIR, offer("eight", gpu_count=8))


def asked(within_s, rate=0.05, **fields):
    objective = {"percentile": 95, "within_s": within_s}
    return workload(arrivals={"requests_per_s": rate}, objective=objective, **fields)


def planned(within_s, prices=SHOP, fit=FIT, depth="analytic", **fields):
    return plan_fitted(asked(within_s, **fields), prices, [fit], TODAY, depth)


def gpus_per_image(plans):
    return {component.gpus_per_image for each in plans for component in each.components}


@pytest.mark.parametrize("depth", ["analytic", "simulated"])
def test_an_objective_that_one_gpu_cannot_meet_is_met_by_two_at_the_price_of_two(depth):
    best = planned(0.8 * ONE_GPU_S, depth=depth).best
    assert best.option == "shop/pair"
    (component,) = best.components
    assert (component.replicas, component.gpus_per_image, best.gpus) == (1, 2, 2)
    one = planned(3 * ONE_GPU_S, catalog(offer()), depth=depth).best
    assert best.total.value == pytest.approx(2 * one.total.value)
    assert best.latency.value == pytest.approx(GAIN * ONE_GPU_S, rel=0.01)
    assert best.serving.response.high < 0.8 * ONE_GPU_S
    assert "1 replica of 2 GPUs that make each image together" in best.why
    assert any("2 GPUs together (ulysses)" in line for line in best.evidence)
    told = "; ".join(best.caveats)
    assert "no replica of one GPU meets the objective; timed on GPUs linked at 394 GB/s" in told


@settings(max_examples=15, deadline=None)
@given(within=st.floats(0.3, 6.0), rate=st.floats(0.02, 8.0))
def test_it_is_never_chosen_where_one_gpu_meets_the_objective(within, rate):
    one, both = (planned(within * ONE_GPU_S, fit=fit, rate=rate) for fit in (WITHOUT, FIT))
    if len(one):
        assert gpus_per_image(both) == {1}
        assert [(p.option, p.gpus) for p in both] == [(p.option, p.gpus) for p in one]
    else:
        assert gpus_per_image(both) <= {2}
        assert all(each.gpus >= 2 * each.components[0].replicas for each in both)


def test_instances_hold_whole_groups_and_single_gpus_none():
    plans = planned(0.8 * ONE_GPU_S, rate=12.0)
    by_option = {each.option: each for each in plans}
    assert set(by_option) == {"shop/pair", "shop/eight"}
    for name, size in (("pair", 2), ("eight", 8)):
        found = by_option[f"shop/{name}"]
        replicas = found.components[0].replicas
        assert replicas > 4
        assert found.gpus == size * -(-2 * replicas // size)
    odd = planned(0.8 * ONE_GPU_S, catalog(offer("three", gpu_count=3)), rate=12.0).best
    assert odd.gpus == 3 * odd.components[0].replicas  # a third GPU is idle in each
    refused = {(each.candidate, each.constraint): each.reason for each in plans.rejected}
    reason = refused["shop/h200", "gpus_per_image"]
    assert reason.startswith("sold as instances of 1 GPU, and 2 of one instance make")


def test_a_call_too_slow_for_its_own_limit_is_made_together_too():
    limit = {"constraints": {"max_latency_p95_s": 0.8 * ONE_GPU_S}}
    assert gpus_per_image(planned(3 * ONE_GPU_S, **limit)) == {2}
    assert gpus_per_image(planned(3 * ONE_GPU_S)) == {1}


def test_shapes_never_timed_together_are_refused_with_a_reason():
    shapes = [{"width": n, "height": n, "steps": 4} for n in (1024, 768)]
    plans = planned(0.8 * ONE_GPU_S, shapes=shapes)
    assert not len(plans)
    candidate = f"{TIMED.alias}, 2 GPUs an image, batch 1"
    reasons = [each.reason for each in plans.rejected if each.candidate == candidate]
    assert len(reasons) == 1
    assert "768x768, 4 steps, batch 1 was never made by 2 GPUs together" in reasons[0]


def test_an_objective_that_two_cannot_meet_either_is_refused():
    plans = planned(0.5 * ONE_GPU_S)
    with pytest.raises(InfeasibleError, match="times too slow"):
        _ = plans.best
    candidate = f"{TIMED.alias}, 2 GPUs an image, no batching"
    assert candidate in {each.candidate for each in plans.rejected}


def test_an_api_that_nobody_timed_is_ranked_beside():
    prices = catalog(PAIR, tariff())
    allowed = {"constraints": {"allow_untimed": True}}
    plans = planned(0.8 * ONE_GPU_S, prices, **allowed)
    assert {each.option for each in plans} == {"shop/pair", "api/klein"}


def test_such_a_plan_is_simulated_as_it_is():
    work = asked(0.8 * ONE_GPU_S)
    best = planned(0.8 * ONE_GPU_S, depth="simulated").best
    again = simulate(work, best, calibration=FIT, requests=2_000, replications=2)
    assert again.fleet.gpus_per_image == 2
    assert again.fleet.gpus == 2
    assert again.response["p50"].value == pytest.approx(GAIN * ONE_GPU_S, rel=0.03)
    with pytest.raises(FluxcostError, match="never made an image together"):
        simulate(work, best, calibration=WITHOUT)


def test_no_server_is_exported_that_would_not_do_it():
    plans = planned(0.8 * ONE_GPU_S)
    with pytest.raises(InfeasibleError, match="gives each replica one; choose another plan"):
        Deployment.of(asked(0.8 * ONE_GPU_S), plans.best.to_dict(), SHOP, ServerSettings())


def test_it_is_explained_like_any_plan():
    work = asked(0.8 * ONE_GPU_S)
    plans = planned(0.8 * ONE_GPU_S)
    told = explain(work, plans, SHOP, [TIMED])
    assert told.cores_needed is None
    assert any("answers within" in lever.change for lever in told.levers)
    assert told.levers[0].ratio == pytest.approx(0.5, abs=0.01)  # a slower answer takes one GPU
