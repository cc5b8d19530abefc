"""Write docs/performance.md from the records that ship: python scripts/performance_page.py.

The stacks were called in turn on one GPU (benchmarks/stacks.py); what they make without a pause,
the energy and the pictures' error are from the calibrations of the same stacks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import fluxcost as fc
from fluxcost.performance.calibration import Calibration, Cell, read_calibration

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
GPU = "h100-sxm"
STACKS = ("eager-bf16", "compiled-bf16", "compiled-fp8")
OFFER = "runpod/h100-sxm-secure"
UTILIZATION = 0.6
PUBLISHED = "published/h100-sxm/flux2-klein-4b/diffusers-bf16"
SIDES = (512, 1024)

HEAD = """# Performance

FLUX.2-klein-4B, 4 steps, on one NVIDIA H100 80GB (700 W), synthetic weights of a checkpoint's
scale. This page is written from records by `scripts/performance_page.py`; a test fails when it is
out of date.

## One call, stacks in turn

Each stack called in turn, 20 rounds in one run (`python benchmarks/stacks.py --out DIR`). A call
lasts until its picture is in host memory. Medians, in milliseconds; the step over its floor at
the datasheet's rates and at what this GPU reached bare and hot in the same run, by its fastest
matrix product and attention. An 8-bit step may lie under a floor of 16-bit products.
"""

ROWS = (
    "| size | stack | call | text encode | step | VAE decode | host | / datasheet | / bare |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def page() -> str:
    """Return the page."""
    records = {
        stack: read_calibration(ROOT / "benchmarks" / "records" / GPU / f"{stack}.json")
        for stack in STACKS
    }
    shipped = {stack: fc.load_calibration(f"{GPU}/flux2-klein-4b/{stack}") for stack in STACKS}
    lines = [HEAD, ROWS]
    article = fc.load_calibration(PUBLISHED)
    for side in SIDES:
        printed_s = fc.fit(article).latency(fc.Shape(side, side, 4)).value
        lines.append(f"| {side}x{side} | published | {printed_s * 1000:.0f} | | | | | | |")
        lines += [_call_row(records[stack], side) for stack in STACKS]
    lines += ["", *_sustained(shipped), "", *_pictures(shipped), "", *_money(shipped)]
    return "\n".join(lines) + "\n"


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
    return f"| {side}x{side} | {record.stack.alias} | {medians} | {ratios} |"


def _sustained(shipped: dict[str, Calibration]) -> list[str]:
    lines = [
        "## Without a pause\n",
        "Images a second over a minute, host work behind the next call, and joules an image of a",
        "lone call.\n",
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
        "## Is it the same picture?\n",
        "Relative error against float32 from the same weights, prompt and noise, in one step at",
        "512x512, beside eager bfloat16's own and beside faults planted in eager bfloat16.\n",
        "| stack | picture | eager's | latents | eager's | faults planted |",
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
        "## Dollars\n",
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


def _cell(record: Calibration, side: int, batch: int) -> Cell:
    shape = fc.Shape(side, side, 4)
    return next(c for c in record.ok_cells if c.shape == shape and c.batch == batch)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
