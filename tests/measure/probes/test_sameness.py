"""A lossless stack passes, and errors planted in it do not."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from fluxcost.workload.shape import Shape
from measure.bench import Bench, open_bench
from measure.errors import MeasurementError
from measure.pipelines import families
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.synthetic_weights import fill_synthetic
from measure.probes.sameness import is_lossless, measure_sameness, relative_error
from measure.stacks import compiled_bf16
from measure.suites import Point
from measure.telemetry import NullTelemetry
from tests.measure.conftest import TINY_MODEL

CPU = torch.device("cpu")
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


def test_eager_bfloat16_is_its_own_yardstick(bench: Bench):
    same = measure_sameness(bench, POINT, "r")
    assert same.error == same.eager_error
    assert same.latent_error == same.eager_latent_error
    assert 0.001 < same.error < 0.2
    assert same.spread > 0.1


@quiet
def test_the_compiled_stack_is_lossless():
    made = compiled_bf16.recipe(CPU, backend="eager")
    bench = open_bench(load_blueprint(TINY_MODEL), made, CPU, NullTelemetry(), weights=None, seed=0)
    same = measure_sameness(bench, POINT, "r")
    assert same.error == pytest.approx(same.eager_error, rel=0.1)
    assert is_lossless(same)


@pytest.mark.parametrize("planted", [skipped_block, another_text_layer])
@pytest.mark.parametrize("point", [POINT, Point(Shape(128, 128, 1), 1)])
def test_a_planted_error_is_noticed(bench: Bench, planted, point: Point):
    with planted(bench):
        assert not is_lossless(measure_sameness(bench, point, "r"))
    assert is_lossless(measure_sameness(bench, point, "r"))


def test_faults_are_planted_in_the_yardstick_and_noticed(bench: Bench):
    same = measure_sameness(bench, POINT, "r")
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
