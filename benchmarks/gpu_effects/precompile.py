"""Compile shapes of a stack into PyTorch's cache on disk, so that a measurement finds them there.

    python -m benchmarks.gpu_effects.precompile --stack STACK --points 640x640x4x1 ... &

Run several at once: compiling is the work of one CPU core each. Building takes twice the memory of
the weights, 32 GiB for klein-4B. Nothing is timed, and nothing may be timed on the GPU meanwhile.
"""

from __future__ import annotations

import argparse

import torch

from benchmarks.stacks import parse_point
from measure.bench import open_bench
from measure.campaign_runner import device_of
from measure.pipelines.blueprint import load_blueprint
from measure.stacks import recipe
from measure.telemetry import NullTelemetry


def main() -> None:
    """Call each point once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stack", required=True, help="Name of the stack.")
    parser.add_argument("--points", nargs="+", type=parse_point, required=True, help="WxHxSxB.")
    parser.add_argument("--model", default="flux2-klein-4b", help="Name or architecture YAML.")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu.")
    options = parser.parse_args()
    device = device_of(options.device)
    blueprint = load_blueprint(options.model)
    chosen = recipe(options.stack, device, blueprint.document.family)
    bench = open_bench(blueprint, chosen, device, NullTelemetry(), None, 0)
    if device.type == "cuda":
        torch.cuda.empty_cache()  # building takes twice what the pipeline does
    for point in options.points:
        seconds = bench.time_call(point).wall_s
        print(f"{options.stack}, {point}: {seconds:.1f} s to the end of the first call", flush=True)


if __name__ == "__main__":
    main()
