"""Write docs/models.md from the records that ship: python scripts/models_page.py.

Every model was timed by the same program on the same kind of GPU, eager and, where there is a
record, compiled; a table of a published article stands beside them. Built sizes are counted on
networks without memory (device meta), so the page needs the extra `measure` and no GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import fluxcost as fc
from fluxcost.documents import read_yaml
from fluxcost.errors import FluxcostError
from fluxcost.estimate import Estimate, derive
from fluxcost.evidence.report import CellError, ValidationReport
from fluxcost.performance.calibration import Calibration, read_calibration
from fluxcost.performance.editing import edit_cells
from fluxcost.performance.library import shipped_calibrations
from fluxcost.performance.measured.cell import Cell
from fluxcost.units import percent
from measure.blueprint import load_blueprint
from measure.pipelines.families import FAMILIES
from measure.pipelines.parts import denoiser, text_encoders

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "models.md"
AUDIT = ROOT / "fluxcost" / "data" / "published" / "inferencebench-flux2-klein.yaml"
GPU = "h100-sxm"
EAGER, COMPILED = STACKS = ("eager-bf16", "compiled-bf16")
BESIDE = ROOT / "benchmarks" / "records" / GPU / "models-flux2-klein-4b.json"
"""klein-4B timed eager in the same hour as the others; the one that ships is of other starts."""
SUITE = "benchmarks/suites/sdxl.yaml"
KLEIN, SDXL = "flux2-klein-4b", "sdxl-1.0"
OFFER, UTILIZATION = "runpod/h100-sxm-secure", 0.6
SIDES = (512, 1024)
GIB = 2**30


@dataclass(frozen=True)
class Model:
    """One model of the comparison.

    Attributes:
        name: Of its architecture file.
        title: As its publisher writes it.
        article: As the article's table names it; None where it has no row.
        steps: Compared: the article's, or those it was made for.
        denoiser_b: Published parameters of the denoiser, billions.
        encoders_b: Published parameters of its text encoders together, billions.
        source: Where the published counts stand.
    """

    name: str
    title: str
    article: str | None
    steps: tuple[int, ...]
    denoiser_b: float
    encoders_b: float
    source: str


MODELS = (  # each stands on the page once it has a record
    Model(
        KLEIN, "FLUX.2 [klein] 4B", "FLUX.2-klein-4B", (4,), 3.88, 4.02,
        "diffusers' conversion script; Qwen3-4B's card",
    ),
    Model(
        "flux2-klein-9b", "FLUX.2 [klein] 9B", None, (4,), 9.08, 8.19,
        "diffusers' conversion script; Qwen3-8B's card",
    ),
    Model(
        "flux1-schnell", "FLUX.1 [schnell]", "FLUX.1 schnell", (2, 4), 11.9, 4.89,
        'its card, "12B"; T5-XXL\'s encoder 4.76 B, CLIP-L 0.12 B',
    ),
    Model(
        SDXL, "Stable Diffusion XL 1.0, base", "SDXL", (20, 25), 2.57, 0.82,
        'its paper, "2.6B" UNet; CLIP-L 0.12 B, OpenCLIP bigG 0.69 B',
    ),
    Model(
        "sd3.5-large", "Stable Diffusion 3.5 Large", "SD 3.5 Large", (28,), 8.06, 5.58,
        'its card, "8.1B"; T5-XXL\'s encoder 4.76 B, CLIP-L 0.12 B, OpenCLIP bigG 0.69 B',
    ),
    Model(
        "z-image-turbo", "Z-Image-Turbo", None, (8,), 6.15, 4.02,
        "its technical report; Qwen3-4B's card",
    ),
)  # fmt: skip

HEAD = f"""# Other models on the same GPU

Every model was timed by `python -m measure run` on an NVIDIA H100 80GB (700 W), at its true shapes,
text encoders at full size, with seeded synthetic weights of a checkpoint's scale: the arithmetic is
the model's, the pictures mean nothing. `{EAGER}` is diffusers as it comes; `{COMPILED}` draws the
same picture with compiled blocks, and stands here for the models that have a record of it. This
page is written from records by `scripts/models_page.py`; a test fails when it is out of date.

