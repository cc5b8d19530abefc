"""A quality floor: what it lets through, what it turns down and why, and what it costs."""

import typing
from pathlib import Path

import numpy as np
import pytest

import fluxcost as fc
from fluxcost.errors import InfeasibleError, InputError, MissingDataError
from fluxcost.estimate import Estimate, Source
from fluxcost.performance.quality.quality_metrics import Metric
from fluxcost.performance.quality.quality_record import Quality
from fluxcost.planning.plans import Plans
from fluxcost.workload.constraints import QualityFloor
from tests.commands import refused, shown, shown_json
from tests.performance.quality.made import measured, typed
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.synthetic import make_calibration

MODELS = ["flux2-klein-4b", "flux1-schnell"]
SHOP = catalog(
    offer(), tariff("klein", usd=0.001), tariff("schnell", usd=0.004, model="flux1-schnell")
)


def planned(floor, *records, calibrations=()) -> Plans:
    return fc.plan(
        workload(quality=floor, deadline={"images": 100_000, "hours": 8}),
        catalog=SHOP,
        calibrations=calibrations,
        today=TODAY,
        qualities=records,
    )


def reasons(plans: Plans) -> dict[str, str]:
    return {each.candidate: each.reason for each in plans.rejected if each.constraint == "quality"}


def test_the_floor_s_metrics_are_the_records_metrics():
    (metrics,) = (QualityFloor.model_fields["metric"].annotation,)
    assert set(typing.get_args(metrics)) == set(Metric)


def test_a_floor_changes_the_chosen_model_and_says_why():
    cheap = typed("flux2-klein-4b", accepted={4: 0.8})
    good = typed("flux1-schnell", accepted={4: 0.9})
    low, high = (
        planned({"metric": "accepted", "at_least": floor, "models": MODELS}, cheap, good)
        for floor in (0.7, 0.85)
    )
    assert low.best.option == "api/klein"
    assert high.best.option == "api/schnell"
    assert "accepted is 0.800" in reasons(high)["flux2-klein-4b at 4 steps"]
    assert high.best.why.startswith("flux1-schnell at 4 steps: accepted 0.900, at least 0.900")
    assert "typed in for a test" in high.best.caveats[-1]
    assert high.best.to_dict()["choice"]["model"] == "flux1-schnell"
    # 0.004 USD an image, of which nine in ten pass.
    assert "One that passes costs $0.00444." in high.best.why


def test_what_is_asked_is_met_by_the_low_end_of_the_interval():
    record = typed("flux2-klein-4b", accepted={4: 0.8}, half_width=0.1)
    floor = {"metric": "accepted", "at_least": 0.75}
    with pytest.raises(InfeasibleError, match=r"rejected \(1 by quality;"):
        _ = planned(floor, record).best
    assert planned(floor | {"at_least": 0.7}, record).best.option == "api/klein"


def test_the_steps_of_a_record_take_the_place_of_the_workload_s():
    record = typed("flux2-klein-4b", accepted={4: 0.8, 8: 0.9})
    timed = make_calibration(gpu="h200-sxm")
    floor = {"metric": "accepted", "at_least": 0.85}
    eight = planned(floor, record, calibrations=[timed])
    rented = next(plan for plan in eight if plan.gpu)
    assert rented.choice is not None
    assert rented.choice.steps == 8
    plain = fc.plan(
        workload(shapes=[{"width": 1024, "height": 1024, "steps": 8}]),
        catalog=SHOP,
        calibrations=[timed],
        today=TODAY,
    )
    same = next(plan for plan in plain if (plan.gpu, plan.batch) == (rented.gpu, rented.batch))
    assert rented.total.value == same.total.value


@pytest.mark.parametrize("metric", ["clip_by_steps", "binding"])
def test_clip_alone_never_lowers_the_steps_a_model_was_made_for(metric):
    table = {2: 0.5, 4: 0.4}
    if metric == "binding":
        record = typed("flux2-klein-4b", binding=table)
    else:
        record = typed("flux2-klein-4b", clip_by_steps=table)
    plans = planned({"metric": metric, "at_least": 0.3}, record)
    assert {plan.choice.steps for plan in plans if plan.choice} == {4}
    assert "made for 4 steps" in reasons(plans)["flux2-klein-4b at 2 steps"]


def test_people_may_say_that_fewer_steps_will_do():
    plans = planned(
        {"metric": "accepted", "at_least": 0.3}, typed("flux2-klein-4b", accepted={2: 0.5})
    )
    assert plans.best.choice is not None
    assert plans.best.choice.steps == 2


