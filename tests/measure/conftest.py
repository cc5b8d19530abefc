"""Tiny benches for all tests here: building or compiling one costs seconds, using it does not."""

from pathlib import Path

import pytest
import torch

from measure.bench import Bench, open_bench
from measure.pipelines.blueprint import load_blueprint
from measure.stacks import compiled_bf16, recipe
from measure.telemetry import NullTelemetry

DATA = Path(__file__).parent.parent / "data"
TINY_MODEL = str(DATA / "tiny.yaml")
TINY_SUITE = str(DATA / "tiny-suite.yaml")


@pytest.fixture(scope="session")
def bench() -> Bench:
    return open_bench(
        load_blueprint(TINY_MODEL),
        recipe("eager-bf16", torch.device("cpu")),
        torch.device("cpu"),
        NullTelemetry(),
        weights=None,
        seed=0,
    )


@pytest.fixture(scope="session")
def compiled_bench() -> Bench:
    """Compiled by the backend that traces and calls PyTorch's own kernels, seconds not minutes."""
    cpu = torch.device("cpu")
    made = compiled_bf16.recipe(cpu, backend="eager")
    return open_bench(load_blueprint(TINY_MODEL), made, cpu, NullTelemetry(), weights=None, seed=0)
