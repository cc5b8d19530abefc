"""One image by several GPUs: a planted gain comes back, with its interval, and nowhere else."""

import numpy as np
import pytest

import fluxcost as fc
from fluxcost.errors import InputError, MissingDataError
from fluxcost.estimate import Source
from tests.planning.made import TODAY, offer
from tests.splits import split_calibration

SHAPE = fc.Shape(1024, 1024, steps=4)
GAIN = 0.6


@pytest.fixture(scope="module")
def fit():
    return fc.fit(split_calibration(GAIN, gpus=(2, 4)))


@pytest.mark.parametrize("statistic", ["median", "mean", "p95"])
def test_latency_is_that_of_one_gpu_times_the_gain(fit, statistic):
    alone = fit.latency(SHAPE, statistic=statistic)
    for gpus, gain in ((2, GAIN), (4, GAIN**2)):
        together = fit.context_parallel(gpus).latency(SHAPE, statistic=statistic)
        assert together.value == pytest.approx(gain * alone.value, rel=0.005)
        own = fit.context_parallel(gpus).gain(SHAPE).relative_half_width
        both = np.hypot(alone.relative_half_width, own)
        assert together.relative_half_width == pytest.approx(both, rel=0.05)
        assert together.source is Source.MEASURED
        assert any(f"by {gpus} GPUs together (ulysses)" in line for line in together.evidence)


@pytest.mark.parametrize("trials", [10, pytest.param(40, marks=pytest.mark.long)])
def test_the_interval_of_a_gain_holds_nine_in_ten_times(trials: int):
    held = 0
    for seed in range(trials):
        gain = fc.fit(split_calibration(GAIN, seed=seed)).context_parallel(2).gain(SHAPE)
        held += gain.low <= GAIN <= gain.high
        assert gain.relative_half_width < 0.02
    assert held / trials >= 0.8


def test_an_image_costs_as_many_gpus_times_the_gain(fit):
    split = fit.context_parallel(2)
    assert split.occupancy(SHAPE).value == pytest.approx(
        2 * split.latency(SHAPE, statistic="mean").value
    )
    one, two = (
        fc.cost_per_image(each, offer(), SHAPE, utilization=0.6, today=TODAY).total.value
        for each in (fit, split)
    )
    assert two / one == pytest.approx(2 * GAIN, rel=0.005)


def test_several_records_of_a_point_are_pooled():
    first, second = (split_calibration(gain).split_images for gain in (0.5, 0.8))
    again = tuple(each.model_copy(update={"run": "run-2"}) for each in second)
    both = split_calibration(0.5).model_copy(update={"split_images": (*first, *again)})
    gain = fc.fit(both).context_parallel(2).gain(SHAPE)
    assert gain.value == pytest.approx(np.sqrt(0.5 * 0.8), rel=0.01)


@pytest.mark.parametrize(
    ("shape", "batch"),
    [(fc.Shape(1024, 1024, steps=8), 1), (fc.Shape(768, 768, steps=4), 1), (SHAPE, 2)],
)
def test_what_was_never_timed_together_is_refused_with_what_was(fit, shape, batch):
    sentence = r"was never made by 2 GPUs together; expected one of: 1024x1024, 4 steps, batch 1; "
    for answer in (
        fit.context_parallel(2).latency,
        fit.context_parallel(2).occupancy,
        fit.context_parallel(2).gain,
    ):
        with pytest.raises(MissingDataError, match=sentence):
            answer(shape, batch)


def test_counts_that_never_worked_together_are_refused_with_a_remedy(fit):
    with pytest.raises(MissingDataError, match=r"3 GPUs never made an image .* --split-image"):
        fit.context_parallel(3)
    for count in (1, 0, 2.0, True):
        with pytest.raises(InputError, match="expected a whole number, at least 2"):
            fit.context_parallel(count)
