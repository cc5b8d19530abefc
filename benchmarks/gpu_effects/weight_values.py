"""How a call's time depends on the values of the denoiser's weights, on one stack.

    python -m benchmarks.gpu_effects.weight_values --stack compiled-bf16 --out weights.jsonl

At its power limit a GPU multiplies some numbers faster than others. The denoiser's matrices are
overwritten in place, so that the compiled code and the recordings stay the same; everything else
is left as built. Normal weights come first, in the middle and last, so that drift shows.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.stacks import parse_point
from measure.bench import Bench, TimedCall, open_bench, open_instruments
from measure.campaign_runner import device_of
from measure.environment import describe_environment, describe_gpu
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.components import denoiser
from measure.stacks import recipe
from measure.stacks.fp8_linear import Fp8Linear, quantize_rows
from measure.suites import Point

SEED = 0
POINTS = ("1024x1024x4x1", "1024x1024x4x4", "512x512x4x1", "512x512x4x4")
OUTLIER_CHANNELS = 128
"""One input channel in so many is an outlier."""

OUTLIER = 20.0
RANK = 256
MANTISSA_BITS_KEPT = 1

Draw = Callable[[int, int, torch.Generator], torch.Tensor]
"""Takes rows, columns and a generator; returns float32 of standard deviation 1."""


def normal(rows: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    """Return independent normal values, as the synthetic weights are."""
    return torch.randn(rows, columns, device=generator.device, generator=generator)


def zeros(rows: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    """Return zeros."""
    return torch.zeros(rows, columns, device=generator.device)


def half_sparse(rows: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    """Return normal values of which a random half are zero."""
    kept = torch.rand(rows, columns, device=generator.device, generator=generator) < 0.5
    return normal(rows, columns, generator) * kept * 2**0.5


def heavy_tails(rows: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    """Return Student values of 3 degrees of freedom, some input channels 20 times larger."""
    squares = torch.zeros(rows, columns, device=generator.device)
    for _ in range(3):
        squares += normal(rows, columns, generator) ** 2
    values = normal(rows, columns, generator) / squares.sqrt()
    values[:, ::OUTLIER_CHANNELS] *= OUTLIER
    return values


def low_rank(rows: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    """Return a product of rank 256 at most, its singular values falling as 1/i."""
    rank = min(RANK, rows, columns)
    falling = 1 / torch.arange(1, rank + 1, device=generator.device)
    left = normal(rows, rank, generator) * falling
    values: torch.Tensor = left @ normal(rank, columns, generator) / falling.norm()
    return values


VALUES: tuple[tuple[str, Draw], ...] = (
    ("normal", normal),
    ("zeros", zeros),
    ("coarse-mantissa", normal),
    ("half-sparse", half_sparse),
    ("normal", normal),
    ("heavy-tails", heavy_tails),
    ("low-rank", low_rank),
    ("normal", normal),
)


@torch.no_grad()
def fill(network: torch.nn.Module, name: str, draw: Draw, seed: int) -> int:
    """Overwrite a network's matrices in place; return how many.

    Each has standard deviation 1/sqrt(fan-in) whatever is drawn, unless it is zero.
    """
    device = next(network.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    filled = 0
    for module in network.modules():
        if isinstance(module, Fp8Linear):
            rounded, scale = quantize_rows(_drawn(module.weight, draw, generator).bfloat16())
            module.weight.copy_(_coarsened(rounded) if name == "coarse-mantissa" else rounded)
            module.scale.copy_(scale.t())
            filled += 1
        for parameter in module.parameters(recurse=False):
            if parameter.dim() >= 2:
                values = _drawn(parameter, draw, generator).to(parameter.dtype)
                parameter.copy_(_coarsened(values) if name == "coarse-mantissa" else values)
                filled += 1
    return filled


def _drawn(like: torch.Tensor, draw: Draw, generator: torch.Generator) -> torch.Tensor:
    rows, columns = like.shape[0], like[0].numel()
    values = draw(rows, columns, generator)
    spread = values.std()
    if spread > 0:
        values *= columns**-0.5 / spread
    return values.reshape(like.shape)


def _coarsened(values: torch.Tensor) -> torch.Tensor:
    """Return numbers with one bit of mantissa kept, cut towards zero."""
    bits = {torch.bfloat16: 7, torch.float8_e4m3fn: 3}[values.dtype]
    whole = torch.int16 if values.dtype == torch.bfloat16 else torch.int8
    kept: torch.Tensor = values.view(whole) & -(2 ** (bits - MANTISSA_BITS_KEPT))
    return kept.view(values.dtype)


def main() -> None:
    """Time every kind of values at every point, and append a line for each."""
    options = _options()
    started_s = time.monotonic()
    device = device_of(options.device)
    blueprint = load_blueprint(options.model)
    chosen = recipe(options.stack, device, blueprint.document.family)
    instruments = open_instruments(device)
    bench = open_bench(blueprint, chosen, device, instruments, None, SEED)
    with options.out.open("w", encoding="utf-8") as stream:
        head = {
            "gpu": describe_gpu(device).model_dump(),
            "model": blueprint.document.name,
            "stack": chosen.stack.model_dump(),
            "environment": describe_environment(device, instruments, bench.weights).model_dump(),
        }
        stream.write(json.dumps(head) + "\n")
        for point in options.points:  # compile and record before anything is compared
            bench.time_call(point)
            print(f"{time.monotonic() - started_s:6.1f} s  ready at {point}", flush=True)
        for order, (name, draw) in enumerate(VALUES):
            if time.monotonic() - started_s > 60 * options.max_minutes:
                print(f"{options.max_minutes:g} minutes are over; left: {name} and on")
                break
            filled = fill(denoiser(bench.pipeline), name, draw, SEED)
            finite = bool(bench.generate(options.points[-1], "pt").isfinite().all())
            for point in options.points:
                line = {"order": order, "values": name, "matrices": filled, "finite": finite}
                line |= _timed(bench, point, options.warm_s, options.timed_s)
                stream.write(json.dumps(line) + "\n")
                stream.flush()
            print(f"{time.monotonic() - started_s:6.1f} s  {name}", flush=True)


def _timed(bench: Bench, point: Point, warm_s: float, timed_s: float) -> dict[str, Any]:
    """Call a point for a while, then time it for a while: seconds, joules, and the GPU's state."""
    _warm(bench, point, warm_s, 2)
    began_s, start_j, start_s = time.time(), bench.instruments.energy_j(), time.perf_counter()
    samples: list[TimedCall] = []
    states: list[dict[str, Any]] = []
    while len(samples) < 3 or time.perf_counter() - start_s < timed_s:
        samples.append(bench.time_call(point))
        states.append(bench.instruments.snapshot().model_dump())
    window_s, end_j = time.perf_counter() - start_s, bench.instruments.energy_j()
    shape = point.shape
    return {
        "width": shape.width,
        "height": shape.height,
        "steps": shape.steps,
        "batch": point.batch,
        "unix_s": round(began_s, 3),
        "window_s": round(window_s, 6),
        "joules": None if start_j is None or end_j is None else round(end_j - start_j, 3),
        "wall_s": [round(each.wall_s, 6) for each in samples],
        "denoise_step_s": [
            [round(step, 6) for step in each.spans.denoise_step_s] for each in samples
        ],
        "telemetry": states,
    }


def _warm(bench: Bench, point: Point, seconds: float, least: int) -> None:
    """Call for a while, at least so often."""
    started_s, calls = time.perf_counter(), 0
    while calls < least or time.perf_counter() - started_s < seconds:
        bench.time_call(point)
        calls += 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stack", required=True, help="Name of the stack.")
    parser.add_argument("--out", type=Path, required=True, help="Record, a JSON object a line.")
    parser.add_argument("--model", default="flux2-klein-4b", help="Name or architecture YAML.")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu.")
    parser.add_argument(
        "--points",
        nargs="+",
        type=parse_point,
        default=[parse_point(each) for each in POINTS],
        help="WIDTHxHEIGHTxSTEPSxBATCH.",
    )
    parser.add_argument("--warm-s", type=float, default=1.2, help="Untimed calls before each.")
    parser.add_argument("--timed-s", type=float, default=2.0, help="Timed calls of each.")
    parser.add_argument("--max-minutes", type=float, default=60.0, help="No fill begins after.")
    return parser.parse_args()


if __name__ == "__main__":
    main()
