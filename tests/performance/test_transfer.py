"""Transfer: what must hold of any, and what it says where truth exists."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.errors import InfeasibleError, InputError, MissingDataError, UnknownNameError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.measuring_run import Stack
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.flops import transformer_parameters
from fluxcost.performance.roofline import gpu_rates
from fluxcost.performance.transfer.transferred import transfer, weights_gib
from fluxcost.workload.shape import Shape
from tests.synthetic import Machine, make_calibration

FIT = fit(make_calibration())
SHAPE = Shape(1024, 1024, 4)


def test_a_transfer_to_itself_changes_nothing():
    same = transfer(FIT, gpu="h100-sxm")
    for shape, batch in itertools.product((Shape(896, 640, 4), Shape(512, 768, 9)), (1, 3)):
        moved, fitted = same.latency(shape, batch), FIT.latency(shape, batch)
        assert moved.value == pytest.approx(fitted.value, rel=0.02)
        assert moved.relative_half_width > fitted.relative_half_width
        assert moved.source is Source.TRANSFERRED
        for stage, part in same.stages(shape, batch).items():
            assert part.value == pytest.approx(FIT.stages(shape, batch)[stage].value, rel=1e-9)
        assert same.memory(shape, batch).value == FIT.memory(shape, batch).value


def test_a_machine_whose_clocks_are_known_is_predicted():
    """A chip of 0.3155 the arithmetic and 0.61 the bandwidth, and a CPU half as fast."""
    slower = 989 / 312
    truth = Machine(
        text_launch_s=2 * Machine.text_launch_s,
        step_launch_s=2 * Machine.step_launch_s,
        vae_launch_s=2 * Machine.vae_launch_s,
        text_s=slower * Machine.text_s,
        wave_s=slower * Machine.wave_s,
        step_s_per_kilotoken=slower * Machine.step_s_per_kilotoken,
        attention_s_per_square=slower * Machine.attention_s_per_square,
        vae_s_per_megapixel=1.643 * Machine.vae_s_per_megapixel,
    )
    source = make_calibration()
    run = source.runs[0]
    assert run.ceilings is not None
    ceilings = run.ceilings.model_copy(update={"launches_per_s": 160_000.0})
    runs = (run.model_copy(update={"ceilings": ceilings}),)
    timed = fit(source.model_copy(update={"runs": runs}))
    asked = transfer(timed, gpu="a100-sxm-80gb", launches_per_s=80_000)
    for shape, batch in ((Shape(512, 512, 4), 1), (SHAPE, 1), (SHAPE, 4)):
        estimate = asked.latency(shape, batch)
        true_s = truth.wall_s(shape.pixels, shape.steps, batch)
        assert estimate.low < true_s < estimate.high
        assert estimate.value == pytest.approx(true_s, rel=0.2)


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(gpu_rates())),
    st.integers(16, 100),
    st.integers(1, 12),
    st.integers(1, 6),
)
def test_no_transfer_is_under_the_floor_of_its_chip(gpu: str, side: int, steps: int, batch: int):
    shape = Shape(16 * side, 16 * side, steps)
    asked = transfer(FIT, gpu=gpu)
    try:
        estimate = asked.latency(shape, batch)
    except InfeasibleError:
        needed = asked.fitted.peak.gib(shape.pixels, batch)
        assert needed > gpu_rates()[gpu].memory_gib
        return
    assert estimate.value >= asked.floor(shape, batch).total_s
    assert estimate.low < estimate.value < estimate.high


def test_more_work_takes_longer_anywhere():
    for gpu in ("a100-sxm-80gb", "b200-sxm", "l40s"):
        asked = transfer(FIT, gpu=gpu)
        sizes = [asked.latency(Shape(side, side, 4)).value for side in range(512, 1600, 128)]
        steps = [asked.latency(Shape(768, 768, steps)).value for steps in range(1, 12)]
        calls = [asked.latency(Shape(768, 768, 4), batch).value for batch in range(1, 8)]
        for times in (sizes, steps, calls):
            assert times == sorted(times)


def test_a_weaker_chip_is_slower_and_surer_of_its_own_kind():
    nvl, pcie = (transfer(FIT, gpu=gpu).latency(SHAPE, 4) for gpu in ("h100-nvl", "h100-pcie"))
    ampere = transfer(FIT, gpu="a100-sxm-80gb").latency(SHAPE, 4)
    assert nvl.value < pcie.value < ampere.value
    assert nvl.relative_half_width < ampere.relative_half_width


def test_what_does_not_fit_is_the_answer():
    small = transfer(FIT, gpu="rtx-4090")
    assert small.latency(Shape(768, 768, 4)).value > 0
    with pytest.raises(InfeasibleError, match=r"needs about 2\d.* RTX 4090 has 24 GB \(22.4 GiB\)"):
        small.latency(SHAPE, 4)
    with pytest.raises(InfeasibleError, match=r"flux2-dev.* needs about 1\d\d\.\d GiB"):
        transfer(FIT, model="flux2-dev").latency(SHAPE)
    assert small.best_batch(SHAPE) < 4


def test_another_model_carries_its_own_weights():
    nine = transfer(FIT, model="flux2-klein-9b")
    assert nine.target.same_design
    more = weights_gib(nine.target.model) - weights_gib(nine.target.measured)
    moved = nine.memory(SHAPE).value - FIT.memory(SHAPE).value
    assert moved == pytest.approx(more, abs=0.01)
    parameters = [
        transformer_parameters(each.transformer)
        for each in (nine.target.model, nine.target.measured)
    ]
    ratio = nine.stages(SHAPE, 4)["denoise"].value / FIT.stages(SHAPE, 4)["denoise"].value
    assert ratio == pytest.approx(75.51 / 34.82, rel=0.05)
    assert 2 < ratio < parameters[0] / parameters[1]


def test_energy_follows_board_power():
    ours, theirs = FIT.energy(SHAPE, 2), transfer(FIT, gpu="h100-pcie").energy(SHAPE, 2)
    seconds = transfer(FIT, gpu="h100-pcie").latency(SHAPE, 2, "mean").value
    watts = ours.value * 2 / FIT.latency(SHAPE, 2, "mean").value
    assert theirs.value == pytest.approx(watts * 350 / 700 * seconds / 2, rel=0.05)
    assert theirs.unit == "J"


def test_statistics_and_rates_hang_together():
    asked = transfer(FIT, gpu="l40s")
    median, p99 = (asked.latency(SHAPE, 2, name) for name in ("median", "p99"))
    assert median.value < p99.value
    assert asked.throughput(SHAPE, 2).value == pytest.approx(2 / asked.occupancy(SHAPE, 2).value)
    assert "l40s/flux2-klein-4b/eager-bf16 transferred from h100-sxm" in median.evidence[0]


def test_what_cannot_be_transferred_is_refused():
    with pytest.raises(InputError, match="neither gpu nor model"):
        transfer(FIT)
    with pytest.raises(InputError, match="launches_per_s is 0"):
        transfer(FIT, gpu="l40s", launches_per_s=0)
    with pytest.raises(MissingDataError, match="no datasheet rates for GPU 'toaster'"):
        transfer(FIT, gpu="toaster")
    with pytest.raises(UnknownNameError, match="flux9"):
        transfer(FIT, model="flux9")
    table = load_calibration("published/h100-sxm/flux2-klein-4b/diffusers-bf16")
    with pytest.raises(MissingDataError, match="answers only the latency of the cells it gives"):
        transfer(fit(table), gpu="l40s")
    eight_bit = make_calibration().model_copy(
        update={"stack": Stack(alias="compiled-fp8", settings={"linear": "fp8 row-wise"})}
    )
    with pytest.raises(InfeasibleError, match="A100 SXM 80GB has no FP8"):
        transfer(fit(eight_bit), gpu="a100-sxm-80gb")
    with pytest.raises(MissingDataError, match="twice what was measured"):
        transfer(FIT, gpu="b200-sxm").latency(SHAPE, 33)


def test_a_published_step_of_another_design_lies_in_its_interval():
    """Eager FLUX.1-schnell, 4 steps at 1024x1024, took 1.120 s on an H100 (ONNX Runtime's pull
    request 22986), and this record's stack is another version of the same."""
    fitted: Fit = fit(load_calibration("h200-sxm/flux2-klein-4b/eager-bf16"))
    estimate = transfer(fitted, gpu="h100-sxm", model="flux1-schnell").latency(SHAPE)
    assert estimate.low < 1.120 < estimate.high
    assert np.log(1.120 / estimate.value) < 0.3
