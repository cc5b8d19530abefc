"""Scenarios against the plan they vary, and against arithmetic done one scenario at a time."""

import dataclasses
import json
import math

import numpy as np
import pytest

import fluxcost as fc
from fluxcost.errors import InfeasibleError, InputError
from fluxcost.estimate import DRAWS
from fluxcost.performance.fit import fit
from fluxcost.planning.largest_volume import at_volume
from fluxcost.planning.search import plan
from fluxcost.planning.sensitivity.analysis import sensitivity
from fluxcost.planning.sensitivity.drivers import Drivers, Interval
from fluxcost.planning.sensitivity.scenario_bills import POINT, at_base, bought, rented
from tests.commands import Files, refused, shown, shown_json
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.synthetic import make_calibration

GRID = [(1024, 1024, n, b) for n in (2, 4, 8) for b in (1, 2, 4)]
H200 = make_calibration(gpu="h200-sxm", grid=GRID, calls=5)
FIT = fit(H200)
SHOP = catalog(
    offer("one"),
    offer("node", usd=3.5, gpu_count=8),
    offer("spot", usd=1.2, kind="spot"),
    tariff("klein", usd=0.0007),
)
MONTHLY = {"deadline": None, "images_per_month": 3_000_000, "on_demand": {"starts_per_month": 30}}
DEADLINE = workload()
MONTH = workload(**MONTHLY)


def asked(job=DEADLINE, prices=SHOP, **fields):
    return sensitivity(job, prices, [H200], today=TODAY, **fields)


SPOT = {"spot_interruptions_per_hour": 2.0}


@pytest.mark.parametrize(
    "job",
    [DEADLINE, MONTH, workload(constraints=SPOT), workload(**MONTHLY, constraints=SPOT)],
    ids=["deadline", "month", "deadline and spot", "month and spot"],
)
def test_where_nothing_varies_each_scenario_is_a_world_of_the_plan(job):
    for each in plan(job, SHOP, [H200], TODAY).leaders:
        base = at_base(job, DRAWS)
        if each.batch is None:
            bills = bought(job, SHOP.tariff(each.option), TODAY)(base)
        else:
            row = SHOP.offer(each.option)
            bills = rented(job, row, each.mode, FIT, [each.batch], TODAY)(base, each.batch)
        assert bills == pytest.approx(each.total.draws)


SUBSCRIPTION = {
    "shape": "subscription-gpu-time",
    "usd_per_month": 60,
    "included_gpu_hours": 30,
    "extra_usd_per_gpu_hour": 4,
    "gpu_minutes_per_job": 1,
    "images_per_job": 4,
}
QUOTA = {"units": 9000, "currency": {"name": "unit", "usd": 0.001}, "every": "day"}


@pytest.mark.parametrize("job", [DEADLINE, MONTH], ids=["deadline", "month"])
@pytest.mark.parametrize(
    "row", [tariff(price=SUBSCRIPTION), tariff(free_quota=QUOTA)], ids=["subscription", "quota"]
)
def test_scenarios_of_an_api_are_its_bill(job, row):
    bought_plan = plan(job, catalog(row), [H200], TODAY).best
    assert bought(job, row, TODAY)(at_base(job, DRAWS)) == pytest.approx(bought_plan.total.draws)
    twice = dataclasses.replace(at_base(job, 1, POINT), volume=np.array([2.0]))
    more = plan(at_volume(job, 2.0), catalog(row), [H200], TODAY).best
    assert bought(job, row, TODAY)(twice)[0] == pytest.approx(more.total.value)


def test_scenarios_in_which_interruptions_leave_no_call_done_cannot_be():
    # A call of 4 steps is done between two interruptions; one of 64 at 5 % utilization hardly is.
    asked_often = workload(constraints={"spot_interruptions_per_hour": 2000.0})
    result = asked(asked_often, drivers=Drivers(utilization=Interval(0.01, 0.9)), scenarios=500)
    assert 0 < result.option("shop/spot").infeasible_share < 1
    assert result.option("shop/one").infeasible_share == 0


