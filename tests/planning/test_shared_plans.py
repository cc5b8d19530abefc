"""Plans that workloads share: made prices, bills that sum, the command."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.errors import InfeasibleError, InputError
from fluxcost.performance.fit import fit
from fluxcost.planning.cost_allocation import IdleRule
from fluxcost.planning.search import plan
from fluxcost.planning.shared_plans import SharedPlans, plan_shared
from fluxcost.workload.workload import Workload
from tests.commands import Files, refused, shown, shown_json
from tests.planning.made import TODAY, catalog, offer, tariff
from tests.synthetic import make_calibration

H200 = make_calibration(gpu="h200-sxm")
SHOP = catalog(offer(), offer("dear", usd=5.0), offer("eight", gpu_count=8))
LIVE = {
    "model": "flux2-klein-4b",
    "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
    "arrivals": {"requests_per_s": 0.3},
    "objective": {"percentile": 95, "within_s": 3.0},
}
BUSY = {
    "arrivals": {"requests_per_s": 1.5},
    "shapes": [{"width": 512, "height": 512, "steps": 4}],
    "images_per_request": 2,
}


def workload(name: str, **fields: Any) -> Workload:
    return Workload.parse(LIVE | {"name": name} | fields, name)


ONE, TWO = workload("one"), workload("two", **BUSY)


def planned(*workloads: Workload, prices=SHOP, idle_by: IdleRule = "use") -> SharedPlans:
    return plan_shared(workloads, prices, [H200], TODAY, idle_by=idle_by)


@functools.cache
def usual() -> SharedPlans:
    return planned(ONE, TWO)


def test_who_is_named_first_pays_no_less():
    there, back = usual(), planned(TWO, ONE)
    assert back.names == there.names[::-1]
    for part, same in zip(there.allocations, reversed(back.allocations), strict=True):
        assert same.gpu_share.draws == pytest.approx(part.gpu_share.draws, rel=1e-12)
        assert same.total.draws == pytest.approx(part.total.draws, rel=1e-12)


@pytest.mark.parametrize("idle_by", ["use", "alone", "equal"])
def test_the_parts_are_the_whole_in_every_draw(idle_by: IdleRule):
    plans = dataclasses.replace(usual(), idle_by=idle_by)
    best, parts = plans.best, plans.allocations
    assert sum(part.total.value for part in parts) == pytest.approx(best.total.value)
    assert np.sum([part.total.draws for part in parts], axis=0) == pytest.approx(best.total.draws)
    assert best.serving is not None
    busy = best.serving.utilization.value * best.serving.fleet.replicas / best.gpus
    assert sum(part.used.value for part in parts) == pytest.approx(busy * best.total.value)
    per_s = [0.3, 1.5 * 2]
    for part, rate in zip(parts, per_s, strict=True):
        images = round(rate * 730 * 3600)
        assert part.usd_per_image.value == pytest.approx(part.total.value / images)


def test_idle_time_is_shared_as_asked():
    plans = usual()
    shares = [part.gpu_share.value for part in plans.allocations]
    assert sum(shares) == pytest.approx(1.0)
    used, alone, equal = (
        [part.idle.value for part in dataclasses.replace(plans, idle_by=rule).allocations]
        for rule in ("use", "alone", "equal")
    )
    assert used[0] / sum(used) == pytest.approx(shares[0])
    own = [plans.best.total.value for plans in plans.alone]
    assert alone[0] / sum(alone) == pytest.approx(own[0] / sum(own))
    assert equal[0] == pytest.approx(equal[1])
    assert sum(used) == pytest.approx(sum(alone)) == pytest.approx(sum(equal))


def test_gpu_time_goes_by_the_calls_of_each():
    plans = usual()
    batch = plans.best.batch
    assert batch is not None
    found = plans.allocations[0].gpu_share.value
    # Between calls of one image and full ones, whose images take less each.
    fits, timed = [], fit(H200)
    for size in (1, batch):
        spent = [
            timed.occupancy(asked.shapes[0].shape, batch=size).value / size * rate
            for asked, rate in ((ONE, 0.3), (TWO, 3.0))
        ]
        fits.append(spent[0] / sum(spent))
    assert min(fits) * 0.95 <= found <= max(fits) * 1.35


def test_what_sharing_saves_is_the_plans_apart_less_the_one_together():
    plans = planned(ONE, workload("two", arrivals={"requests_per_s": 0.2}))
    apart = [
        plan(each, SHOP, [H200], TODAY).best.total.value
        for each in (ONE, workload("two", arrivals={"requests_per_s": 0.2}))
    ]
    assert plans.apart.value == pytest.approx(sum(apart))
    assert plans.saved.value == pytest.approx(sum(apart) - plans.best.total.value)
    # One GPU answers both, and each alone keeps one.
    assert plans.best.gpus == 1
    assert plans.saved.value == pytest.approx(plans.best.total.value)
    # They rest on one price, whose error cancels in what is saved over what is paid.
    ratio = plans.saved.draws / plans.best.total.draws
    assert np.ptp(ratio) == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=3, deadline=None)
@given(first=st.floats(0.2, 4.0), second=st.floats(0.2, 4.0))
def test_sharing_never_takes_more_replicas_of_one_kind_of_request(first: float, second: float):
    pair = [
        workload(name, arrivals={"requests_per_s": rate})
        for name, rate in (("one", first), ("two", second))
    ]
    plans = planned(*pair, prices=catalog(offer()))
    assert plans.best.gpus <= sum(each.best.gpus for each in plans.alone)
    assert plans.saved.value >= -1e-6


def test_what_one_forbids_nobody_shares():
    strict = workload("strict", constraints={"deny_providers": ["other"]})
    prices = catalog(offer(usd=4.0), offer(id="other/cheap", provider="other", usd=0.5))
    plans = planned(ONE, strict, prices=prices)
    assert {each.option for each in plans.ranked} == {"shop/h200"}
    told = {item.candidate: item.reason for item in plans.rejected}
    assert told["other/cheap"] == "strict: other is denied."
    # The other one by itself still takes the cheap one, and the saving says so.
    assert plans.alone[0].best.option == "other/cheap"
    assert plans.allocations[0].alone_option == "other/cheap"


def test_an_api_is_no_fleet_to_share_but_may_be_cheaper_alone():
    rare = workload("rare", constraints={"allow_untimed": True})
    prices = catalog(offer(), tariff(usd=1e-6))
    plans = planned(rare, TWO, prices=prices)
    assert all(each.mode == "always-on" for each in plans.ranked)
    assert plans.alone[0].best.mode == "api"


def test_the_same_seed_gives_the_same_plans():
    assert planned(ONE, TWO).to_dict() == usual().to_dict()


def test_an_offer_nobody_timed_or_nobody_can_share_says_why():
    prices = catalog(offer(), offer("b200", gpu="b200-sxm"), offer("zero", kind="serverless"))
    told = {item.candidate: item.reason for item in planned(ONE, TWO, prices=prices).rejected}
    assert told["shop/b200"].startswith("no usable timing of flux2-klein-4b on b200-sxm")
    assert told["shop/zero"] == "sold as serverless, which is not kept around the clock."


def test_where_nothing_can_be_shared_the_nearest_is_told():
    one = workload("one", constraints={"allow_providers": ["shop"]})
    two = workload("two", constraints={"allow_providers": ["other"]})
    prices = catalog(offer(), offer(id="other/h200", provider="other"))
    plans = planned(one, two, prices=prices)
    with pytest.raises(InfeasibleError, match="no fleet that one and two can share"):
        plans.best  # noqa: B018


def test_one_workload_is_refused():
    with pytest.raises(InputError, match="expected two or more"):
        planned(ONE)


def command(tmp_path: Path, *more: object) -> tuple[object, ...]:
    files = Files(tmp_path)
    paths = []
    for asked in (ONE, TWO):
        path = tmp_path / f"{asked.name}.yaml"
        limited = asked.to_dict() | {"constraints": {"allow_providers": ["shop"]}}
        path.write_text(yaml.safe_dump(limited))
        paths.append(path)
    options = ("--prices", files.prices, "--calibration", files.calibration)
    return ("plan", *paths, *options, *more)


def test_the_command_says_who_pays_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = shown(capsys, *command(tmp_path, "--shared"))
    assert "one + two: one fleet, every month" in text
    assert "its idle time" in text
    assert "Why not fewer GPUs?" in text
    assert "Apart they cost $" in text


def test_the_command_gives_the_fields_of_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    found = shown_json(capsys, *command(tmp_path, "--shared", "--idle-by", "equal", "--top", "1"))
    assert (found["workloads"], found["idle_by"]) == (["one", "two"], "equal")
    assert len(found["plans"]) == 1
    parts = found["plans"][0]["allocations"]
    assert parts[0]["idle"]["value"] == pytest.approx(parts[1]["idle"]["value"])
    assert [recipe["workload"]["name"] for recipe in found["recipes"]] == ["one", "two"]


def test_several_workloads_without_shared_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    told = refused(capsys, *command(tmp_path))
    assert told.startswith("WORKLOAD is 2 files; expected one, or --shared to plan one fleet for")
