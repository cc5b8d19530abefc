"""Ways side by side: the front is what looking at every pair finds."""

import json

import pytest

from fluxcost.errors import InfeasibleError, MissingDataError, UnknownNameError
from fluxcost.performance.calibration.extra_measurements import Sameness
from fluxcost.performance.calibration.measuring_run import Stack
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.quality.quality_record import Quality
from fluxcost.planning.comparison import Comparison, PictureQuality, any_stack, compare
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.synthetic import LOSSY, Machine, make_calibration

EAGER = make_calibration(gpu="h200-sxm")
QUICK = Machine(step_s_per_kilotoken=0.007, step_launch_s=0.01)
PRICES = catalog(offer(), offer("dear", usd=9.9), tariff())


def stack(alias: str, error: float | None, machine: Machine = QUICK) -> Calibration:
    made = make_calibration(machine, gpu="h200-sxm")
    seen = [] if error is None else [sameness(error)]
    return made.model_copy(
        update={"stack": Stack(alias=alias, settings={"name": alias}), "sameness": tuple(seen)}
    )


def sameness(error: float) -> Sameness:
    return Sameness(
        width=512,
        height=512,
        steps=4,
        batch=1,
        run="run",
        error=error,
        eager_error=0.147,
        spread=0.2,
    )


def compared(*calibrations: Calibration) -> Comparison:
    return compare(workload(), PRICES, calibrations or (EAGER,), TODAY)


def test_the_front_is_what_every_pair_says():
    found = compared()
    timed = [each for each in found.alternatives if each.plan.latency is not None]
    places = [
        (each.plan.usd_per_image.value, each.plan.latency.value)
        for each in timed
        if each.plan.latency
    ]
    for each, (usd, seconds) in zip(timed, places, strict=True):
        beaten = any(
            cost <= usd and time <= seconds and (cost, time) != (usd, seconds)
            for cost, time in places
        )
        assert each.on_front is not beaten
        assert (each.beaten_by is None) is not beaten
    assert 1 < len(found.front) < len(timed)
    assert {each.plan.option for each in found.front} == {"shop/h200"}


def test_they_are_the_plans_cheapest_first():
    found = compared()
    usd = [each.plan.usd_per_image.value for each in found.alternatives]
    assert usd == sorted(usd)
    frame = found.to_frame()
    assert list(frame["usd_per_image"]) == usd
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["alternatives"][0]["usd_per_image"]["value"] == usd[0]


def test_an_api_that_nobody_timed_is_neither_beaten_nor_on_the_front():
    api = next(each for each in compared().alternatives if each.plan.mode == "api")
    assert (api.on_front, api.beaten_by, api.stack) == (False, None, None)
    assert api.picture is PictureQuality.UNKNOWN


@pytest.mark.parametrize(
    ("error", "picture", "eager_survives"),
    [
        (0.1472, PictureQuality.SAME, False),
        (0.3, PictureQuality.LOSSY, True),
        (None, PictureQuality.UNKNOWN, True),
    ],
)
def test_only_a_stack_whose_pictures_are_no_worse_beats(
    error: float | None,
    picture: PictureQuality,
    eager_survives,
):
    found = compared(EAGER, stack("quick", error))
    pictures = {each.stack: each.picture for each in found.alternatives if each.stack}
    assert pictures == {"eager-bf16": PictureQuality.SAME, "quick": picture}
    assert ("eager-bf16" in {each.stack for each in found.front}) is eager_survives
    assert "quick" in {each.stack for each in found.front}


def test_models_have_a_front_each():
    other = EAGER.model_copy(update={"model": "flux2-klein-9b"})
    own = {"non_commercial": True}  # as the license of the 9B weights asks
    asked = [workload(), workload(model="flux2-klein-9b", constraints=own)]
    found = compare(asked, PRICES, [EAGER, other], TODAY)
    assert {each.model for each in found.front} == {"flux2-klein-4b", "flux2-klein-9b"}
    alone = [each.plan.option for each in compared().front]
    assert [each.plan.option for each in found.front if each.model == "flux2-klein-4b"] == alone


def test_nothing_to_compare_is_said():
    asked = workload(constraints={"least_grade": "A"})
    with pytest.raises(InfeasibleError, match="the only candidate was rejected"):
        compare(asked, catalog(offer(grade="B")), [EAGER], TODAY)


