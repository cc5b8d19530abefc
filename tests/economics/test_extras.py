"""Costs of an accepted image with everything beside the model, each worked by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.economics.break_even.break_even import break_even
from fluxcost.economics.cost import CostPerImage, cost_of_mix, cost_per_image
from fluxcost.economics.extras import Extras, load_extras
from fluxcost.economics.horizon import Horizon, month_to_switch
from fluxcost.economics.owned import OwnedMachine
from fluxcost.errors import DocumentError, FormatVersionError, InfeasibleError, InputError
from fluxcost.estimate import Source
from fluxcost.workload.shape import Shape
from tests.economics.stand_in import PRICED_ON, SQUARE, Clock, offer, tariff

ROOT = Path(__file__).parents[2]
MACHINE: dict[str, Any] = {
    "name": "rack",
    "gpu": "h100-sxm",
    "gpu_count": 8,
    "capex_usd": 280_320.0,
    "years": 4.0,
    "watts_at_work": 8000.0,
    "watts_idle": 2000.0,
    "pue": 1.5,
    "usd_per_kwh": 0.10,
}
lost = st.floats(0, 0.9)


def extras(**fields: Any) -> Extras:
    return Extras.parse(fields, "extras")


def cost(rented: Any = None, utilization: float = 0.5, **fields: Any) -> CostPerImage:
    # 3.60 an hour is 0.001 a second; half a second an image is 0.0005 at work and 0.0005 idle.
    row = rented or offer(3.6)
    return cost_per_image(
        Clock(), row, SQUARE, utilization=utilization, extras=extras(**fields), today=PRICED_ON
    )


def usd(result: CostPerImage) -> dict[str, float]:
    return {line.name: round(line.usd_per_image.value, 9) for line in result.lines}


def test_nothing_beside_the_model_adds_nothing():
    assert usd(cost()) == {"GPU time at work": 0.0005, "GPU time idle": 0.0005}


def test_calls_that_fail_are_made_again():
    # A fifth fails: five calls make four images, a quarter of 0.001 more.
    result = cost(failed_share=0.2)
    assert usd(result)["calls made again"] == 0.00025
    assert result.total.value == pytest.approx(0.00125)
    assert result.images_per_usd.value == pytest.approx(800)


def test_images_thrown_away_are_paid_by_those_kept():
    # A fifth fails and a fifth of the images is thrown away: 0.00125 x 5 / 4.
    result = cost(failed_share=0.2, discarded_share=0.2)
    assert usd(result)["images thrown away"] == 0.0003125
    assert result.total.value == pytest.approx(0.0015625)


def test_stages_take_the_gpu_cores_and_the_wire():
    stages = [
        {"name": "safety checker", "gpu_s": 0.02},  # 0.02 s at 0.002, idle time included
        {"name": "thumbnail", "cpu_s": 1.8},  # 1.8 / 3600 x 0.04
        {"name": "upload", "bytes": 2e6, "accepted_only": True},  # 0.002 GB x 0.09
    ]
    given: dict[str, Any] = {
        "stages": stages,
        "usd_per_core_hour": 0.04,
        "traffic": {"usd": 0.09, "per": "gb"},
    }
    lines = usd(cost(**given))
    assert lines["safety checker"] == 0.00004
    assert lines["thumbnail"] == 0.00002
    assert lines["upload"] == 0.00018
    # Half is thrown away before the upload: 0.001 + 0.00004 + 0.00002 once more.
    assert usd(cost(**given, discarded_share=0.5))["images thrown away"] == 0.00106


def test_a_gigabyte_is_not_a_gibibyte():
    # 1 GiB sent is 1.073741824 GB: at 0.10 a GB 0.1073741824, at 0.10 a GiB 0.10. A year of
    # keeping it at 0.02 is 0.2576980378 or 0.24.
    bills = {}
    for per in ("gb", "gib"):
        lines = usd(
            cost(
                stages=[{"name": "upload", "bytes": 2.0**30}],
                traffic={"usd": 0.10, "per": per},
                storage={"bytes": 2.0**30, "months": 12.0, "usd": 0.02, "per": per},
            )
        )
        bills[per] = (lines["upload"], lines["storage"])
    assert bills["gb"] == (0.107374182, 0.257698038)
    assert bills["gib"] == (0.1, 0.24)


def test_people_are_spread_over_the_images_of_a_month():
    # 20 h at 90 USD over 300,000 images.
    people = {"hours_per_month": 20.0, "usd_per_hour": 90.0, "images_per_month": 300_000.0}
    assert usd(cost(engineering=people))["engineering"] == 0.006


def test_a_machine_of_one_s_own_worked_by_hand():
    # 280,320 USD over 4 x 8,760 h and 8 GPUs are 1.00 an hour; 8 kW x 1.5 x 0.10 / 8 are 0.15 an
    # hour at work, 2 kW 0.0375 idle; 730 USD a month are 0.125 an hour of a GPU.
    machine = OwnedMachine.parse(MACHINE | {"upkeep_usd_per_month": 730.0}, "a machine")
    hourly = {
        rate.name: (round(rate.at_work.value, 9), round(rate.idle.value, 9))
        for rate in machine.hourly()
    }
    assert hourly == {
        "depreciation": (1.0, 1.0),
        "upkeep": (0.125, 0.125),
        "electricity": (0.15, 0.0375),
    }
    # Half a second at 25 %: 0.5 s at work and 1.5 s idle.
    result = cost(machine, utilization=0.25)
    second = 1 / 3600
    by_hand = {
        "depreciation at work": 0.5 * second,
        "depreciation idle": 1.5 * second,
        "upkeep at work": 0.5 * 0.125 * second,
        "upkeep idle": 1.5 * 0.125 * second,
        "electricity at work": 0.5 * 0.15 * second,
        "electricity idle": 1.5 * 0.0375 * second,
    }
    assert usd(result) == {name: round(value, 9) for name, value in by_hand.items()}
    assert result.offer == "own/rack"
    assert result.total.source is Source.ASSUMED
    assert result.caveats == ()
    # A stage's GPU seconds bring their own idle time: three seconds of it for each at work.
    stage = cost(machine, utilization=0.25, stages=[{"name": "upscaler", "gpu_s": 0.5}])
    assert usd(stage)["upscaler"] == round(sum(by_hand.values()), 9)


def test_what_it_sells_for_is_not_written_off():
    sold = OwnedMachine.parse(MACHINE | {"residual_usd": 70_080.0}, "a machine")
    assert sold.hourly()[0].at_work.value == pytest.approx(0.75)


@given(lost, lost, st.floats(0, 2), st.floats(0.05, 1))
def test_an_accepted_image_costs_what_all_that_was_made_for_it_costs(
    failed: float, thrown: float, gpu_s: float, used: float
):
    stage = {"name": "checker", "gpu_s": gpu_s}
    result = cost(utilization=used, failed_share=failed, discarded_share=thrown, stages=[stage])
    # A thousand accepted images: so many finished ones, so many calls for them.
    finished = 1000 / (1 - thrown)
    calls = finished / (1 - failed)
    bill = (calls * 0.5 + finished * gpu_s) / used * 0.001
    assert result.total.value * 1000 == pytest.approx(bill)


@given(lost, lost, st.floats(0, 2))
def test_more_of_anything_never_costs_less(failed: float, thrown: float, gpu_s: float):
    stage = {"name": "checker", "gpu_s": gpu_s}
    more = cost(failed_share=failed, discarded_share=thrown, stages=[stage])
    assert more.total.value >= cost().total.value * (1 - 1e-12)


def test_a_mix_is_the_mean_of_its_shapes():
    class Pixels(Clock):
        def occupancy(self, shape: Shape, *, batch: int = 1) -> Any:
            return Clock(shape.pixels / 2**20).occupancy(shape, batch=batch)

    # 1 s a megapixel at 0.001 x 2: 0.002 and a quarter of it; three parts and one.
    mix = ((SQUARE, 3.0), (Shape(512, 512, 4), 1.0))
    people = {"hours_per_month": 1.0, "usd_per_hour": 100.0, "images_per_month": 100_000.0}
    result = cost_of_mix(
        Pixels(),
        offer(3.6),
        mix,
        utilization=0.5,
        extras=extras(engineering=people),
        today=PRICED_ON,
    )
    assert result.shares == (0.75, 0.25)
    assert [each.total.value for each in result.shapes] == pytest.approx([0.003, 0.0015])
    assert result.total.value == pytest.approx(0.75 * 0.003 + 0.25 * 0.0015)
    assert result.images_per_usd.value == pytest.approx(1 / result.total.value)
    assert [line.name for line in result.lines] == [
        "GPU time at work",
        "GPU time idle",
        "engineering",
    ]
    assert sum(line.usd_per_image.value for line in result.lines) == pytest.approx(
        result.total.value
    )
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["shapes"][1]["share"] == 0.25
    for empty in ((), ((SQUARE, 0.0),)):
        with pytest.raises(InputError, match=r"mix has weights .*; expected at least one shape"):
            cost_of_mix(Pixels(), offer(3.6), empty, utilization=0.5)


def test_spot_needs_the_interruptions_that_are_seen():
    spot = offer(3.6, kind="spot")
    with pytest.raises(InputError, match="may be interrupted and extras hold no interruptions"):
        cost(spot)
    seen = {"per_hour": 36.0, "restart_s": 30.0}
    with pytest.raises(InputError, match="acme/h100 is not interrupted; leave them out"):
        cost(interruptions=seen)
    # A call every second; one in a hundred is interrupted, a little over: e^0.01 - 1. Each takes
    # 30 s to start again, and the call is lost: (e^0.01 - 1) x (100 + 30) - 1 seconds a second.
    result = cost(spot, interruptions=seen)
    more = np.expm1(0.01) * 130 - 1
    assert usd(result)["interruptions"] == round(0.001 * more, 9)
    assert "36 interruptions an hour, stated by the caller" in result.total.evidence
    assert usd(cost(spot, interruptions=seen | {"per_hour": 0.0}))["interruptions"] == 0
    with pytest.raises(InfeasibleError, match="hardly any piece"):
        cost(spot, interruptions=seen | {"per_hour": 1e6})


def test_a_comparison_of_spot_is_not_made_as_if_it_ran_through():
    spot, api = offer(3.6, kind="spot"), tariff()
    with pytest.raises(InputError, match=r"use fluxcost\.bill with Spot"):
        break_even(Clock(), spot, api, SQUARE, utilization=1)
    with pytest.raises(InputError, match=r"use fluxcost\.bill with Spot"):
        month_to_switch(Clock(), spot, api, SQUARE, horizon=Horizon(10, 0.1, 3), utilization=1)


def test_lines_add_up_in_every_draw():
    stage = {"name": "checker", "gpu_s": 0.1}
    result = cost_per_image(
        Clock(sigma=0.05),
        offer(3.6),
        SQUARE,
        utilization=0.5,
        extras=extras(failed_share=0.1, discarded_share=0.3, stages=[stage]),
    )
    drawn = np.sum([line.usd_per_image.draws for line in result.lines], axis=0)
    assert result.total.draws == pytest.approx(drawn)
    assert result.total.low < result.total.value < result.total.high
    assert "discarded_share 0.3, stated by the caller" in result.total.evidence


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"discarded_share": 1.0}, "discarded_share is 1.0; expected: less than 1"),
        ({"failed_share": -0.1}, "failed_share is -0.1; expected"),
        ({"stages": [{"name": "a", "cpu_s": 1.0}]}, "usd_per_core_hour, since a stage takes"),
        ({"stages": [{"name": "a", "bytes": 1.0}]}, "traffic with its price, since a stage sends"),
        ({"stages": [{"name": "a"}, {"name": "a"}]}, "stages with names that differ"),
        ({"egress": 1}, "egress is not a known field"),
        ({"storage": {"bytes": 1e6, "months": 1.0, "usd": 0.02}}, "storage.per is missing"),
        ({"machine": MACHINE | {"residual_usd": 300_000.0}}, "residual_usd under capex_usd"),
        ({"machine": MACHINE | {"watts_idle": 9000.0}}, "watts_idle of at most watts_at_work"),
        ({"machine": MACHINE | {"pue": 0.9}}, "machine.pue is 0.9"),
        ({"machine": MACHINE | {"usd_per_kwh": 12.0}}, "machine.usd_per_kwh is 12.0"),
        ({"machine": MACHINE | {"watts_at_work": 8e6}}, "machine.watts_at_work is 8000000.0"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], reason: str):
    with pytest.raises(InputError, match=reason):
        extras(**fields)


def test_a_machine_has_the_gpu_that_was_timed():
    other = OwnedMachine.parse(MACHINE | {"gpu": "l4"}, "a machine")
    with pytest.raises(InputError, match="machine own/rack has l4 and the timings are of h100-sxm"):
        cost(other)


def test_the_shipped_example_is_read_and_other_files_are_not(tmp_path: Path):
    example = ROOT / "examples" / "costs" / "own_machine.yaml"
    given = load_extras(example)
    assert given.machine is not None
    assert {stage.name for stage in given.stages} == {"safety checker", "upscaler", "upload"}
    for text, error in (
        ("format: fluxcost-workload\n", DocumentError),
        ("format: fluxcost-extras\nversion: 99\n", FormatVersionError),
        ("format: fluxcost-extras\nfailed_share: yes\n", InputError),
    ):
        path = tmp_path / "extras.yaml"
        path.write_text(text)
        with pytest.raises(error, match=r"extras\.yaml"):
            load_extras(path)