The eager models were timed one after the other within ten minutes, each in a process of its own. A
time is the median of whole calls with its 90 % interval, for any start on such a GPU. What was not
measured is fitted to what was, and says so. `benchmarks/suites/` holds the cells, by path:

```console
$ python -m measure run --suite {SUITE} --model {SDXL} --stack {COMPILED} --out DIR
```
"""

Fits = Mapping[str, Mapping[str, fc.Fit]]
"""By stack, then by model; a stack holds the models that have a record of it."""


def page() -> str:
    """Return the page."""
    known = {each.alias for each in shipped_calibrations()}
    fits = {
        stack: {
            model.name: fc.fit(fc.load_calibration(_alias(model.name, stack)))
            for model in MODELS
            if _alias(model.name, stack) in known
        }
        for stack in STACKS
    }
    eager = fits[EAGER]
    beside = fits | {EAGER: eager | {KLEIN: fc.fit(read_calibration(BESIDE))}}
    return "\n".join(
        [
            HEAD,
            *comparison(beside),
            *times_faster(beside),
            *_sizes(beside[EAGER]),
            *editing(eager[KLEIN]),
            *_transfers(eager),
        ]
    )


def comparison(fits: Fits) -> Iterable[str]:
    """Return the section that sets the models beside the article's table, stack by stack."""
    printed = {row["model"]: row for row in read_yaml(AUDIT)["facts"]["comparison"]}
    rows = [
        _compared(fits[stack][model.name], model, steps, printed.get(model.article or ""))
        for model in MODELS
        for steps in model.steps
        for stack in fits
        if model.name in fits[stack]
    ]
    yield from (
        "## The article's comparison, measured",
        "",
        "One 1024x1024 image, alone. *Published* is what the article prints, for no stated stack;",
        f"USD are on `{OFFER}` at {UTILIZATION:.0%} utilization. *Made for* is how many steps the",
        "model was distilled to, or its publisher's default: fewer is faster, and not the model's",
        "own quality.",
        "",
        *_table(
            (
                *("model", "steps", "made for", "published, s", "stack", "measured, s", "source"),
                *("USD an image", "images per dollar"),
            ),
            rows,
        ),
        "",
    )


def _compared(
    fitted: fc.Fit, model: Model, steps: int, printed: dict[str, Any] | None
) -> tuple[str, ...]:
    shape = fc.Shape(1024, 1024, steps)
    seconds = _latency(fitted, shape)
    offer = fc.load_catalog().offer(OFFER)
    cost = fc.cost_per_image(fitted, offer, shape, batch=1, utilization=UTILIZATION)
    return (
        model.title,
        str(steps),
        str(fitted.architecture.pipeline.designed_steps),
        "" if printed is None else _printed(printed),
        fitted.calibration.stack.alias,
        _seconds(seconds),
        str(seconds.source),
        f"{cost.total.value:.5f}",
        f"{1 / cost.total.value:.0f}",
    )


def _printed(row: dict[str, Any]) -> str:
    highest = row.get("highest_latency_s")
    return str(row["latency_s"]) + (f" to {highest}" if highest else "")


def times_faster(fits: Fits) -> Iterable[str]:
    """Return the section on klein beside SDXL, both with the same stack."""
    compared = [model for model in MODELS if model.name == SDXL]
    rows = [
        _ratio_row(fits[stack], side, steps)
        for side in SIDES
        for model in compared
        for steps in model.steps
        for stack in fits
        if {KLEIN, SDXL} <= set(fits[stack])
    ]
    yield from (
        '## "5 to 10 times as fast as SDXL"',
        "",
        f"{KLEIN} in 4 steps beside SDXL, both with the same stack, one image a call. SDXL's UNet",
        "is many small kernels, of which an eager GPU waits for the CPU to launch each: its step",
        "over its floor says how much of its time is not the model's arithmetic.",
        "",
        *_table(
            (
                *("size", "SDXL's steps", "stack", "SDXL, s", "klein, s", "times as fast"),
                *("SDXL's step / floor", "klein's"),
            ),
            rows,
        ),
        "",
    )