def test_stacks_stand_side_by_side_on_one_offer_whatever_the_workload_accepts():
    lossy = make_calibration(QUICK, gpu="h200-sxm", stack=LOSSY)
    both = {"prompt_embeddings": "cached", "lossy": True}
    known = make_calibration(
        Machine(text_launch_s=1e-3), gpu="h200-sxm", stack=Stack(alias="known", settings=both)
    )
    asked = workload(constraints={"max_latency_p95_s": 60.0})
    found = compare(any_stack(asked), PRICES, (EAGER, lossy, known), TODAY)
    shown = found.stacks_on("shop/h200")
    assert {each.stack: each.needs for each in shown} == {
        EAGER.stack.alias: (),
        "quick-fp8": ("allow_lossy",),
        "known": ("allow_lossy", "allow_cached_prompts"),
    }
    costs = [each.plan.usd_per_image.value for each in shown]
    assert costs == sorted(costs, reverse=True)
    for each in shown:
        ways = [
            other.plan.usd_per_image.value
            for other in found.alternatives
            if (other.plan.option, other.stack) == ("shop/h200", each.stack)
        ]
        assert each.plan.usd_per_image.value == min(ways)
        assert len(ways) > 1
    assert asked.constraints.allow_lossy is False
    with pytest.raises(MissingDataError, match="no way of made rents 'shop/h201'"):
        found.stacks_on("shop/h201")


def test_an_api_has_no_stacks_to_set_side_by_side():
    found = compare(workload(), catalog(offer(), tariff(usd=0.01)), (EAGER,), TODAY)
    assert {each.stack for each in found.alternatives} == {EAGER.stack.alias, None}
    with pytest.raises(MissingDataError, match="no way of made rents 'api/klein'"):
        found.stacks_on("api/klein")


def record(metric: str, *figures: tuple[int, float]) -> Quality:
    rows = [{"metric": metric, "steps": n, "value": v, "half_width": 0.001} for n, v in figures]
    judge = {"name": "someone", "revision": "1"}
    document = {
        "model": "flux2-klein-4b",
        "source": "assumed",
        "reference": "a test",
        "judges": {metric: judge},
        "reported": rows,
    }
    return Quality.parse(document, "a made record")


def by_steps(metric: str, *figures: tuple[int, float]) -> Comparison:
    side = {"width": 1024, "height": 1024}
    asked = [workload(shapes=[side | {"steps": steps}]) for steps, _ in figures]
    scores = [record(metric, *figures)]
    return compare(asked, PRICES, (EAGER,), TODAY, metric=metric, qualities=scores)


def test_with_quality_the_front_is_what_every_pair_says_of_three():
    found = by_steps("accepted", (4, 0.8), (8, 0.9), (12, 0.85))
    timed = [each for each in found.alternatives if each.plan.latency is not None]
    places = [
        (-each.quality.value, each.plan.usd_per_image.value, each.plan.latency.value)
        for each in timed
        if each.quality is not None and each.plan.latency is not None
    ]
    assert len(places) == len(timed)
    for each, place in zip(timed, places, strict=True):
        beaten = any(
            other != place and all(a <= b for a, b in zip(other, place, strict=True))
            for other in places
        )
        assert each.on_front is not beaten
    # 12 steps cost more and please less than 8.
    assert {each.steps for each in found.front} == {4, 8}


def test_by_clip_alone_fewer_steps_than_the_model_was_made_for_beat_nothing():
    clip = by_steps("clip_by_steps", (2, 0.9), (4, 0.8))
    people = by_steps("accepted", (2, 0.9), (4, 0.8))
    assert {each.steps for each in clip.front} == {2, 4}
    assert {each.steps for each in people.front} == {2}


def test_what_a_lossy_stack_draws_no_record_judges():
    both = (EAGER, stack("quick", 0.3))
    scores = [record("accepted", (4, 0.8))]
    found = compare(workload(), PRICES, both, TODAY, metric="accepted", qualities=scores)
    judged = {each.stack: each.quality is not None for each in found.alternatives}
    assert judged == {"eager-bf16": True, "quick": False, None: True}


def test_a_metric_nobody_recorded_is_refused():
    with pytest.raises(MissingDataError, match="holds accepted"):
        compare(workload(), PRICES, [EAGER], TODAY, metric="accepted", qualities=[])
    with pytest.raises(UnknownNameError, match="metric 'beauty'"):
        compare(workload(), PRICES, [EAGER], TODAY, metric="beauty")
