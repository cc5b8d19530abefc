"""Floors against published ones, and the alarm they ring."""

import pytest

from fluxcost.errors import DocumentError, InputError, MissingDataError
from fluxcost.performance.architecture import load_architecture
from fluxcost.performance.calibration.measuring_run import MatmulCeiling, Stack
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.flops import denoise_step, step_products
from fluxcost.performance.roofline import gpu_rates
from fluxcost.workload.shape import Shape
from tests.synthetic import Machine, make_calibration

PEAK_STEP_MS = {(512, 512): 10.3, (768, 768): 20.0, (1024, 1024): 35.2, (2048, 2048): 193.5}


@pytest.mark.parametrize("size", PEAK_STEP_MS)
def test_the_peak_floor_of_a_step_is_the_published_one(fitted: Fit, size: tuple[int, int]):
    floor = fitted.floor(Shape(*size, 4))
    assert 1e3 * floor.denoise_step_s == pytest.approx(PEAK_STEP_MS[size], abs=0.06)


def test_ceilings_raise_the_floor(fitted: Fit):
    """At 690 TFLOP/s products and 619 attention: 28.30/690 + 6.52/619 = 51.5 ms."""
    shape = Shape(1024, 1024, 4)
    ceilings = fitted.floor(shape, basis="ceilings")
    assert 1e3 * ceilings.denoise_step_s == pytest.approx(51.5, abs=0.1)
    assert ceilings.total_s > fitted.floor(shape).total_s
    assert ceilings.to_dict()["basis"] == "ceilings of the run"


@pytest.mark.parametrize(
    "model",
    [
        *("flux2-klein-4b", "flux2-klein-9b", "flux2-dev"),
        *("flux1-schnell", "sd3.5-large", "z-image-turbo"),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_steps_products_add_up_to_its_work(model: str, batch: int):
    architecture, shape = load_architecture(model), Shape(1024, 512, 4)
    products = step_products(architecture, shape, batch)
    counted = denoise_step(architecture, shape, batch).matmul_flop
    assert sum(each.flop for each in products) == pytest.approx(counted, rel=1e-12)
    assert len({each.size for each in products}) >= 8


def test_each_product_goes_at_the_rate_of_its_own_size(calibration: Calibration):
    """klein's step at 1024 x 1024: 22.62 TFLOP in single blocks, 5.66 in double, 0.02 at the ends.

    Timed: the single blocks' two products at 4608 rows, and the doubles' first at 1000 and 16000
    rows, between which 4096 rows lie half way in logarithms.
    """
    timed = [
        (4608, 3072, 27648, 600.0),
        (4608, 3072, 27648, 590.0),
        (4608, 12288, 3072, 800.0),
        (1000, 3072, 18432, 400.0),
        (16777, 3072, 18432, 900.0),
    ]
    run = calibration.runs[0]
    assert run.ceilings is not None
    keys = ("rows", "inner", "columns", "tflop_per_s")
    matmul = tuple(MatmulCeiling(**dict(zip(keys, each, strict=True))) for each in timed)
    own = run.model_copy(update={"ceilings": run.ceilings.model_copy(update={"matmul": matmul})})
    fitted = fit(calibration.model_copy(update={"runs": (own,)}))
    width, rows, text = 3072, 4608, 512
    attention = 4 * rows**2 * width * 25 / 619e12
    singles = 20 * 2 * rows * width**2 * (9 / 600e12 + 4 / 800e12)
    # 4096 is the geometric mean of 1000 and 16777; 512 lies under what was timed.
    into = 5 * 2 * width**2 * 6 * (4096 / 600e12 + text / 400e12)
    rest = 5 * 2 * rows * width**2 * (4 + 3) / 900e12
    ends = 2 * width * (text * 7680 + 2 * 4096 * 128) / 900e12
    expected = attention + singles + into + rest + ends
    shape = Shape(1024, 1024, 4)
    assert fitted.floor(shape, basis="ceilings").denoise_step_s == pytest.approx(expected, rel=1e-4)


def test_the_total_adds_every_stage(fitted: Fit):
    floor = fitted.floor(Shape(1024, 1024, 4))
    parts = floor.text_encode_s + 4 * floor.denoise_step_s + floor.vae_decode_s
    assert floor.total_s == pytest.approx(parts)


def test_moving_the_weights_bounds_a_tiny_batch_of_text(fitted: Fit):
    """Reading 27 layers, 5.45 GB, at 3.35 TB/s takes 1.6 ms; their arithmetic 2.9 ms."""
    assert 1e3 * fitted.floor(Shape(512, 512, 4)).text_encode_s == pytest.approx(2.94, abs=0.02)


def test_a_time_under_the_floor_is_refused_as_a_bug():
    broken = make_calibration(Machine(step_s_per_kilotoken=0.004, step_launch_s=0.001))
    with pytest.raises(DocumentError, match=r"under the .* s its arithmetic takes"):
        fit(broken)


def test_an_fp8_stack_is_held_to_the_fp8_peak(calibration: Calibration):
    stack = Stack(alias="compiled-fp8", settings={"linear": "fp8 row-wise"})
    eight_bit = fit(calibration.model_copy(update={"stack": stack}))
    shape = Shape(1024, 1024, 4)
    assert eight_bit.floor(shape).denoise_step_s == pytest.approx(34.82 / 1979, rel=0.001)


def test_no_answer_falls_below_the_floor():
    """A machine so fast at large images that the formula would pass the peak when extended."""
    fit_of_small = fit(
        make_calibration(grid=[(512, 512, 4, 1), (768, 768, 4, 1), (640, 640, 4, 1)])
    )
    shape = Shape(896, 896, 4)
    assert fit_of_small.latency(shape).value >= fit_of_small.floor(shape).total_s


def test_what_is_unknown_is_said(calibration: Calibration):
    unknown = calibration.gpu.model_copy(update={"key": "toaster"})
    toaster = fit(calibration.model_copy(update={"gpu": unknown, "runs": ()}))
    assert toaster.latency(Shape(896, 896, 4)).value > 0
    with pytest.raises(MissingDataError, match="toaster"):
        toaster.floor(Shape(896, 896, 4))
    with pytest.raises(MissingDataError, match="ceilings"):
        toaster.floor(Shape(896, 896, 4), basis="ceilings")
    with pytest.raises(InputError, match="batch is 0"):
        toaster.floor(Shape(896, 896, 4), 0)


def test_datasheet_rows_have_a_source():
    documents = ("datasheet", "whitepaper")
    for row in gpu_rates().values():
        assert row.source.startswith("NVIDIA")
        assert any(kind in row.source for kind in documents)
    assert gpu_rates()["h200-sxm"].memory_tb_per_s == 4.8


def test_datasheet_rates_are_dense():
    """FP8 twice bf16 within 2 %, and bf16 products no faster per watt than Blackwell's."""
    for row in gpu_rates().values():
        if row.fp8_tflop_per_s is not None:
            assert row.fp8_tflop_per_s == pytest.approx(2 * row.bf16_tflop_per_s, rel=0.02)
        assert (row.fp8_tflop_per_s is None) == (row.generation == "ampere")
        assert row.bf16_tflop_per_s / row.board_power_w <= 2.25
