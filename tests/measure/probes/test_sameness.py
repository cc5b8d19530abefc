"""A lossless stack passes, and errors planted in it do not."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from fluxcost.performance.calibration.extra_measurements import Sameness
from fluxcost.workload.shape import Shape
from measure.bench import Bench
from measure.errors import MeasurementError
from measure.pipelines import families
from measure.pipelines.synthetic_weights import fill_synthetic
from measure.probes.sameness import is_lossless, measure_sameness, relative_error
from measure.suites import Point

POINT = Point(Shape(64, 64, 1), 1)

# diffusers asks for versions inside the decoder; dynamo traces the call and says so once.
quiet = pytest.mark.filterwarnings("ignore:Dynamo detected a call to a .functools.lru_cache")


def without(layers: torch.nn.ModuleList, dropped: int) -> torch.nn.ModuleList:
    return torch.nn.ModuleList(layer for i, layer in enumerate(layers) if i != dropped)


@contextmanager
def skipped_block(bench: Bench) -> Iterator[None]:
    transformer = bench.pipeline.transformer
    whole = transformer.single_transformer_blocks
    transformer.single_transformer_blocks = without(whole, len(whole) - 1)
    yield
    transformer.single_transformer_blocks = whole


@contextmanager
def another_text_layer(bench: Bench) -> Iterator[None]:
    model = bench.pipeline.text_encoder.model
    whole = model.layers
    model.layers = without(whole, 25)
    yield
    model.layers = whole


@pytest.fixture(scope="module")
def same(bench: Bench) -> Sameness:
    """Eager bfloat16, nothing planted in it."""
    return measure_sameness(bench, POINT, "r")


def test_eager_bfloat16_is_its_own_yardstick(same: Sameness):
    assert same.error == same.eager_error
    assert same.latent_error == same.eager_latent_error
    assert 0.001 < same.error < 0.2
    assert same.spread > 0.1


@quiet
def test_the_compiled_stack_is_lossless(compiled_bench: Bench):
    same = measure_sameness(compiled_bench, POINT, "r")
    assert same.error == pytest.approx(same.eager_error, rel=0.1)
    assert is_lossless(same)


@pytest.mark.parametrize("planted", [skipped_block, another_text_layer])
def test_a_planted_error_is_noticed(bench: Bench, same: Sameness, planted):
    with planted(bench):
        assert not is_lossless(measure_sameness(bench, POINT, "r"))
    assert is_lossless(same)


@pytest.mark.long
def test_a_planted_error_is_noticed_in_a_larger_picture_too(bench: Bench):
    large = Point(Shape(128, 128, 1), 1)
    for planted in (skipped_block, another_text_layer):
        with planted(bench):
            assert not is_lossless(measure_sameness(bench, large, "r"))
    assert is_lossless(measure_sameness(bench, large, "r"))


def test_faults_are_planted_in_the_yardstick_and_noticed(same: Sameness):
    assert len(same.planted_errors) == 2
    assert min(same.planted_errors.values()) > 1.5 * same.eager_error
    blind = same.model_copy(update={"planted_errors": {"a fault": same.eager_error}})
    assert is_lossless(same)
    assert not is_lossless(blind)  # a comparison that notices no fault proves nothing


def test_a_flat_picture_is_refused_as_a_reference(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def flat(*given):
        pipeline = families.build(*given)
        fill_synthetic(pipeline.vae, seed=0, scale=0.0)
        return pipeline

    monkeypatch.setattr("measure.probes.sameness.build", flat)
    with pytest.raises(MeasurementError, match="the float32 picture has standard deviation"):
        measure_sameness(bench, POINT, "r")


def test_the_error_is_relative_to_what_is_drawn_not_to_gray():
    truth = 0.5 + 0.1 * torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert relative_error(truth, truth) == 0
    assert relative_error(truth + 0.01, truth) == pytest.approx(0.1, rel=1e-5)
