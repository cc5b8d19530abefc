"""A replica's calls: filled up, seeded one by one, and too large for the memory."""

import pytest
import torch

from fluxcost.workload.shape import Shape
from measure.bench import Bench
from measure.errors import MeasurementError
from measure.pipelines.blueprint import load_blueprint
from measure.serving.replica_pool import ImageInput, PipelineReplica, WarmUpPlan, open_replica
from measure.stacks import recipe


def test_a_filled_up_call_gives_the_pictures_asked_for(bench):
    maker = PipelineReplica(bench, (1, 4))
    wanted = [ImageInput("a teapot", 1), ImageInput("a kettle", 2), ImageInput("a cup", 3)]
    made = maker.make(Shape(64, 64, 1), wanted)
    assert len(made) == 3
    assert len({picture.tobytes() for picture in made}) == 3
    (alone,) = maker.make(Shape(64, 64, 1), wanted[:1])
    assert max(abs(a - b) for a, b in zip(alone.tobytes(), made[0].tobytes(), strict=True)) <= 16


def test_what_does_not_fit_is_told_by_its_shape(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr(bench, "make", full)
    with pytest.raises(MeasurementError, match="64x64, 1 steps, batch 4 does not fit into the GPU"):
        PipelineReplica(bench, (1, 4)).make(Shape(64, 64, 1), [ImageInput("a teapot", 1)] * 2)


def test_every_shape_and_size_is_warmed(bench: Bench):
    shapes = (Shape(64, 64, 1), Shape(96, 64, 1))
    points = [point for point, _ in PipelineReplica(bench, (1, 2)).warm(shapes)]
    assert [(point.shape, point.batch) for point in points] == [
        (shape, size) for shape in shapes for size in (1, 2)
    ]


def test_a_replica_says_what_it_is(bench: Bench):
    identity = PipelineReplica(bench, (1,)).identity
    assert identity.gpu.key == "cpu"
    assert identity.synthetic


def test_the_gpu_is_looked_at_before_this_process_computes_on_it(monkeypatch: pytest.MonkeyPatch):
    order: list[str] = []

    def opened(*_: object) -> None:
        order.append("instruments")

    def stopped(*_: object) -> None:
        order.append("device")
        raise MeasurementError("far enough")

    monkeypatch.setattr("measure.serving.replica_pool.open_instruments", opened)
    monkeypatch.setattr(torch.cuda, "set_device", stopped)
    device = torch.device("cuda:0")
    blueprint = load_blueprint("flux2-klein-4b")
    warmed = WarmUpPlan((1,), (Shape(64, 64, 1),), print)
    with pytest.raises(MeasurementError, match="far enough"):
        open_replica(blueprint, recipe("eager-bf16", device), device, None, 0, warmed)
    assert order == ["instruments", "device"]