def test_the_published_sweep_is_refused_at_two_steps_though_it_scores_highest():
    plans = fc.plan(
        workload(quality={"metric": "clip_by_steps", "at_least": 0.368}),
        catalog=SHOP,
        calibrations=(),
        today=TODAY,
    )
    assert {plan.choice.steps for plan in plans if plan.choice} == {4, 8}
    assert set(reasons(plans)) == {"flux2-klein-4b at 2 steps", "flux2-klein-4b at 12 steps"}


def test_a_table_that_does_not_say_its_steps_decides_nothing():
    plans = fc.plan(
        workload(quality={"metric": "clip", "at_least": 0.3}),
        catalog=SHOP,
        calibrations=(),
        today=TODAY,
    )
    assert not plans
    assert "does not say at how many steps" in reasons(plans)["flux2-klein-4b"]


def test_no_record_is_refused_and_one_model_without_is_turned_down():
    floor = {"metric": "accepted", "at_least": 0.5, "models": MODELS}
    with pytest.raises(MissingDataError, match="flux2-klein-4b or flux1-schnell holds accepted"):
        planned(floor)
    plans = planned(floor, typed("flux2-klein-4b", accepted={4: 0.8}))
    assert plans.best.option == "api/klein"
    assert "no quality record of flux1-schnell" in reasons(plans)["flux1-schnell"]


def judged_by(record: Quality, name: str) -> Quality:
    judges = {
        metric: judge.model_copy(update={"name": name}) for metric, judge in record.judges.items()
    }
    return record.model_copy(update={"judges": judges})


def test_scores_of_two_judges_are_not_compared():
    ours = judged_by(typed("flux2-klein-4b", accepted={4: 0.8}), "Ada")
    theirs = judged_by(typed("flux1-schnell", accepted={4: 0.9}), "Bo")
    floor = {"metric": "accepted", "at_least": 0.5, "models": MODELS}
    with pytest.raises(InputError, match=r"judged by Ada \(1\); Bo \(1\), whose scores cannot"):
        planned(floor, ours, theirs)
    plans = planned(floor | {"judge": "Bo"}, ours, theirs)
    assert plans.best.option == "api/schnell"
    with pytest.raises(InputError, match=r"quality.judge is 'Cy'; expected one of"):
        planned(floor | {"judge": "Cy"}, ours, theirs)


def test_a_measured_record_decides_by_category_and_needs_no_caveat():
    record = measured(
        {"color": {"a": [0.30], "b": [0.32]}, "action": {"c": [0.20], "d": [0.22]}}
    ).model_copy(update={"model": "flux2-klein-4b"})
    floor = {"metric": "clip", "at_least": 0.28}
    best = planned(floor | {"category": "color"}, record).best
    assert best.choice is not None
    assert best.choice.value.source is Source.MEASURED
    assert not any("how good the pictures are" in each for each in best.caveats)
    assert "flux2-klein-4b at 4 steps" in reasons(planned(floor, record))


def test_a_model_nobody_sells_or_timed_is_turned_down():
    floor = {"metric": "accepted", "at_least": 0.5, "models": ["flux2-dev", *MODELS]}
    records = [typed(each, accepted={4: 0.9}) for each in ("flux2-dev", "flux2-klein-4b")]
    plans = fc.plan(workload(quality=floor), catalog=SHOP, today=TODAY, qualities=records)
    turned_down = {each.candidate: each.constraint for each in plans.rejected}
    assert turned_down["flux2-dev at 4 steps"] == "timing"


def test_a_plan_with_a_floor_is_explained_as_its_choice_is():
    """It has the levers of the same choice asked for without a floor, but for fewer steps."""
    records = [typed(MODELS[0], accepted={4: 0.9}), typed(MODELS[1], accepted={4: 0.5})]
    ours = make_calibration(gpu="h200-sxm")
    timed = [ours, ours.model_copy(update={"model": MODELS[1]})]
    deadline = {"images": 100_000, "hours": 8}
    floored = workload(
        model=MODELS[1],
        quality={"metric": "accepted", "at_least": 0.6, "models": MODELS},
        deadline=deadline,
    )
    plain = workload(model=MODELS[0], deadline=deadline)
    plans = fc.plan(floored, SHOP, timed, TODAY, qualities=records)
    told = fc.explain(floored, plans, calibrations=timed)
    alone = fc.explain(plain, fc.plan(plain, SHOP, timed[:1], TODAY), calibrations=timed[:1])
    assert told.best.choice is not None
    assert "half the steps" in alone.levers[0].change
    assert [(each.change, each.ratio) for each in told.levers] == [
        (each.change, each.ratio) for each in alone.levers if "half the steps" not in each.change
    ]