def _ratio_row(fits: Mapping[str, fc.Fit], side: int, steps: int) -> tuple[str, ...]:
    slow, fast = fc.Shape(side, side, steps), fc.Shape(side, side, 4)
    theirs, ours = _latency(fits[SDXL], slow), _latency(fits[KLEIN], fast)
    ratio = derive(lambda one, other: one / other, theirs, ours, unit="1")
    return (
        f"{side}x{side}",
        str(steps),
        fits[SDXL].calibration.stack.alias,
        _seconds(theirs),
        _seconds(ours),
        f"{ratio.value:.1f} ({ratio.low:.1f} to {ratio.high:.1f})",
        f"{_step_over_floor(fits[SDXL], slow):.1f}",
        f"{_step_over_floor(fits[KLEIN], fast):.1f}",
    )


def _latency(fitted: fc.Fit, shape: fc.Shape) -> Estimate:
    """Return the time of one image, however wide its interval is."""
    try:
        return fitted.latency(shape)
    except fc.UntrustworthyError as error:
        return error.estimate


def _step_over_floor(fitted: fc.Fit, shape: fc.Shape) -> float:
    """Return a later step over the least it could take at the datasheet's rates."""
    step = fitted.times.stage_seconds("later_step", shape.pixels, 1)
    return step / fitted.floor(shape, 1).denoise_step_s


def _sizes(fits: Mapping[str, fc.Fit]) -> Iterable[str]:
    yield from (
        "## What was built",
        "",
        "Billions of parameters of the network that was timed beside the published counts, and",
        "what its weights take in bfloat16 beside the peak that the allocator handed out in a call",
        "at 1024x1024. The article's 6.6 billion for SDXL are those its paper counts for base and",
        "refiner together; the base alone is timed here.",
        "",
        *_table(
            (
                *("model", "denoiser", "published", "text encoders", "published"),
                *("weights, GiB", "peak, GiB", "sources"),
            ),
            (
                _size_row(model, fits[model.name].calibration)
                for model in MODELS
                if model.name in fits
            ),
        ),
        "",
        "The article prints 17.8 GB (16.6 GiB, if its GB are decimal) for klein at 1024x1024.",
        "",
    )


def _size_row(model: Model, record: Calibration) -> tuple[str, ...]:
    document = load_blueprint(model.name).document
    pipeline = FAMILIES[document.family].assemble(document, torch.device("meta"))
    core = _parameters(denoiser(pipeline))
    encoders = sum(map(_parameters, text_encoders(pipeline)))
    weights = 2 * (core + encoders + _parameters(pipeline.vae))
    return (
        model.title,
        f"{core / 1e9:.3f}",
        f"{model.denoiser_b:g}",
        f"{encoders / 1e9:.3f}",
        f"{model.encoders_b:g}",
        f"{weights / GIB:.1f}",
        f"{_peak_gib(record):.1f}",
        model.source,
    )


