"""The capacity page shows what the simulator answers."""

import contextlib
import io
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import fluxcost as fc
from dashboard import answers, controls, programs, show
from dashboard.uploads import Own
from tests.dashboard.opened import numbers, opened, sentence, settled, shown, texts

COMPILED = "h100-sxm/flux2-klein-4b/compiled-bf16"
FIT = fc.fit(fc.load_calibration(COMPILED))
OFFER = fc.load_catalog().offer("runpod/h100-sxm-secure")


def workload(**fields: Any) -> fc.Workload:
    base = {
        "name": "capacity",
        "model": "flux2-klein-4b",
        "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
        "arrivals": {"process": "poisson", "requests_per_s": 5.0},
        "objective": {"percentile": 95, "within_s": 2.0},
    }
    return fc.Workload.parse(base | fields, "a test")


def fleet(replicas: int = 1, batch: int = 4, held: float = 0.0) -> fc.Fleet:
    batching = fc.Batching(max_batch=batch, max_wait_s=held)
    return fc.Fleet(calibration=COMPILED, replicas=replicas, batching=batching)


def expected(asked: fc.Workload, served_by: fc.Fleet, *, sized: bool = True) -> dict[str, str]:
    ask = fc.size_fleet if sized else fc.simulate
    found = ask(asked, served_by, calibration=FIT)
    rent = fc.rent_of_fleet(OFFER, found.fleet.replicas, answers.today())
    assert asked.objective is not None
    name = f"p{asked.objective.percentile:g}"
    return {
        "GPUs, one replica each": str(found.fleet.replicas),
        f"Response, {name}": shown(found.response[name]),
        "Utilization": shown(found.utilization),
        "Rent, USD a month": shown(rent),
    }


STEADY = {"offer": OFFER.id, "day": "1 " * 24}
"""An address whose day is one rate: its fleet by the hour is sized once, not for every rate."""


@pytest.fixture
def page() -> AppTest:
    return opened("capacity", **STEADY)


def test_it_opens_with_the_fewest_gpus_in_time():
    page = opened("capacity", offer=OFFER.id)
    assert numbers(page) == expected(workload(), fleet())
    said = texts(page)
    found = fc.size_fleet(workload(), fleet(), calibration=FIT)
    assert show.plain(found.reason) in said
    for line in found.response["p95"].evidence:
        assert show.plain(line) in said
    hours = fc.fleet_by_hour(
        workload(
            arrivals={
                "requests_per_s": 5.0,
                "hourly_weights": [float(each) for each in controls.EXAMPLE_DAY.split()],
            }
        ),
        fleet(),
        calibration=FIT,
    )
    assert f"takes {hours.replica_hours} GPU hours instead of {hours.kept_replica_hours}" in said


@pytest.mark.parametrize(
    ("kind", "key", "value", "fields", "served_by"),
    [
        ("number_input", "rate", 11.0, {"arrivals": {"requests_per_s": 11.0}}, fleet()),
        pytest.param(
            "number_input",
            "within",
            1.0,
            {"objective": {"percentile": 95, "within_s": 1.0}},
            fleet(),
            marks=pytest.mark.long,
        ),
        pytest.param(
            "number_input",
            "percentile",
            90.0,
            {"objective": {"percentile": 90, "within_s": 2.0}},
            fleet(),
            marks=pytest.mark.long,
        ),
        pytest.param(
            "number_input", "each", 2, {"images_per_request": 2}, fleet(), marks=pytest.mark.long
        ),
        ("number_input", "batch", 1, {}, fleet(batch=1)),
        pytest.param("number_input", "held", 0.2, {}, fleet(held=0.2), marks=pytest.mark.long),
        (
            "selectbox",
            "process",
            "constant",
            {"arrivals": {"process": "constant", "requests_per_s": 5.0}},
            fleet(),
        ),
        (
            "selectbox",
            "size",
            "512x512",
            {"shapes": [{"width": 512, "height": 512, "steps": 4}]},
            fleet(),
        ),
        pytest.param(
            "number_input",
            "steps",
            8,
            {"shapes": [{"width": 1024, "height": 1024, "steps": 8}]},
            fleet(),
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_control_changes_the_question(
    page: AppTest, kind: str, key: str, value: Any, fields: dict[str, Any], served_by: fc.Fleet
):
    getattr(page, kind)(key=key).set_value(value)
    by_hand = numbers(settled(page))
    assert by_hand == expected(workload(**fields), served_by)
    assert numbers(opened("capacity", **STEADY, **{key: str(value)})) == by_hand


def test_bursts_have_their_variation(page: AppTest):
    page.selectbox(key="process").set_value("gamma")
    settled(page).number_input(key="variation").set_value(3.0)
    bursty = {"process": "gamma", "coefficient_of_variation": 3.0, "requests_per_s": 5.0}
    assert numbers(settled(page)) == expected(workload(arrivals=bursty), fleet())


def test_a_fleet_of_one_s_own_size_is_taken_at_its_word(page: AppTest):
    page.radio(key="fleet").set_value("as many as I say")
    settled(page).number_input(key="replicas").set_value(3)
    assert numbers(settled(page)) == expected(workload(), fleet(3), sized=False)


def test_the_load_sweep_and_its_knee_are_the_library_s(page: AppTest):
    sized = fc.size_fleet(workload(), fleet(), calibration=FIT).fleet
    curve = fc.load_sweep(workload(), sized, calibration=FIT)
    knee = f"The knee is at {curve.knee.requests_per_s:.3g} requests a second"
    assert show.plain(knee) in texts(page)


def test_a_load_sweep_is_kept_whatever_the_rate():
    bursty = {"process": "gamma", "coefficient_of_variation": 2.0}
    at_three, at_nine = (workload(arrivals=bursty | {"requests_per_s": rate}) for rate in (3, 9))
    kept = answers.load_sweep(at_three, fleet(2), Own())
    assert answers.load_sweep(at_nine, fleet(2), Own()) is kept
    assert kept.to_dict() == fc.load_sweep(at_nine, fleet(2), calibration=FIT).to_dict()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("day", "1 2 three", "a day has 'three' in it; expected 24 numbers"),
        ("day", "1 2 3", "expected: 24 or 168 weights"),
        ("day", "nan " * 24, "hourly_weights.0 is nan; expected: a finite number"),
        ("within", "0.05", "times too slow. Allow more time"),
        ("rate", "0", "requests_per_s is 0.0; expected: greater than or equal to"),
        ("batch", "400", "max_batch is 400; expected: less than or equal to 256"),
        ("batch", "200", "tokens x batch; expected at most"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(key: str, value: str, said: str):
    assert show.plain(said) in sentence(opened("capacity", **(STEADY | {key: value})))


@pytest.mark.parametrize("is_sized", [True, False])
def test_the_program_gives_the_same_answer(is_sized):
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(programs.simulate(workload(), fleet(2), Own(), is_sized=is_sized), names)  # noqa: S102 - the page wrote it
    ask = fc.size_fleet if is_sized else fc.simulate
    assert names["answer"].to_dict() == ask(workload(), fleet(2), calibration=FIT).to_dict()
