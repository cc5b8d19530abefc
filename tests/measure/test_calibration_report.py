"""The report's statistics against the binomial theory they rest on, and the forecast's line."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.measured_cell import Cell, Samples
from fluxcost.workload.shape import Shape
from measure.calibration_report import median_interval, print_report
from measure.forecast import Forecast
from measure.suites import Point, Protocol


def test_the_median_interval_of_ten_samples_is_the_second_and_ninth():
    assert median_interval(range(1, 11)) == (2, 9)  # covers 1 - 2 * 11/1024 = 97.9 %


def test_five_samples_can_only_give_their_extremes():
    assert median_interval([5, 1, 4, 2, 3]) == (1, 5)


def test_the_median_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    samples = rng.lognormal(size=(4000, 15))
    hits = [low <= 1.0 <= high for low, high in map(median_interval, samples)]
    # n = 15, r = 4: 1 - 2 P[Bin(15, 1/2) <= 3] = 0.9648
    assert np.mean(hits) == pytest.approx(0.9648, abs=0.01)


def cell_on_a_line(point, offset_s, slope):
    seconds = offset_s + slope * point.pixel_steps
    shape = point.shape
    samples = Samples(
        wall_s=(seconds,),
        text_encode_s=(0.0,),
        denoise_step_s=((0.0,) * shape.steps,),
        vae_decode_s=(0.0,),
    )
    return Cell(
        width=shape.width,
        height=shape.height,
        steps=shape.steps,
        batch=point.batch,
        run="r",
        samples=samples,
    )


def points():
    return [Point(Shape(size, size, 4), 1) for size in (512, 768, 1024, 2048)]


def test_the_forecast_recovers_a_line_and_adds_up_a_campaign():
    forecast = Forecast(cell_on_a_line(p, 0.1, 1e-7) for p in points())
    wanted = Point(Shape(1024, 1024, 8), 2)
    assert forecast.call_s(wanted) == pytest.approx(0.1 + 1e-7 * 1024 * 1024 * 8 * 2)
    rules = Protocol(window=3, min_samples=10, min_duration_s=3.0)
    call_s = forecast.call_s(wanted)
    assert call_s is not None
    assert forecast.total_s([(wanted, rules)] * 2) == pytest.approx(2 * 16 * call_s)


def test_there_is_no_forecast_before_enough_is_known():
    forecast = Forecast(cell_on_a_line(p, 0.1, 1e-7) for p in points()[:2])
    assert forecast.call_s(points()[0]) is None
    assert forecast.total_s((each, Protocol()) for each in points()) is None


def test_the_report_of_a_shipped_calibration_shows_no_step_under_its_floor():
    calibration = load_calibration("h200-sxm/flux2-klein-4b/eager-bf16")
    console = Console(width=180, record=True, file=io.StringIO())
    print_report(calibration, console)
    text = console.export_text()
    ratios = [float(ratio) for ratio in re.findall(r"\((\d+\.\d\d)\)", text)]
    assert len(ratios) == 2 * len(calibration.ok_cells)
    assert min(ratios) > 1
    for cell in calibration.ok_cells:
        assert cell.label in text
