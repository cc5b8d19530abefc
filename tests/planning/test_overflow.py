"""Fewer GPUs and an API for the rest, beside the bills of each alone."""

import pytest

from fluxcost.errors import InputError
from fluxcost.performance.fit import fit
from fluxcost.planning.plans import Plan, Plans
from fluxcost.planning.search import plan
from fluxcost.workload.shape import Shape
from tests.capacity.queueing_oracles import erlang_b
from tests.planning.made import TODAY, catalog, offer, tariff
from tests.planning.test_fleet_candidates import workload
from tests.synthetic import make_calibration

H200 = make_calibration(gpu="h200-sxm", grid=((1024, 1024, 4, 1), (512, 512, 4, 1)))
RUSH = [0.6] * 22 + [4.0] * 2
API_USD = 0.002
SHOP = catalog(offer(as_of=TODAY), tariff(usd=API_USD, as_of=TODAY))


def planned(per_s: float, *, within_s: float = 2.0, untimed: bool = True) -> Plans:
    asked = workload(
        arrivals={"requests_per_s": per_s, "hourly_weights": RUSH},
        objective={"percentile": 95, "within_s": within_s},
        constraints={"allow_untimed": untimed},
    )
    return plan(asked, SHOP, [H200], TODAY)


def by_mode(plans: Plans, mode: str) -> Plan:
    return next(each for each in plans if each.mode == mode)


def test_a_rush_of_two_hours_is_cheaper_where_it_overflows():
    plans = planned(3.0)
    overflow, kept, api = (by_mode(plans, mode) for mode in ("overflow", "always-on", "api"))
    assert plans.best is overflow
    assert overflow.total.high < min(kept.total.high, api.total.high)
    assert overflow.gpus < kept.gpus


def test_its_legs_are_the_bills_of_each():
    plans = planned(3.0)
    overflow, api = by_mode(plans, "overflow"), by_mode(plans, "api")
    own, rest = overflow.components
    assert own.share + rest.share == pytest.approx(1.0)
    assert own.total.value == pytest.approx(own.gpus * 730 * 3.6)
    assert rest.total.value == pytest.approx(rest.share * api.total.value)
    assert overflow.total.value == pytest.approx(own.total.value + rest.total.value)
    assert overflow.serving is not None
    assert overflow.serving.probability_met >= 0.9
    assert any("its latency is not measured" in line for line in overflow.caveats)
    with pytest.raises(InputError, match="has 2 components"):
        _ = overflow.fleet


def test_the_api_bills_what_overflows_with_its_own_quota():
    # 0.002 an image, and 10 USD of a month free: 5,000 images.
    free = {"units": 1000, "currency": {"name": "unit", "usd": 0.01}, "every": "month"}
    shop = catalog(offer(as_of=TODAY), tariff(usd=API_USD, as_of=TODAY, free_quota=free))
    asked = workload(
        arrivals={"requests_per_s": 3.0, "hourly_weights": RUSH},
        objective={"percentile": 95, "within_s": 2.0},
        constraints={"allow_untimed": True},
    )
    plans = plan(asked, shop, [H200], TODAY)
    overflow, api = by_mode(plans, "overflow"), by_mode(plans, "api")
    images = 3.0 * 730 * 3600
    assert api.total.value == pytest.approx(images * API_USD - 10)
    rest = overflow.components[1]
    assert rest.total.value == pytest.approx(images * rest.share * API_USD - 10)


def test_what_overflows_is_erlangs_loss_where_nobody_may_wait():
    # An objective of little more than a call leaves no room to wait: M/G/c/c, or Erlang's B.
    call_s = fit(H200).occupancy(Shape(1024, 1024, 4)).value
    asked = workload(
        arrivals={"requests_per_s": 4.0},
        objective={"percentile": 95, "within_s": 1.4 * call_s},
        constraints={"allow_untimed": True},
    )
    overflow = by_mode(plan(asked, SHOP, [H200], TODAY), "overflow")
    limit = overflow.components[0].queue_limit
    assert limit is not None
    share, servers = overflow.components[1].share, overflow.components[0].replicas
    # With a short queue fewer overflow than with none, and more than with that many more servers.
    assert erlang_b(servers + limit, 4.0 * call_s) <= share <= erlang_b(servers, 4.0 * call_s)


def test_an_untimed_api_takes_no_overflow_unless_that_is_accepted():
    assert {each.mode for each in planned(3.0, untimed=False)} == {"always-on"}
