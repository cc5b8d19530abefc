"""Recordings repeat the function, per input signature, on inputs copied into their own memory.

CUDA graphs need a GPU. What a graph does with memory is played here: a recording computes on its
own inputs whenever it is launched, and always into the same output tensors.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from fluxcost.workload.shape import Shape
from measure.bench import Bench, open_bench
from measure.pipelines.blueprint import load_blueprint
from measure.stacks import compiled, eager_bf16
from measure.stacks.cuda_graphs import Graphs
from measure.stacks.stack_recipe import StackRecipe
from measure.suites import Point
from measure.telemetry import NullTelemetry
from tests.measure.conftest import TINY_MODEL

CPU = torch.device("cpu")

# diffusers asks for versions inside the decoder; dynamo traces the call and says so once.
quiet = pytest.mark.filterwarnings("ignore:Dynamo detected a call to a .functools.lru_cache")


class Recorder:
    """Counts recordings; a launch writes into the tensors of the recording's first run."""

    def __init__(self) -> None:
        self.recorded = 0

    def __call__(self, function: Callable[[], Any]) -> Callable[[], Any]:
        from torch.utils import _pytree as pytree

        self.recorded += 1
        kept, structure = pytree.tree_flatten(function())

        def launch() -> Any:
            for own, new in zip(kept, pytree.tree_leaves(function()), strict=True):
                if isinstance(own, torch.Tensor):
                    own.copy_(new)
            return pytree.tree_unflatten(kept, structure)

        return launch


def scaled(values: torch.Tensor, *, by: dict[str, Any]) -> tuple[torch.Tensor, ...]:
    return values * by["factor"], values + by["offset"]


def test_results_follow_the_inputs_and_one_signature_is_recorded_once():
    recorder = Recorder()
    replaying = Graphs(recorder).replaying(scaled)
    for number in (1.0, 5.0, -2.0):
        values = torch.full((3,), number)
        offset = torch.tensor(number)
        product, total = replaying(values, by={"factor": 2, "offset": offset})
        assert torch.equal(product, values * 2)
        assert torch.equal(total, values + number)
    assert recorder.recorded == 1


@pytest.mark.parametrize(
    "other",
    [
        torch.zeros(4),
        torch.zeros(3, dtype=torch.float64),
        torch.zeros(6)[::2],
    ],
    ids=["shape", "dtype", "stride"],
)
def test_another_signature_is_another_recording(other: torch.Tensor):
    recorder = Recorder()
    replaying = Graphs(recorder).replaying(scaled)
    by = {"factor": 2, "offset": 1}
    replaying(torch.zeros(3), by=by)
    replaying(other, by=by)
    replaying(torch.zeros(3), by=by | {"factor": 3})
    assert recorder.recorded == 3


def test_outputs_hold_until_the_next_call_and_inputs_are_left_alone():
    replaying = Graphs(Recorder()).replaying(scaled)
    values = torch.ones(3)
    first, _ = replaying(values, by={"factor": 2, "offset": 0})
    second, _ = replaying(values * 5, by={"factor": 2, "offset": 0})
    assert first.data_ptr() == second.data_ptr()
    assert torch.equal(values, torch.ones(3))


def test_two_functions_of_one_signature_are_kept_apart():
    graphs = Graphs(Recorder())
    double, triple = (graphs.replaying(lambda v, k=k: v * k) for k in (2, 3))
    assert float(double(torch.tensor(1.0))) == 2
    assert float(triple(torch.tensor(1.0))) == 3


def test_released_recordings_are_made_anew():
    recorder = Recorder()
    graphs = Graphs(recorder)
    replaying = graphs.replaying(scaled)
    by = {"factor": 2, "offset": 0}
    replaying(torch.ones(3), by=by)
    graphs.release()
    replaying(torch.ones(3), by=by)
    assert recorder.recorded == 2


@quiet
def test_a_pipeline_of_recordings_makes_the_picture_of_the_pipeline_without(bench: Bench):
    recorder = Recorder()

    def prepare(pipeline: Any) -> Any:
        return compiled.prepare(pipeline, "eager", Graphs(recorder))

    made = StackRecipe(eager_bf16.recipe(CPU).stack, torch.bfloat16, prepare)
    recorded = open_bench(
        load_blueprint(TINY_MODEL), made, CPU, NullTelemetry(), weights=None, seed=0
    )
    point = Point(Shape(64, 64, 2), 1)
    for calls in (3, 4):  # other prompt, other noise, the same recordings
        bench.calls = recorded.calls = calls
        eager, fast = (each.generate(point, output_type="pt").float() for each in (bench, recorded))
        assert float((eager - fast).abs().max()) <= 4 * torch.finfo(torch.bfloat16).eps
    assert recorder.recorded == 3  # text encoder, transformer, decoder
    sample = recorded.time_call(point)
    assert len(sample.spans.denoise_step_s) == 2
    recorded.release()
    recorded.time_call(point)
    assert recorder.recorded == 6
