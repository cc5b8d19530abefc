"""Optimization stacks side by side on one GPU, call by call in turn.

    python -m benchmarks.stacks --out DIR

Each stack gets the same model, weights and prompts. A round calls every stack once, the next round
begins with another stack, so that heat and a busy host meet all of them alike. Then the GPU makes
images without a pause, host work overlapped, one stack after the other. Every stack's samples go
into a journal and a calibration of its own under DIR, which `python -m measure report` prints and
`python -m measure compare` compares.

A stack of another model is MODEL/STACK, such as flux2-klein-4b-small-decoder/compiled-bf16, and
what may make a step faster is compiled-bf16+LEVER; see levers.py.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks.levers import Lever, stack_of
from fluxcost.performance.architecture import Transformer, Unet
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import Ceilings
from fluxcost.workload.shape import Shape
from measure.bench import Bench, TimedCall, open_bench, open_instruments
from measure.campaign import start_run
from measure.campaign_runner import device_of
from measure.environment import describe_gpu
from measure.journal import SYNTHETIC, Journal, JournalHeader, JournalRow
from measure.pipelines.blueprint import load_blueprint
from measure.probes.ceilings import measure_ceilings
from measure.probes.sustained_speed import can_pipeline, measure_pipelined
from measure.protocol import WarmUp, sample_columns, warm_up
from measure.suites import Point, Protocol
from measure.telemetry import Instruments

STACKS = ("eager-bf16", "compiled-bf16", "compiled-fp8")
SEED = 0


@dataclass(frozen=True)
class Entrant:
    """One stack on the bench, with the journal its samples go to."""

    name: str
    bench: Bench
    journal: Journal
    run: str
    lever: Lever | None


def main() -> None:
    """Measure what the command line asks for and write one calibration a stack."""
    options = _options()
    protocol = Protocol(soak_s=options.pause_free_s)
    instruments = open_instruments(device_of(options.device))
    entrants = [_enter(options, name, instruments) for name in options.stacks]
    for point in options.points:
        _in_turn(entrants, point, protocol, options.calls)
    _ceilings(entrants)
    for each in entrants:
        for point in options.without_a_pause:
            if can_pipeline(each.bench.recipe.stack):
                record = measure_pipelined(each.bench, point, protocol, each.run)
                each.journal.append(JournalRow(pipelined=record))
                print(f"{each.name}, {point}: {record.images_per_s:.3f}/s")
    for each in entrants:
        each.journal.calibration().save(options.out / f"{each.name}.json")
        each.journal.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="Folder of the records.")
    parser.add_argument("--model", default="flux2-klein-4b", help="Name or architecture YAML.")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu.")
    parser.add_argument("--stacks", nargs="+", default=STACKS, help="Stacks to call in turn.")
    parser.add_argument("--calls", type=int, default=20, help="Timed calls of each stack.")
    parser.add_argument(
        "--points",
        nargs="+",
        type=parse_point,
        default=[parse_point("512x512x4x1"), parse_point("1024x1024x4x1")],
        help="WIDTHxHEIGHTxSTEPSxBATCH, called in turn.",
    )
    parser.add_argument(
        "--without-a-pause",
        nargs="*",
        type=parse_point,
        default=[parse_point("1024x1024x4x1")],
        help="Points at which each stack makes images without a pause.",
    )
    parser.add_argument("--pause-free-s", type=float, default=60.0, help="For how long.")
    return parser.parse_args()


def parse_point(text: str) -> Point:
    """Return the point of WIDTHxHEIGHTxSTEPSxBATCH."""
    width, height, steps, batch = (int(part) for part in text.split("x"))
    return Point(Shape(width, height, steps), batch)


def _enter(options: argparse.Namespace, name: str, instruments: Instruments) -> Entrant:
    device = device_of(options.device)
    model, _, stack = name.rpartition("/")
    blueprint = load_blueprint(model or options.model)
    chosen, lever = stack_of(stack, device)
    header = JournalHeader(
        gpu=describe_gpu(device),
        model=blueprint.document.name,
        architecture_hash=blueprint.hash,
        stack=chosen.stack,
        weights=SYNTHETIC,
        seed=SEED,
    )
    bench = open_bench(blueprint, chosen, device, instruments, None, SEED)
    name = name.replace("/", "-")
    journal = Journal.open(options.out / name, header)
    return Entrant(name, bench, journal, start_run(bench, journal).id, lever)


def _ceilings(entrants: Sequence[Entrant]) -> None:
    """Read the ceilings once for each denoiser, and append them to the stacks that run it."""
    known: dict[Transformer | Unet | None, Ceilings] = {}
    for each in entrants:
        architecture = each.bench.blueprint.architecture
        denoiser = architecture.blocks or architecture.unet
        if denoiser not in known:
            known[denoiser] = measure_ceilings(
                each.bench.clock, architecture, each.bench.recipe.dtype
            )
        each.journal.append(JournalRow(ceilings=known[denoiser], of_run=each.run))


def _warm(entrant: Entrant, point: Point, protocol: Protocol) -> WarmUp:
    with entrant.lever.while_warming() if entrant.lever else nullcontext():
        return warm_up(entrant.bench, point, protocol)


def _in_turn(entrants: Sequence[Entrant], point: Point, protocol: Protocol, calls: int) -> None:
    """Time a point on every stack, a call of each in turn, and append one cell a stack."""
    warm = [_warm(each, point, protocol) for each in entrants]
    before = [each.bench.instruments.snapshot() for each in entrants]
    taken: list[list[TimedCall]] = [[] for _ in entrants]
    for number in range(calls):
        for place in range(len(entrants)):
            turn = (number + place) % len(entrants)
            taken[turn].append(entrants[turn].bench.time_call(point))
    for each, warmed, state, samples in zip(entrants, warm, before, taken, strict=True):
        each.journal.append(
            JournalRow(
                cell=Cell(
                    width=point.shape.width,
                    height=point.shape.height,
                    steps=point.shape.steps,
                    batch=point.batch,
                    run=each.run,
                    suites=("in-turn",),
                    warmup_s=tuple(round(call_s, 6) for call_s in warmed.calls_s),
                    stable=warmed.stable,
                    samples=sample_columns(samples),
                    before=state,
                    after=each.bench.instruments.snapshot(),
                )
            )
        )
        steps = [step for sample in samples for step in sample.spans.denoise_step_s]
        print(
            f"{each.name}, {point}: call {statistics.median(s.wall_s for s in samples):.4f} s, "
            f"step {statistics.median(steps):.5f} s"
        )


if __name__ == "__main__":
    main()
