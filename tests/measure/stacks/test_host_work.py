"""What a stack remembers of a shape is what diffusers works out anew, and no call waits for it."""

import inspect

import numpy as np
import pytest
import torch
from PIL import Image

from fluxcost.workload.shape import Shape
from measure.bench import Bench, open_bench
from measure.pipelines.blueprint import load_blueprint
from measure.probes.sustained_speed import AHEAD, can_pipeline, measure_pipelined
from measure.stacks import compiled_bf16, recipe
from measure.stacks.host_work import Copying, pictures_later, remember_host_work
from measure.suites import Point, Protocol
from measure.telemetry import NullTelemetry
from tests.measure.conftest import TINY_MODEL

CPU = torch.device("cpu")
POINTS = [
    Point(Shape(width, height, steps), batch)
    for width, height, steps, batch in [
        (64, 64, 2, 1),
        (64, 96, 2, 1),
        (64, 64, 3, 1),
        (64, 64, 2, 2),
    ]
]


def tiny(seed: int = 0) -> Bench:
    eager = recipe("eager-bf16", CPU)
    return open_bench(
        load_blueprint(TINY_MODEL), eager, CPU, NullTelemetry(), weights=None, seed=seed
    )


def test_remembered_calls_give_the_very_same_pictures():
    plain, remembering = tiny(), tiny()
    remember_host_work(remembering.pipeline)
    for point in [*POINTS, *reversed(POINTS)]:
        expected, made = (each.generate(point, output_type="pt") for each in (plain, remembering))
        assert torch.equal(expected, made)


def test_each_shape_is_worked_out_once():
    pipeline = tiny().pipeline
    schedules: list[int] = []
    work_out = pipeline.scheduler.set_timesteps

    def counted(num_inference_steps=None, device=None, sigmas=None, mu=None, timesteps=None):
        schedules.append(num_inference_steps)
        work_out(num_inference_steps, device, sigmas, mu, timesteps)

    pipeline.scheduler.set_timesteps = counted
    remember_host_work(pipeline)
    latents = torch.zeros(1, 8, 4, 6)
    assert pipeline._prepare_latent_ids(latents) is pipeline._prepare_latent_ids(latents + 1)
    assert pipeline._prepare_latent_ids(latents.transpose(2, 3)).shape == (1, 24, 4)
    for mu in (1.0, 2.0, 1.0):
        pipeline.scheduler.set_timesteps(4, CPU, sigmas=np.linspace(1, 0.25, 4), mu=mu)
    assert len(schedules) == 2
    assert "sigmas" in inspect.signature(pipeline.scheduler.set_timesteps).parameters


def test_a_remembering_pipeline_is_still_the_class_it_was():
    pipeline = tiny().pipeline
    before = type(pipeline)
    remember_host_work(pipeline)
    assert isinstance(pipeline, before)
    assert type(pipeline).__name__ == before.__name__
    assert pipeline._execution_device == CPU


def test_pictures_made_later_are_those_made_at_once(bench: Bench):
    point = POINTS[0]
    bench.calls = 0
    at_once = bench.generate(point, output_type="pil")
    bench.calls = 0
    with pictures_later(bench.pipeline):
        later = bench.generate(point, output_type="pil")
    assert isinstance(later, Copying)
    made = later.pictures()
    assert [np.asarray(each).tolist() for each in made] == [
        np.asarray(each).tolist() for each in at_once
    ]
    assert isinstance(bench.generate(point, output_type="pil")[0], Image.Image)


def test_calls_without_a_pause_are_counted_once_each(bench: Bench):
    made = bench.calls
    protocol = Protocol(soak_s=0.6, window=1, max_warmup_calls=2, tolerance=10.0)
    record = measure_pipelined(bench, POINTS[3], protocol, "r")
    warmups = 2
    assert len(record.done_s) == bench.calls - made - warmups > AHEAD
    assert list(record.done_s) == sorted(record.done_s)
    span_s = record.done_s[-1] - record.done_s[0]
    assert record.images_per_s == pytest.approx(2 * (len(record.done_s) - 1) / span_s)


def test_only_stacks_that_leave_pixels_on_the_device_run_without_a_pause():
    assert can_pipeline(compiled_bf16.recipe(CPU, backend="eager").stack)
    assert not can_pipeline(recipe("eager-bf16", CPU).stack)
