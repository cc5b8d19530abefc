"""Write docs/performance.md from the records that ship: python scripts/performance_page.py.

The stacks were called in turn on one GPU (benchmarks/stacks.py); what they make without a pause,
the energy and the pictures' error are from the calibrations of the same stacks.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import fluxcost as fc
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.measuring_run import ColdStartRecord
from fluxcost.performance.calibration.schema import Calibration, read_calibration
from fluxcost.planning.comparison import any_stack

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
GPU = "h100-sxm"
MODEL = "flux2-klein-4b"
STACKS = ("eager-bf16", "compiled-bf16", "compiled-fp8")
RECORDS = ROOT / "benchmarks" / "records" / GPU
PER_SHAPE, ANY_SHAPE = "compiled-bf16", "compiled-bf16-dynamic"
OFFER = "runpod/h100-sxm-secure"
WORKLOAD = ROOT / "examples" / "ecommerce_catalog.yaml"
PRICED_ON = dt.date(2026, 11, 24)
UTILIZATION = 0.6
PUBLISHED = "published/h100-sxm/flux2-klein-4b/diffusers-bf16"
SIDES = (512, 1024)

HEAD = """# Performance

FLUX.2-klein-4B, 4 steps, on one NVIDIA H100 80GB (700 W), with random weights at the scale of a
checkpoint. `scripts/performance_page.py` writes this page from records; a test fails when it is out
of date.

## One call, stacks in turn

The stacks were called in turn, 20 rounds in one run (`python -m benchmarks.stacks --out DIR`). A
call ends when its image is in host memory. Times are medians in milliseconds.

