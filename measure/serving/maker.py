"""One replica: a pipeline on one device that makes the images of a call.

It is built in the thread that makes its calls, since PyTorch keeps the current device and the
compiler's settings for each thread apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import torch
from PIL import Image

from fluxcost.performance.measured.identity import GpuIdentity
from fluxcost.performance.measured.run import Environment
from fluxcost.workload import Shape
from measure.batch_sizes import filled_up
from measure.bench import Bench, open_bench, open_instruments
from measure.blueprint import Blueprint
from measure.environment import describe_environment, describe_gpu
from measure.errors import MeasurementError
from measure.prompts import PROMPTS
from measure.stacks import Recipe
from measure.suites import Point

WARM_CALLS = 2
"""Of each shape and batch: the first compiles and records, the second is as all later ones."""


@dataclass(frozen=True)
class Wanted:
    """One image of a call."""

    prompt: str
    seed: int


@dataclass(frozen=True)
class Identity:
    """What makes the images, for records and answers."""

    gpu: GpuIdentity
    environment: Environment

    @property
    def synthetic(self) -> bool:
        """Whether the weights are made up, so that pictures mean nothing."""
        return self.environment.weights.startswith("synthetic")


@dataclass(frozen=True)
class Warmed:
    """What a replica makes before it is ready.

    Attributes:
        sizes: Batch sizes, rising; later calls are filled up to them.
        shapes: At least one.
        say: Told each shape and batch that is warm.
    """

    sizes: tuple[int, ...]
    shapes: tuple[Shape, ...]
    say: Callable[[str], None]


class Maker(Protocol):
    """What a worker thread drives."""

    identity: Identity

    def make(self, shape: Shape, wanted: Sequence[Wanted]) -> list[Image.Image]:
        """Return one picture each; anything raised fails this call only."""
        ...


class PipelineMaker:
    """A bench that fills calls up to the batch sizes it was warmed at."""

    def __init__(self, bench: Bench, sizes: tuple[int, ...]) -> None:
        self.bench = bench
        self.sizes = sizes
        environment = describe_environment(bench.device, bench.instruments, bench.weights)
        self.identity = Identity(describe_gpu(bench.device), environment)

    def make(self, shape: Shape, wanted: Sequence[Wanted]) -> list[Image.Image]:
        """Return one picture each.

        Raises:
            MeasurementError: The device has too little memory for them.
        """
        missing = filled_up(len(wanted), self.sizes) - len(wanted)
        whole = [*wanted, *[wanted[-1]] * missing]
        prompts, seeds = [each.prompt for each in whole], [each.seed for each in whole]
        try:
            return self.bench.make(shape, prompts, seeds)[: len(wanted)]
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            point = Point(shape, len(whole))
            raise MeasurementError(f"{point} does not fit into the GPU's memory") from None

    def warm(self, shapes: Sequence[Shape]) -> Iterator[tuple[Point, float]]:
        """Make every shape at every batch size; yield each with the seconds of its last call."""
        for shape, size in product(shapes, self.sizes):
            prompts = (PROMPTS * size)[:size]
            wanted = [Wanted(prompt, seed) for seed, prompt in enumerate(prompts)]
            for _ in range(WARM_CALLS):
                started_s = time.perf_counter()
                self.make(shape, wanted)
            yield Point(shape, size), time.perf_counter() - started_s


def open_maker(
    blueprint: Blueprint,
    recipe: Recipe,
    device: torch.device,
    weights: str | None,
    seed: int,
    warmed: Warmed,
) -> PipelineMaker:
    """Build a pipeline on a device, check that its weights behave, and warm it.

    Args:
        blueprint: The network's exact shapes.
        recipe: The optimization stack.
        device: Where to run.
        weights: A checkpoint's folder or hub name; None builds seeded synthetic weights.
        seed: Of synthetic weights.
        warmed: What to make before it is ready.

    Raises:
        MeasurementError: The weights put out values that are not finite or do not vary.
    """
    instruments = open_instruments(device)  # first: it takes whoever is on the GPU for another
    if device.type == "cuda":
        torch.cuda.set_device(device)  # of this thread; recordings use its current stream
    bench = open_bench(blueprint, recipe, device, instruments, weights, seed)
    bench.check(Point(warmed.shapes[0], warmed.sizes[0]))
    maker = PipelineMaker(bench, warmed.sizes)
    for point, seconds in maker.warm(warmed.shapes):
        warmed.say(f"{device}: {point}: {seconds:.3f} s")
    return maker