@pytest.mark.parametrize("job", [DEADLINE, MONTH], ids=["deadline", "month"])
def test_the_base_of_an_option_is_its_plan(job):
    leaders = {(each.option, each.mode): each for each in plan(job, SHOP, [H200], TODAY).leaders}
    result = asked(job, scenarios=500)
    assert {(each.option, each.mode) for each in result.options} == set(leaders)
    for each in result.options:
        assert each.base_usd == pytest.approx(leaders[each.option, each.mode].total.value)


def test_a_range_of_one_value_is_that_value():
    # A workload at another utilization, steps and volume, and the same by drivers.
    pinned = Drivers(utilization=Interval(0.5, 0.5), steps=Interval(8, 8), growth=Interval(1, 1))
    shapes = [{"width": 1024, "height": 1024, "steps": 8}]
    other = workload(utilization=0.5, shapes=shapes, deadline={"images": 200_000, "hours": 8})
    varied = asked(drivers=pinned, scenarios=2000).option("shop/one")
    direct = asked(other, drivers=Drivers(), scenarios=2000).option("shop/one")
    assert varied.p50_usd == pytest.approx(direct.p50_usd)
    assert varied.p95_usd == pytest.approx(direct.p95_usd)


def test_one_scenario_at_a_time_gives_the_same():
    drivers = Drivers(
        price=Interval(0.8, 1.3),
        utilization=Interval(0.4, 0.9),
        batch=Interval(1, 4),
        growth=Interval(-0.5, 1),
    )
    row, price = SHOP.offer("shop/one"), SHOP.offer("shop/one").price_estimate(TODAY)
    random = np.random.default_rng(5)
    base = at_base(MONTH, 50)
    drawn = {
        "price": random.uniform(0.8, 1.3, 50),
        "utilization": random.uniform(0.4, 0.9, 50),
        "volume": random.uniform(0.5, 2.0, 50),
        "batch": random.uniform(0, 1, 50),
    }
    assert drivers.to_dict()["price"] == [0.8, 1.3]
    scenarios = type(base)(**(vars(base) | drawn))
    bills = rented(MONTH, row, "always-on", FIT, [1, 2, 4], TODAY)(scenarios, 4)
    for i in range(50):
        batch = [1, 2, 4][min(2, int(drawn["batch"][i] * 3))]
        call = FIT.occupancy(fc.Shape(1024, 1024, 4), batch=batch)
        images = 3_000_000 * drawn["volume"][i]
        gpus = math.ceil(images * call.high / batch / (730 * 3600 * drawn["utilization"][i]))
        usd = 730 * gpus * price.draws[scenarios.draw[i]] * drawn["price"][i]
        assert bills[i] == pytest.approx(usd)


def test_the_same_seed_gives_the_same_and_more_drivers_leave_the_others_alone():
    spread = Drivers(price=Interval(0.5, 2))
    one, again = (asked(drivers=spread, scenarios=300, seed=3) for _ in range(2))
    assert one.to_dict() == again.to_dict()
    assert one.to_dict() != asked(drivers=spread, scenarios=300, seed=4).to_dict()


def test_a_tornado_is_ordered_and_moves_the_right_way():
    drivers = Drivers(
        price=Interval(0.9, 1.1),
        utilization=Interval(0.3, 0.95),
        steps=Interval(2, 8),
        growth=Interval(0, 3),
    )
    bars = asked(drivers=drivers, scenarios=200).option("shop/one").tornado
    swings = [bar.swing_usd for bar in bars]
    assert swings == sorted(swings, reverse=True)
    ends = {bar.driver: (bar.low_usd, bar.high_usd) for bar in bars}
    assert ends["utilization"][0] > ends["utilization"][1]
    for dearer_above in ("price", "steps", "growth", "price on the page", "timing"):
        assert ends[dearer_above][0] < ends[dearer_above][1]
    low, high = ends["price"]
    assert high / low == pytest.approx(1.1 / 0.9)


