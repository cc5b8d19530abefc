"""Why the best plan is what it is, on made prices where the answer is known."""

import datetime as dt
import json
from pathlib import Path

import pytest

from fluxcost.economics.catalog import Catalog
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.planning.explain import Explanation, explain
from fluxcost.planning.search import plan
from fluxcost.workload.workload import Workload
from tests.commands import Files, shown
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.planning.test_fleet_candidates import workload as arriving
from tests.synthetic import LOSSY, Machine, make_calibration

H200 = make_calibration(gpu="h200-sxm")


def explained(asked: Workload, prices: Catalog, *timed: Calibration) -> Explanation:
    return explain(asked, plan(asked, prices, timed or (H200,), TODAY), prices, timed or (H200,))


def test_an_untimed_api_at_a_tenth_is_what_would_halve_the_cost():
    asked = arriving(arrivals={"requests_per_s": 0.01})
    usd = 0.1 * 3.6 * 730 / (0.01 * 730 * 3600)
    prices = catalog(offer(as_of=TODAY), tariff(usd=usd, as_of=TODAY))
    told = explained(asked, prices)
    assert told.levers[0].ratio == pytest.approx(0.1, rel=0.01)
    assert told.levers[0].halves
    lever = told.levers[0]
    # The dollars and the share are of the same ends, so the reader can divide them.
    dear = plan(asked, prices, [H200], TODAY).best.total.high
    assert lever.ratio == pytest.approx(lever.plan.total.high / dear)
    assert told.halving == (
        "an API whose latency is not measured (allow_untimed): with api/klein it may cost "
        f"${lever.plan.total.high:,.2f}, 10 % of what it may cost as asked."
    )
    assert told.why_not_fewer == "1 replica is the least there is."


def test_an_untimed_api_at_an_undated_price_is_told_though_it_takes_two_changes():
    asked = arriving(arrivals={"requests_per_s": 0.01}, constraints={"allow_stale": False})
    usd = 0.1 * 3.6 * 730 / (0.01 * 730 * 3600)
    old = tariff(usd=usd, as_of=TODAY - dt.timedelta(days=100))
    told = explained(asked, catalog(offer(as_of=TODAY), old))
    assert told.levers[0].plan.option == old.id
    assert told.halving.startswith("an API of unknown latency at an old or undated price (allow_un")
    dated = explained(asked, catalog(offer(as_of=TODAY), tariff(usd=usd, as_of=TODAY)))
    assert not any("allow_stale" in lever.change for lever in dated.levers)


def test_a_marketplace_at_two_thirds_is_told_and_does_not_halve():
    host = offer("host", usd=2.4, tier="marketplace", as_of=TODAY)
    prices = catalog(offer(as_of=TODAY), host)
    told = explained(workload(), prices)
    change = {lever.change: lever for lever in told.levers}
    host_told = change["hosts of a marketplace (allow_marketplace)"]
    assert host_told.ratio == pytest.approx(2 / 3, rel=0.01)
    assert not host_told.halves
    assert (told.why_not_fewer, told.cores_needed) == (None, None)


def test_a_lossy_stack_is_a_lever_where_it_is_quicker():
    quick = make_calibration(Machine(step_s_per_kilotoken=0.012), gpu="h200-sxm", stack=LOSSY)
    told = explained(workload(), catalog(offer()), H200, quick)
    lossy = [lever for lever in told.levers if "allow_lossy" in lever.change]
    assert [lever.plan.calibration for lever in lossy] == [quick.alias]


def test_nothing_to_change_is_said():
    asked = workload(
        shapes=[{"width": 1024, "height": 1024, "steps": 1}],
        constraints={"allow_lossy": True, "allow_untimed": True},
    )
    told = explained(asked, catalog(tariff()))
    assert told.halving == "nothing that was tried makes it cheaper."
    assert told.pareto == ()


def test_the_pareto_set_holds_what_nothing_beats():
    rows = (offer("cheap", usd=3.0), offer("dear", usd=5.0), tariff(usd=1e-7))
    plans = plan(workload(), catalog(*rows), [H200], TODAY)
    front = plans.pareto
    ends = [(each.total.high, each.response_upper_s or 0.0) for each in front]
    assert ends == sorted(ends)
    assert [slow for _, slow in ends] == sorted((slow for _, slow in ends), reverse=True)
    for each in plans:
        if each.response_upper_s is not None and each not in front:
            beaten = [c <= each.total.high and s <= each.response_upper_s for c, s in ends]
            assert any(beaten)
    assert all(each.option == "shop/cheap" for each in front)


def test_the_command_explains(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files = Files(tmp_path)
    options = ("--prices", files.prices, "--calibration", files.calibration, "--explain")
    text = shown(capsys, "plan", files.workload, *options)
    assert "What would halve the cost?" in text
    assert "CPU cores each replica needs: not measured." in text
    assert "No plan beats these in both cost and latency:" in text
    document = json.loads(shown(capsys, "plan", files.workload, *options, "--json"))
    assert document["explanation"]["best"] == document["plans"][0]


def test_the_command_explains_what_a_floor_chose_where_no_latency_is_known(
    capsys: pytest.CaptureFixture[str],
):
    """Both plans of the example are bought from an API, whose latency nobody states."""
    records = ("--quality", "examples/quality")
    text = shown(capsys, "plan", "examples/print_covers.yaml", *records, "--explain")
    assert "Cost versus latency: no plan has a known latency." in text
    assert "What would halve the cost?" in text