The last two columns are the time of a step divided by its floor. *Datasheet*: the floor at the
datasheet's rates. *Ceilings*: the floor at the rates that this GPU reached in bare benchmarks of
the same run, while hot: each matrix product at the rate of its own size, attention at that of the
fastest backend. Both floors assume 16-bit products, so an 8-bit step can take less.
"""

ROWS = (
    "| size | stack | call | text encode | step | VAE decode | host | / datasheet | / ceilings |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


BESIDE = {
    "variants": (
        "## Variants\n\n"
        "The same measurements in another run. `cached-prompts`: every prompt's embeddings are in\n"
        "the cache. `small-decoder`: a decoder with fewer channels, which produces different "
        "images.\n"
    ),
    "levers": (
        "## Optimizations tried on the step\n\n"
        "Changes to compiled-bf16 that keep its images, in another run (benchmarks/levers.py).\n"
    ),
}
"""Folders of further records in turn, and what is said of them."""


def page() -> str:
    """Return the page."""
    records = {stack: read_calibration(RECORDS / f"{stack}.json") for stack in STACKS}
    shipped = {stack: fc.load_calibration(f"{GPU}/{MODEL}/{stack}") for stack in STACKS}
    lines = [HEAD, ROWS]
    article = fc.load_calibration(PUBLISHED)
    for side in SIDES:
        printed_s = fc.fit(article).latency(fc.Shape(side, side, 4)).value
        lines.append(f"| {side}x{side} | published | {printed_s * 1000:.0f} | | | | | | |")
        lines += [_call_row(records[stack], side) for stack in STACKS]
    for folder, text in BESIDE.items():
        if paths := sorted((RECORDS / folder).glob("*.json")):
            lines += ["", *in_turn(text, [read_calibration(path) for path in paths])]
    lines += ["", *_sustained(shipped), "", *_pictures(shipped), "", *_money(shipped)]
    lines += ["", *_workload()]
    if found := _cold_starts():
        lines += ["", *cold_starts(found)]
    return "\n".join(lines) + "\n"


def in_turn(text: str, records: Sequence[Calibration]) -> list[str]:
    """Return a part of the page on stacks that were called in turn in a run of their own."""
    sides = sorted({cell.width for record in records for cell in record.ok_cells})
    rows = [_call_row(record, side) for side in sides for record in records]
    return [text, ROWS, *rows]


def _call_row(record: Calibration, side: int) -> str:
    cell = _cell(record, side, 1)
    samples = cell.samples
    assert samples is not None  # noqa: S101 - the records in turn hold samples
    steps = np.array(samples.denoise_step_s)
    spans = (samples.wall_s, samples.text_encode_s, steps, samples.vae_decode_s, samples.host_s)
    medians = " | ".join(f"{np.median(span) * 1000:.1f}" for span in spans)
    fitted = fc.fit(record)
    floors = [fitted.floor(cell.shape, 1, basis).denoise_step_s for basis in ("peak", "ceilings")]
    ratios = " | ".join(f"{np.median(steps) / floor:.2f}" for floor in floors)
    of = "" if record.model == MODEL else f"{record.model}, "
    return f"| {side}x{side} | {of}{record.stack.alias} | {medians} | {ratios} |"


def _sustained(shipped: dict[str, Calibration]) -> list[str]:
    lines = [
        "## Sustained throughput\n",
        "Images a second over a minute of calls; host work overlaps the next call. Joules an image",
        "are those of a single call.\n",
        "| stack | size | batch | images/s | J/image |",
        "|---|---|---|---|---|",
    ]
    for stack, record in shipped.items():
        for line in record.pipelined:
            cell = _cell(record, line.width, line.batch)
            energy = cell.energy
            joules = "" if energy is None else f"{energy.joules / energy.calls / line.batch:.0f}"
            size = f"{line.width}x{line.height}"
            lines.append(
                f"| {stack} | {size} | {line.batch} | {line.images_per_s:.2f} | {joules} |"
            )
    return lines


def _pictures(shipped: dict[str, Calibration]) -> list[str]:
    lines = [
        "## Do the images stay the same?\n",
        "Relative error against float32 with the same weights, prompt and noise, in one step at",
        "512x512. For comparison: the error of `eager-bf16`, and of `eager-bf16` with deliberate",
        "faults.\n",
        "| stack | image | image, eager | latents | latents, eager | image, deliberate faults |",
        "|---|---|---|---|---|---|",
    ]
    for stack in STACKS[1:]:  # eager is what the others are set beside
        for same in shipped[stack].sameness:
            if same.latent_error is None or same.eager_latent_error is None:
                continue
            planted = ", ".join(
                f"{name} {error:.1%}" for name, error in same.planted_errors.items()
            )
            errors = (
                same.error,
                same.eager_error,
                same.latent_error,
                same.eager_latent_error,
            )
            cells = " | ".join(f"{error:.2%}" for error in errors)
            lines.append(f"| {stack} | {cells} | {planted} |")
    return lines


def _money(shipped: dict[str, Calibration]) -> list[str]:
    offer = fc.load_catalog().offer(OFFER)
    lines = [
        "## Cost\n",
        f"One 1024x1024 image on `{OFFER}` at {UTILIZATION:.0%} utilization, batch 1.\n",
        "| stack | USD an image, at the listed price | images per dollar |",
        "|---|---|---|",
    ]
    for stack, record in shipped.items():
        cost = fc.cost_per_image(
            fc.fit(record), offer, fc.Shape(1024, 1024, 4), batch=1, utilization=UTILIZATION
        )
        lines.append(f"| {stack} | {cost.total.value:.6f} | {1 / cost.total.value:.0f} |")
    return lines


def _workload() -> list[str]:
    workload = fc.load_workload(WORKLOAD)
    found = fc.compare(any_stack(workload), today=PRICED_ON).stacks_on(OFFER)
    lines = [
        f"One job of {workload.images:,} such images, each stack at its cheapest batch:",
        f"`fluxcost plan examples/{WORKLOAD.name} --stacks-on {OFFER}`.\n",
        "| stack | batch | GPUs | USD in all | USD an image | needs |",
        "|---|---|---|---|---|---|",
    ]
    for each in found:
        plan = each.plan
        usd = f"{plan.total.value:.2f} | {plan.usd_per_image.value:.6f}"
        needs = ", ".join(f"`{name}: true`" for name in each.needs)
        lines.append(f"| {each.stack} | {plan.batch} | {plan.gpus} | {usd} | {needs} |")
    return lines


def _cold_starts() -> dict[str, ColdStartRecord]:
    """Return the cold start of each journal of `python -m measure cold-start` that is kept."""
    found: dict[str, ColdStartRecord] = {}
    for path in sorted((RECORDS / "cold-start").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            if (value := json.loads(line).get("cold_start")) is not None:
                found[path.stem] = ColdStartRecord.parse(value, str(path))
    return found


def cold_starts(found: Mapping[str, ColdStartRecord]) -> list[str]:
    """Return the part of the page on starts from nothing, by stack."""
    lines = [
        "## Cold start\n",
        "New processes (`python -m measure cold-start --stack STACK --out DIR`). *Empty*: the",
        "weights are not in the page cache and nothing was compiled before. *Filled*: both are",
        "there. Times are seconds; later calls are medians.\n",
        "| stack | caches | import | load | prepare | shape | first call | later calls |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for stack, cold in found.items():
        for start in cold.starts:
            parts = (start.import_s, start.load_s, start.prepare_s)
            told = " | ".join(f"{each:.1f}" for each in parts)
            for calls in start.calls:
                later = "" if calls.later_s is None else f"{calls.later_s:.3f}"
                row = f"{calls.width}x{calls.height} | {calls.first_s:.1f} | {later}"
                lines.append(f"| {stack} | {start.compile_cache} | {told} | {row} |")
    if PER_SHAPE in found and ANY_SHAPE in found:
        lines += ["", *_kernels_of_any_shape(found[PER_SHAPE], found[ANY_SHAPE])]
    return lines


def _kernels_of_any_shape(apart: ColdStartRecord, together: ColdStartRecord) -> list[str]:
    """Return from how many shapes on compiling once starts faster, and what calls lose."""
    lines = [
        f"Two ways to compile: for each shape (`{PER_SHAPE}`), or once for any shape",
        f"(`{ANY_SHAPE}`). The table has the seconds of the first shape's first call and of one",
        "further shape's first call. *Faster from* is the number of shapes from which compiling",
        "once starts faster, if each further shape takes as long as the second. *Calls slower* is",
        "what later calls lose with it.\n",
        "| cache | each, first | further | once, first | further | faster from | calls slower |",
        "|---|---|---|---|---|---|---|",
    ]
    for own, any_shape in zip(apart.starts, together.starts, strict=True):
        if len(own.calls) < 2:
            continue
        seconds = [[each.first_s for each in start.calls[:2]] for start in (own, any_shape)]
        told = " | ".join(f"{each:.1f}" for pair in seconds for each in pair)
        slower = ", ".join(
            f"{theirs.later_s / mine.later_s - 1:+.1%} at {mine.width}x{mine.height}"
            for mine, theirs in zip(own.calls, any_shape.calls, strict=True)
            if mine.later_s and theirs.later_s
        )
        sooner = _shapes_until(*seconds)
        lines.append(f"| {own.compile_cache} | {told} | {sooner or 'never'} shapes | {slower} |")
    return lines


def _shapes_until(apart: Sequence[float], together: Sequence[float]) -> int | None:
    """Return the fewest shapes whose first calls take less together, or None if no number does.

    Args:
        apart: Seconds of the first shape's first call and of one more shape's.
        together: Likewise.
    """
    saved_s = apart[1] - together[1]
    if together[0] < apart[0]:
        return 1
    return 2 + math.floor((together[0] - apart[0]) / saved_s) if saved_s > 0 else None


def _cell(record: Calibration, side: int, batch: int) -> Cell:
    shape = fc.Shape(side, side, 4)
    return next(c for c in record.ok_cells if c.shape == shape and c.batch == batch)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