def test_shares_add_up():
    result = asked(
        MONTH, drivers=Drivers(price=Interval(0.2, 5), growth=Interval(-0.9, 3)), scenarios=999
    )
    assert sum(each.cheapest_share for each in result.options) == pytest.approx(1)
    for each in result.options:
        assert each.p5_usd <= each.p50_usd <= each.p95_usd
        assert each.infeasible_share == 0
    p95 = [each.p95_usd for each in result.options]
    assert p95 == sorted(p95)


def test_what_cannot_be_done_is_counted_and_does_not_win():
    # Ten seconds after start-up hold a call of 4 steps and none of 64, on any number of GPUs.
    soon = workload(deadline={"images": 1000, "hours": 610 / 3600})
    result = asked(soon, drivers=Drivers(steps=Interval(4, 64)), scenarios=1000)
    rented_one = result.option("shop/one")
    assert 0 < rented_one.infeasible_share < 1
    bar = next(bar for bar in rented_one.tornado if bar.driver == "steps")
    assert bar.high_usd is None
    assert bar.swing_usd == math.inf
    assert result.options[0].infeasible_share <= 0.05
    json.dumps(result.to_dict(), allow_nan=False)


def test_a_dearer_catalog_never_costs_less():
    dear = catalog(offer("one", usd=3.9))
    assert (
        asked(prices=dear, scenarios=400).option("shop/one").p50_usd
        > asked(scenarios=400).option("shop/one").p50_usd
    )


def test_the_sentence_and_the_frame():
    result = asked(drivers=Drivers(utilization=Interval(0.3, 0.95)), scenarios=300)
    assert "of 100 scenarios" in result.sentence
    assert len(result.to_frame()) == len(result.options)
    with pytest.raises(InputError, match="option 'nobody/one' is not among the"):
        result.option("nobody/one")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Interval(2, 1), "range is 2 to 1; expected low <= high"),
        (lambda: Interval(0, math.inf), "range is 0 to inf"),
        (
            lambda: Drivers(utilization=Interval(0, 1)),
            "utilization is 0 to 1; expected within 0.001",
        ),
        (lambda: Drivers(steps=Interval(1, 100)), "expected at most 64 numbers"),
        (lambda: asked(scenarios=5), "scenarios is 5; expected a whole number from 100 to 1,0"),
        (lambda: asked(seed=-1), "seed is -1; expected a whole number from 0 to 9,223,372,036,8"),
    ],
)
def test_what_cannot_be_asked_is_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


def test_a_workload_nobody_can_serve_is_refused():
    with pytest.raises(InfeasibleError, match="no plan for"):
        asked(workload(constraints={"allow_providers": ["api"], "max_latency_p95_s": 1.0}))


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_the_command_shows_the_result(capsys, files):
    given = ["--prices", files.prices, "--calibration", files.calibration]
    ranges = ["--utilization", "0.4:0.9", "--growth=-0.2:1", "--scenarios", 200, "--seed", 2]
    command = ["sensitivity", files.workload, *given, *ranges]
    expected = fc.sensitivity(
        fc.load_workload(files.workload),
        fc.load_catalog(files.prices),
        [fc.load_calibration(files.calibration)],
        drivers=Drivers(utilization=Interval(0.4, 0.9), growth=Interval(-0.2, 1)),
        scenarios=200,
        seed=2,
    )
    assert shown_json(capsys, *command) == expected.to_dict()
    text = shown(capsys, *command)
    assert text.startswith("made: 200 scenarios, USD\n")
    assert text.rstrip().endswith(expected.sentence)
    message = refused(capsys, *command, "--price", "a:b")
    assert message == "--price is 'a:b'; expected LOW:HIGH, LOW at most HIGH, such as 0.8:1.3."
