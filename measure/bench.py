"""The bench: one pipeline on one device, ready to be called and timed.

The content of reference images does not affect time: they are resized, encoded and
appended as tokens like any other.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from fluxcost.workload.shape import Shape
from measure.pipelines.blueprint import Blueprint
from measure.pipelines.families import build, call_arguments, load
from measure.pipelines.synthetic_weights import check_activations, watched_activations
from measure.prompts import PROMPTS
from measure.stacks.stack_recipe import Release, StackRecipe, keep_nothing
from measure.stage_timing import CallSpans, Clock, SpanRecorder
from measure.suites import Point
from measure.telemetry import Instruments, NullTelemetry, NvmlTelemetry


@functools.lru_cache(maxsize=8)
def noise_references(shape: Shape) -> tuple[Image.Image, ...]:
    """Return the reference images of a shape, none for text to image."""
    generator = np.random.default_rng(shape.reference_images)
    size = (shape.height, shape.width, 3)
    return tuple(
        Image.fromarray(generator.integers(0, 256, size, dtype=np.uint8))
        for _ in range(shape.reference_images)
    )


@dataclass(frozen=True)
class TimedCall:
    """One timed call."""

    wall_s: float
    spans: CallSpans


@dataclass
class Bench:
    """A pipeline on a device with its clock, instruments and span recorder."""

    blueprint: Blueprint
    recipe: StackRecipe
    pipeline: Any
    clock: Clock
    instruments: Instruments
    weights: str
    seed: int
    build_s: float
    release: Release = keep_nothing
    calls: int = 0

    @property
    def device(self) -> torch.device:
        """The device the pipeline is on."""
        return self.clock.device

    def time_call(self, point: Point) -> TimedCall:
        """Make one batch of images and time it from idle device to idle device.

        Raises:
            MeasurementError: The call did not do the work that was asked.
        """
        asked = self.blueprint.architecture.pipeline
        recorder = SpanRecorder(
            asked.calls_per_step,
            asked.text_encodings,
            keeps_prompts=self.recipe.stack.keeps_prompts,
        )
        with recorder.attached(self.pipeline, self.clock):
            start_s = self.clock.now_s()
            self.generate(point, output_type="pil")
            wall_s = self.clock.now_s() - start_s
            return TimedCall(wall_s, recorder.read(point.shape.steps, point.shape.reference_images))

    def generate(self, point: Point, output_type: str) -> Any:  # noqa: ANN401 - diffusers is untyped
        """Run the pipeline once; every call takes the next prompts and a seed of its own."""
        prompts = [PROMPTS[(self.calls + i) % len(PROMPTS)] for i in range(point.batch)]
        generator = torch.Generator(self.device).manual_seed(self.seed + self.calls)
        self.calls += 1
        return self._call(point.shape, prompts, generator, output_type)

    def make(self, shape: Shape, prompts: list[str], seeds: list[int]) -> list[Image.Image]:
        """Make one batch of given prompts; an image's noise is its seed's, whatever its company."""
        generators = [torch.Generator(self.device).manual_seed(seed) for seed in seeds]
        made: list[Image.Image] = self._call(shape, prompts, generators, "pil")
        return made

    def _call(
        self,
        shape: Shape,
        prompts: list[str],
        generator: torch.Generator | list[torch.Generator],
        output_type: str,
    ) -> Any:  # noqa: ANN401 - diffusers is untyped
        given = {"image": list(noise_references(shape))} if shape.reference_images else {}
        return self.pipeline(
            **given,
            prompt=list(prompts),  # Z-Image's writes its chat template into the list
            width=shape.width,
            height=shape.height,
            num_inference_steps=shape.steps,
            **call_arguments(self.blueprint.document),
            generator=generator,
            output_type=output_type,
        ).images

    def check(self, point: Point) -> None:
        """Refuse weights whose activations are not finite or do not vary.

        Raises:
            MeasurementError: Naming the part of the network.
        """
        with watched_activations(self.pipeline) as activations:
            activations["decoder"] = self.generate(point, output_type="pt")
        check_activations(activations)


def open_instruments(device: torch.device, *, among_own: bool = False) -> Instruments:
    """Return the device's instruments; call before this process computes on it.

    Args:
        device: Whose.
        among_own: Whether the fleet this process belongs to holds the device already.

    Raises:
        MeasurementError: Another process is there, and it is not of the own fleet.
    """
    if device.type != "cuda":
        return NullTelemetry()
    # NVML counts every GPU of the host; PyTorch only those CUDA_VISIBLE_DEVICES leaves.
    index = torch.cuda._get_nvml_device_index(device)  # noqa: SLF001 - no public way
    return NvmlTelemetry(index, among_own=among_own)


def open_bench(
    blueprint: Blueprint,
    recipe: StackRecipe,
    device: torch.device,
    instruments: Instruments,
    weights: str | None,
    seed: int,
) -> Bench:
    """Build or load the pipeline on the device and prepare it as the stack says.

    Args:
        blueprint: The network's exact shapes.
        recipe: The optimization stack.
        device: Where to run.
        instruments: The device's, opened before.
        weights: A checkpoint's folder or hub name; None builds seeded synthetic weights.
        seed: Of the weights, latents and order.

    Raises:
        InputError: The stack cannot prepare a model of this family.
    """
    family = blueprint.document.family
    recipe = recipe.resolved(family)
    recipe.refuse_other_family(blueprint.document.name, family)
    clock = Clock(device)
    started_s = time.perf_counter()
    if weights is None:
        pipeline = build(blueprint.document, seed, device, recipe.dtype)
    else:
        pipeline = load(family, weights, device, recipe.dtype)
    pipeline.set_progress_bar_config(disable=True)
    release = recipe.prepare(pipeline)
    build_s = clock.now_s() - started_s
    label = weights or f"synthetic (seed {seed}, scale 1)"
    return Bench(blueprint, recipe, pipeline, clock, instruments, label, seed, build_s, release)
