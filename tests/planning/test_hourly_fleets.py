"""Fleets that follow the hours, beside the bills of each hour and the fleets sized hour by hour."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.capacity.size_fleet import fleet_by_hour
from fluxcost.economics.catalog import Catalog
from fluxcost.errors import InputError
from fluxcost.performance.calibration.measuring_run import ColdStartRecord
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.planning.plans import Plan, Plans
from fluxcost.planning.search import plan
from fluxcost.planning.traffic.hourly_fleets import runs_of
from fluxcost.workload.workload import Workload
from tests.planning.made import TODAY, catalog, offer
from tests.planning.test_fleet_candidates import workload
from tests.synthetic import make_calibration

H200 = make_calibration(gpu="h200-sxm", grid=((1024, 1024, 4, 1), (512, 512, 4, 1)))
RUSH = [0.5] * 8 + [4.0] * 2 + [0.5] * 6 + [3.0] + [0.5] * 7
RESERVED = offer("term", usd=2.0, kind="reserved", as_of=TODAY)
BY_THE_HOUR = offer("hour", usd=3.6, as_of=TODAY)


def measured(load_s: float, first_call_s: float) -> Calibration:
    start = ColdStartRecord(build_s=load_s, first_call_s=first_call_s)
    runs = tuple(run.model_copy(update={"cold_start": start}) for run in H200.runs)
    return H200.model_copy(update={"runs": runs})


def asked(**fields: Any) -> Workload:
    arrivals = {"requests_per_s": 3.0, "hourly_weights": RUSH}
    return workload(**({"arrivals": arrivals, "startup_minutes": 30} | fields))


def planned(prices: Catalog, timed: Calibration = H200, **fields: Any) -> Plans:
    return plan(asked(**fields), prices, [timed], TODAY)


def by_mode(plans: Plans, mode: str) -> Plan:
    return next(each for each in plans if each.mode == mode)


def reason(plans: Plans, candidate: str) -> str:
    return next(item.reason for item in plans.rejected if item.candidate == candidate)


def test_a_base_is_kept_and_the_rush_is_rented():
    plans = planned(catalog(RESERVED, BY_THE_HOUR))
    best = plans.best
    base, burst = best.components
    assert (best.mode, base.mode, burst.mode) == ("scheduled", "always-on", "scheduled")
    assert (base.option, burst.option) == ("shop/term", "shop/hour")
    hourly = burst.hourly_replicas
    assert hourly is not None
    # The replicas of each hour are those that hour takes by itself.
    timed = best.serving
    assert timed is not None
    sized = fleet_by_hour(asked(), timed.fleet.model_copy(update={"replicas": 1}), calibration=H200)
    assert [base.replicas + extra for extra in hourly] == [hour.replicas for hour in sized.hours]
    # The bill: the base all month; each extra replica by its runs, 30 min before and 2 s after.
    hours = sum(
        length + 0.5 + 2 / 3600
        for held in range(max(hourly))
        for length in runs_of([count > held for count in hourly])
    )
    assert base.total.value == pytest.approx(base.gpus * 730 * 2.0)
    assert burst.total.value == pytest.approx(hours * 730 / 24 * 3.6, rel=1e-3)
    assert best.total.value == pytest.approx(base.total.value + burst.total.value)
    assert best.gpus == base.gpus + burst.gpus == max(hour.replicas for hour in sized.hours)
    assert base.share + burst.share == pytest.approx(1.0)
    assert timed.probability_met >= 0.9
    assert timed.why_not_fewer.startswith("in the busiest hour, ")
    with pytest.raises(InputError, match="has 2 components"):
        _ = best.fleet


def test_a_rush_by_the_hour_is_cheaper_than_a_fleet_for_it():
    plans = planned(catalog(BY_THE_HOUR))
    hourly, kept = by_mode(plans, "scheduled"), by_mode(plans, "always-on")
    assert hourly.total.high < 0.7 * kept.total.high
    # Every hour is in time, where the kept fleet may be late in the rush alone.
    assert hourly.gpus >= kept.gpus


def test_the_start_is_the_measured_one_unless_stated():
    prices = catalog(BY_THE_HOUR)
    slow = planned(prices, measured(1500.0, 300.0), startup_minutes=None)
    stated = planned(prices, measured(99.0, 9.0))
    assert by_mode(slow, "scheduled").total.value == by_mode(stated, "scheduled").total.value
    assert any(
        "30.0 min of start-up as measured" in line for line in by_mode(slow, "scheduled").caveats
    )
    quick = planned(prices, measured(1.0, 1.0), startup_minutes=None)
    assert by_mode(quick, "scheduled").total.value < by_mode(slow, "scheduled").total.value


def test_a_stack_whose_start_nobody_measured_is_turned_down():
    plans = planned(catalog(BY_THE_HOUR), startup_minutes=None)
    assert {each.mode for each in plans} == {"always-on"}
    assert reason(plans, f"{H200.alias}, by the hour") == (
        f"{H200.alias} measured no cold start; state startup_minutes in the workload to rent by "
        "the hour."
    )


def test_what_is_sold_for_a_term_alone_cannot_follow_the_hours():
    plans = planned(catalog(RESERVED))
    assert reason(plans, "shop/term, by the hour") == "no on-demand offer of h200-sxm to burst on."


def test_only_a_reservation_bursts_on_another_provider():
    other = offer(id="other/hour", provider="other", usd=1.0, kind="on-demand", as_of=TODAY)
    dear = offer("dear", usd=9.0, as_of=TODAY)
    plans = planned(catalog(RESERVED, dear, other))
    made = {
        each.option: [component.option for component in each.components]
        for each in plans
        if each.gpus
    }
    bursts = {components[-1] for option, components in made.items() if option == "shop/term"}
    assert bursts <= {"other/hour", "shop/term"}
    assert all(component in {"shop/dear", "shop/term"} for component in made.get("shop/dear", []))


def test_an_even_day_leaves_nothing_to_save():
    even = {"requests_per_s": 3.0, "hourly_weights": [1.0] * 24}
    plans = planned(catalog(BY_THE_HOUR), arrivals=even)
    assert reason(plans, "shop/hour, by the hour") == (
        "renting for the busy hours alone saves nothing."
    )


def test_who_may_be_turned_away_is_not_planned_by_the_hour():
    objective = {"percentile": 95, "within_s": 2.0, "may_reject": 0.01}
    plans = planned(catalog(BY_THE_HOUR), objective=objective)
    assert "would change by the hour" in reason(plans, f"{H200.alias}, by the hour")


def test_hours_in_which_nobody_asks_take_no_replica():
    shop = {"requests_per_s": 0.2, "hourly_weights": [0.0] * 12 + [1.0] * 12}
    plans = planned(catalog(BY_THE_HOUR), arrivals=shop)
    best = plans.best
    (component,) = best.components
    assert component.hourly_replicas == (0,) * 12 + (1,) * 12
    assert best.total.value == pytest.approx((12.5 + 2 / 3600) * 730 / 24 * 3.6, rel=1e-3)


def test_a_week_of_unlike_hours_is_sized_at_no_less_than_each():
    week = {"requests_per_s": 3.0, "hourly_weights": [1 + (7 * hour) % 168 for hour in range(168)]}
    best = by_mode(planned(catalog(BY_THE_HOUR), arrivals=week), "scheduled")
    counts = [0] * 168
    for component in best.components:
        kept = component.hourly_replicas or (component.replicas,) * 168
        counts = [count + more for count, more in zip(counts, kept, strict=True)]
    weights = week["hourly_weights"]
    assert isinstance(weights, list)
    by_rate = sorted(zip(weights, counts, strict=True))
    assert [count for _, count in by_rate] == sorted(counts)


@given(on=st.lists(st.booleans(), min_size=1, max_size=168).filter(lambda on: not all(on)))
def test_runs_are_the_hours_that_are_on(on: list[bool]):
    runs = runs_of(on)
    assert sum(runs) == sum(on)
    assert len(runs) == sum(not on[hour - 1] and on[hour] for hour in range(len(on)))


def test_the_same_seed_gives_the_same_plans():
    prices = catalog(RESERVED, BY_THE_HOUR)
    assert planned(prices).to_dict() == planned(prices).to_dict()
