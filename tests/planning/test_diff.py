"""Differences of plans: shared errors cancel, fields that differ are named."""

import json

import numpy as np
import pytest

import fluxcost as fc
from fluxcost.errors import InputError
from fluxcost.planning.diff import diff
from fluxcost.planning.search import plan
from tests.commands import OFFER, Files, refused, shown, shown_json
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.synthetic import make_calibration

H200 = make_calibration(gpu="h200-sxm", grid=[(1024, 1024, 4, b) for b in (1, 4)], calls=5)
SHOP = catalog(offer("one"), offer("two", usd=4.0), tariff("klein", usd=0.0007))


def leaders(job=None):
    plans = plan(job or workload(), SHOP, [H200], TODAY)
    return {each.option: each for each in plans.leaders}


def test_a_plan_does_not_differ_from_itself():
    (one, *_) = leaders().values()
    same = diff(one, one)
    assert same.changed == {}
    assert same.total.value == same.total.low == same.total.high == 0
    assert same.probability == 0
    assert same.sentence == "Both cost the same."


def test_two_plans_on_one_offer_are_told_apart():
    few, many = (
        leaders(workload(deadline={"images": images, "hours": 8}))["shop/one"]
        for images in (50_000, 100_000)
    )
    result = diff(many, few)
    saved = many.total.value - few.total.value
    assert result.total.value == pytest.approx(-saved)
    told = f"On shop/one the second plan costs ${saved:.2f} less than the first ("
    assert result.sentence.startswith(told)


def test_the_difference_is_draw_by_draw_and_turns_around():
    plans = leaders()
    one, two = plans["shop/one"], plans["shop/two"]
    there, back = diff(one, two), diff(two, one)
    assert there.total.draws == pytest.approx(two.total.draws - one.total.draws)
    assert there.total.value == pytest.approx(-back.total.value)
    assert there.probability == pytest.approx(np.mean(two.total.draws < one.total.draws))
    assert there.usd_per_image.value == pytest.approx(there.total.value / 100_000)
    assert there.changed == {"option": ("shop/one", "shop/two")}


def test_a_shared_timing_error_cancels():
    # Prices read today do not drift, so that only the timing is uncertain, and both share it.
    fresh = catalog(offer("one", as_of=TODAY), offer("two", usd=4.0, as_of=TODAY))
    plans = plan(workload(), fresh, [H200], TODAY)
    one, two = (next(p for p in plans.leaders if p.option == f"shop/{n}") for n in ("one", "two"))
    result = diff(one, two)
    assert result.total.draws == pytest.approx(one.total.draws / 9, rel=1e-6)
    assert result.apart > 10
    assert result.probability == 0


def test_a_job_is_not_a_month():
    monthly = workload(deadline=None, images_per_month=1_000_000)
    with pytest.raises(InputError, match="in USD and the second in USD/month"):
        diff(leaders()["shop/one"], leaders(monthly)["shop/one"])


def test_it_comes_out_as_plain_values():
    plans = leaders()
    plain = json.loads(json.dumps(diff(plans["shop/one"], plans["api/klein"]).to_dict()))
    assert plain["changed"]["mode"] == ["deadline", "api"]
    assert plain["sentence"].startswith("api/klein costs $")


def test_the_command_shows_the_result(capsys, tmp_path):
    files = Files(tmp_path)
    files.write_offer(OFFER | {"id": "shop/h200"})
    both = {"allow_providers": ["shop", "replicate"], "least_grade": "C", "allow_stale": True}
    document = {"constraints": both}
    files.write_workload(json.loads(fc.load_workload(files.workload).model_dump_json(
        exclude_none=True)) | document)  # fmt: skip
    given = ["--prices", files.prices, "--calibration", files.calibration]
    name = f"{files.workload}#shop/h200"
    command = ["diff", name, "#replicate/flux-2-klein-4b", *given]
    document = shown_json(capsys, *command)
    assert document["changed"]["option"] == ["shop/h200", "replicate/flux-2-klein-4b"]
    assert document["sentence"] in shown(capsys, *command)
    both = shown_json(capsys, "diff", files.workload, files.workload, *given)
    assert both["total"]["value"] == 0
    message = refused(capsys, "diff", files.workload, "#shop/nothing", *given)
    assert message.startswith("option 'shop/nothing' is not known")