def test_sensitivity_does_not_choose_a_model():
    floored = workload(quality={"metric": "accepted", "at_least": 0.5})
    with pytest.raises(InputError, match="has a quality floor, which chooses model and steps"):
        fc.sensitivity(floored, catalog=SHOP, today=TODAY)


def test_an_accepted_image_costs_the_tries_it_takes():
    share = fc.quality("m", "accepted", 4, records=[typed("m", accepted={4: 0.25})])
    cost = Estimate.exact(0.002, "USD/image", Source.MEASURED, "a price")
    found = fc.quality_adjusted_cost(cost, share)
    assert found.value == pytest.approx(0.008)
    assert found.unit == "USD/accepted image"
    assert found.source is Source.ASSUMED


def test_the_price_of_a_try_until_one_passes_is_that_of_a_geometric_number_of_tries():
    tries = np.random.default_rng(0).geometric(0.8, size=200_000)
    share = Estimate.exact(0.8, "share", Source.MEASURED, "a share")
    cost = Estimate.exact(1.0, "USD/image", Source.MEASURED, "a price")
    assert fc.quality_adjusted_cost(cost, share).value == pytest.approx(tries.mean(), rel=0.01)


@pytest.mark.parametrize(
    ("cost_unit", "score", "unit", "sentence"),
    [
        ("USD/month", 0.5, "share", "the cost is in USD/month"),
        ("USD/image", 0.0, "share", "expected above 0 and at most 1"),
        ("USD/image", 1.5, "share", "expected above 0 and at most 1"),
        ("USD/image", -0.1, "cosine", "expected above 0: score"),
    ],
)
def test_what_no_price_can_be_divided_by_is_refused(cost_unit, score, unit, sentence):
    cost = Estimate.exact(0.01, cost_unit, Source.MEASURED, "a price")
    with pytest.raises(InputError, match=sentence):
        fc.quality_adjusted_cost(cost, Estimate.exact(score, unit, Source.MEASURED, "a score"))


def test_the_example_changes_its_model_with_its_floor(capsys, tmp_path):
    example = "examples/print_covers.yaml"
    records = ("--quality", "examples/quality")
    best = shown_json(capsys, "plan", example, *records)["plans"][0]
    assert best["choice"]["model"] == "flux2-klein-9b"
    assert "an example, not measured" in best["caveats"][-1]
    lower = tmp_path / "lower.yaml"
    text = Path(example).read_text(encoding="utf-8")
    lower.write_text(text.replace("at_least: 0.85", "at_least: 0.75"))
    best = shown_json(capsys, "plan", lower, *records)["plans"][0]
    assert best["choice"]["model"] == "flux2-klein-4b"
    assert "holds accepted" in refused(capsys, "plan", example, code=1)


def test_the_example_rents_gpus_for_the_model_that_passes_where_its_license_allows(
    capsys, tmp_path
):
    """Sold, the pictures are bought from an API; unsold, klein-9B runs as timed on rented GPUs."""
    example = Path("examples/print_covers.yaml").read_text(encoding="utf-8")
    unsold = tmp_path / "unsold.yaml"
    unsold.write_text(example.replace("constraints:", "constraints:\n  non_commercial: true"))
    best = shown_json(capsys, "plan", unsold, "--quality", "examples/quality")["plans"][0]
    assert best["choice"]["model"] == "flux2-klein-9b"
    assert "accepted 0.910, at least 0.874" in best["why"]
    assert (best["calibration"], best["gpus"]) == ("h100-sxm/flux2-klein-9b/compiled-bf16", 1)


def test_the_command_lists_what_ships_and_one_s_own(capsys):
    text = shown(capsys, "quality")
    assert "flux2-klein-4b, published: inferencebench.io" in text
    (record,) = shown_json(capsys, "quality", "examples/quality/flux1-schnell.yaml")["records"]
    assert record["figures"][0]["value"]["value"] == 0.71
    assert "no record in it" in refused(
        capsys, "plan", "examples/print_covers.yaml", "--quality", "tests"
    )
