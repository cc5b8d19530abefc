"""Replicas behind the endpoint: the pipeline each drives, and the thread it drives it in.

It is built in the thread that makes its calls, since PyTorch keeps the current device and the
compiler's settings for each thread apart.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

import torch
from PIL import Image

from fluxcost.performance.calibration.measuring_run import Environment, GpuIdentity
from fluxcost.workload.shape import Shape
from measure.batcher import padded_batch
from measure.bench import Bench, open_bench, open_instruments
from measure.environment import describe_environment, describe_gpu
from measure.errors import MeasurementError
from measure.pipelines.blueprint import Blueprint
from measure.prompts import PROMPTS
from measure.serving.admission_queue import Dispatcher
from measure.serving.image_requests import RequestedImage
from measure.stacks.stack_recipe import StackRecipe
from measure.suites import Point

WARM_CALLS = 2
"""Of each shape and batch: the first compiles and records, the second is as all later ones."""


@dataclass(frozen=True)
class ImageInput:
    """One image of a call."""

    prompt: str
    seed: int


@dataclass(frozen=True)
class ReplicaIdentity:
    """What makes the images, for records and answers."""

    gpu: GpuIdentity
    environment: Environment

    @property
    def synthetic(self) -> bool:
        """Whether the weights are made up, so that pictures mean nothing."""
        return self.environment.weights.startswith("synthetic")


@dataclass(frozen=True)
class WarmUpPlan:
    """What a replica makes before it is ready.

    Attributes:
        sizes: Batch sizes, rising; later calls are filled up to them.
        shapes: At least one.
        say: Told each shape and batch that is warm.
    """

    sizes: tuple[int, ...]
    shapes: tuple[Shape, ...]
    say: Callable[[str], None]


class ImageReplica(Protocol):
    """What a worker thread drives."""

    identity: ReplicaIdentity

    def make(self, shape: Shape, wanted: Sequence[ImageInput]) -> list[Image.Image]:
        """Return one picture each; anything raised fails this call only."""
        ...


class PipelineReplica:
    """A bench that fills calls up to the batch sizes it was warmed at."""

    def __init__(self, bench: Bench, sizes: tuple[int, ...]) -> None:
        self.bench = bench
        self.sizes = sizes
        environment = describe_environment(bench.device, bench.instruments, bench.weights)
        self.identity = ReplicaIdentity(describe_gpu(bench.device), environment)

    def make(self, shape: Shape, wanted: Sequence[ImageInput]) -> list[Image.Image]:
        """Return one picture each.

        Raises:
            MeasurementError: The device has too little memory for them.
        """
        missing = padded_batch(len(wanted), self.sizes) - len(wanted)
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
            wanted = [ImageInput(prompt, seed) for seed, prompt in enumerate(prompts)]
            for _ in range(WARM_CALLS):
                started_s = time.perf_counter()
                self.make(shape, wanted)
            yield Point(shape, size), time.perf_counter() - started_s


def open_replica(
    blueprint: Blueprint,
    recipe: StackRecipe,
    device: torch.device,
    weights: str | None,
    seed: int,
    warmed: WarmUpPlan,
) -> PipelineReplica:
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
    maker = PipelineReplica(bench, warmed.sizes)
    for point, seconds in maker.warm(warmed.shapes):
        warmed.say(f"{device}: {point}: {seconds:.3f} s")
    return maker


Builder = Callable[[], ImageReplica]
"""Called in the thread that will drive what it returns."""


@dataclass(frozen=True)
class FinishedCall:
    """A call that is through: its pictures, or why there are none."""

    call: tuple[RequestedImage, ...]
    began_s: float
    ended_s: float
    result: list[Image.Image] | Exception


class ReplicaListener(Protocol):
    """What replicas tell; every method is called on the event loop."""

    def is_built(self, identity: ReplicaIdentity) -> None:
        """One more replica waits for calls."""
        ...

    def not_built(self, error: BaseException) -> None:
        """A replica could not be built."""
        ...

    def finished(self, made: FinishedCall) -> None:
        """A call is through."""
        ...


class ReplicaPool:
    """The threads of some replicas, which take calls from one dispatcher."""

    def __init__(
        self,
        builders: tuple[Builder, ...],
        dispatcher: Dispatcher[RequestedImage],
        listener: ReplicaListener,
    ) -> None:
        self.count = len(builders)
        self._builders = builders
        self._dispatcher = dispatcher
        self._listener = listener
        self._building = threading.Lock()
        self._abandoned = False
        self._threads: list[threading.Thread] = []

    @property
    def building(self) -> bool:
        """Whether a replica is still being built, which nothing can interrupt."""
        return self._building.locked()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let every replica build and then wait for calls."""
        self._loop = loop
        for rank, build in enumerate(self._builders):
            name = f"replica-{rank}"
            thread = threading.Thread(target=self._work, args=(build,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Let the threads go; one that builds is left behind."""
        self._abandoned = True
        self._dispatcher.close()
        if not self.building:
            for thread in self._threads:
                thread.join()

    def _work(self, build: Builder) -> None:
        try:
            with self._building:  # recording graphs allows no other work on the host's GPUs
                if self._abandoned:
                    return
                maker = build()
        except BaseException as error:  # raised again in the main thread
            self._abandoned = True
            self._tell(self._listener.not_built, error)
            return
        self._tell(self._listener.is_built, maker.identity)
        while call := self._dispatcher.take():
            self._tell(self._listener.finished, self._make(maker, call))

    def _make(self, maker: ImageReplica, call: tuple[RequestedImage, ...]) -> FinishedCall:
        wanted = [ImageInput(piece.order.ask.prompt, piece.seed) for piece in call]
        began_s = time.perf_counter()
        result: list[Image.Image] | Exception
        try:
            result = maker.make(call[0].order.shape, wanted)
        except Exception as error:  # whatever it is, it is this call's answer
            result = error
        ended_s = time.perf_counter()
        self._dispatcher.end()
        return FinishedCall(call, began_s, ended_s, result)

    def _tell(self, method: Callable[[Any], None], what: object) -> None:
        self._loop.call_soon_threadsafe(method, what)