def _parameters(module: torch.nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def _peak_gib(record: Calibration) -> float:
    """Return the allocator's peak in calls that make one 1024x1024 image."""
    peaks = [
        cell.memory.allocated_gib
        for cell in record.ok_cells
        if (cell.width, cell.height, cell.batch, cell.reference_images) == (1024, 1024, 1, 0)
        and cell.memory is not None
        and cell.memory.allocated_gib is not None
    ]
    return max(peaks)


def editing(fitted: fc.Fit) -> Iterable[str]:
    """Return the section of calls with reference images; nothing where none was timed."""
    cells = edit_cells(fitted.calibration)
    if not cells:
        return
    yield from (
        "## Editing: time against reference images",
        "",
        f"{KLEIN}, 4 steps. Each edit is also predicted from a fit that does not know it: a step",
        "takes what one of a larger image with as many tokens takes, and encoding and preparing",
        "the references is added from the other edits.",
        "",
        *_table(
            ("size", "batch", "references", "measured, s", "times none", "predicted, s", "error"),
            (_edit_row(fitted, cell) for cell in cells),
        ),
        "",
    )


def _edit_row(fitted: fc.Fit, cell: Cell) -> tuple[str, ...]:
    record = fitted.calibration
    rest = tuple(each for each in record.cells if (each.shape, each.batch) != _point(cell))
    blind = fc.fit(record.model_copy(update={"cells": rest})).latency(cell.shape, cell.batch)
    seconds = float(np.median(cell.calls_s))
    plain = [
        float(np.median(each.calls_s))
        for each in record.ok_cells
        if _point(each) == (fc.Shape(cell.width, cell.height, cell.steps), cell.batch)
        and each.run == cell.run
    ]
    return (
        f"{cell.width}x{cell.height}",
        str(cell.batch),
        str(cell.reference_images),
        f"{seconds:.3f}",
        f"{seconds / plain[0]:.2f}" if plain else "",
        _seconds(blind),
        f"{blind.value / seconds - 1:+.1%}",
    )


def _point(cell: Cell) -> tuple[fc.Shape, int]:
    return cell.shape, cell.batch


def _transfers(fits: Mapping[str, fc.Fit]) -> Iterable[str]:
    records = [fit.calibration for name, fit in fits.items() if name != KLEIN]
    found = [report for record in records if (report := _transferred(fits[KLEIN], record))]
    cells = [
        (
            report.against.calibration,
            cell.cell,
            f"{cell.measured_s:.3f}",
            f"{cell.predicted_s:.3f} ({cell.low_s:.3f} to {cell.high_s:.3f})",
            f"{cell.relative_error:+.1%}",
            "yes" if cell.covered else "no",
        )
        for report in found
        if report.against is not None
        for cell in report.cells
    ]
    yield from (
        "## Predicted before it was measured",
        "",
        f"`fluxcost transfer` moves the fit to {KLEIN} to a model that nobody timed, by what its",
        "configuration says of tokens, products and bytes, with the launches a second of the",
        "machine it is asked for. Its answers beside what was then measured; an error is predicted",
        "over measured, less 1. No formula of the transfer was changed after seeing these.",
        "",
        *_table(
            ("to", "cells", "median error", "bias", "worst, with its sign", "inside", "refused"),
            map(_transfer_row, found),
        ),
        "",
        *_refused(records, found),
        *_table(("model", "cell", "measured, s", "predicted, s", "error", "inside"), cells),
        "",
    )


def _transferred(fitted: fc.Fit, record: Calibration) -> ValidationReport | None:
    try:
        return fc.validate_against(fitted.calibration, record)
    except FluxcostError:
        return None


def _transfer_row(report: ValidationReport) -> tuple[str, ...]:
    assert report.against is not None  # noqa: S101 - it is of another record
    worst = max(report.cells, key=_size_of_error)
    return (
        report.against.calibration,
        str(len(report.cells)),
        percent(report.median_error),
        f"{report.bias:+.1%}",
        f"{worst.relative_error:+.1%} ({worst.cell})",
        percent(report.coverage),
        str(len(report.refusals)),
    )


def _size_of_error(cell: CellError) -> float:
    return abs(cell.relative_error)


def _refused(records: Sequence[Calibration], found: Sequence[ValidationReport]) -> Iterable[str]:
    answered = {report.against.calibration for report in found if report.against is not None}
    for record in records:
        if record.alias not in answered:
            yield f"- To {record.alias} it refuses every cell: {_reason(record)}"
            yield ""


def _reason(record: Calibration) -> str:
    try:
        fc.validate_against(fc.load_calibration(_alias(KLEIN, EAGER)), record)
    except FluxcostError as error:
        return str(error)
    raise AssertionError


def _alias(name: str, stack: str) -> str:
    return f"{GPU}/{name}/{stack}"


def _seconds(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [headings, ["---"] * len(headings), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
