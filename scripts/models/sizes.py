"""What was built: parameters, weights and peaks beside the published counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

import fluxcost as fc
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.components import denoiser, text_encoders
from measure.pipelines.families import FAMILIES
from scripts.models.compared import MODELS, Model
from scripts.tables import table

GIB = 2**30


def sizes(fits: Mapping[str, fc.Fit]) -> Iterable[str]:
    """Return the section of model sizes."""
    yield from (
        "## Model sizes",
        "",
        "Parameters (billions) of the networks that were timed, and the published counts. Memory",
        "of the weights in bfloat16, and the allocator's peak in an eager call at 1024x1024. The",
        "article states 6.6 billion parameters for SDXL; its paper counts base and refiner",
        "together. Here only the base was timed.",
        "",
        *table(
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
        "The article states 17.8 GB for klein at 1024x1024 (16.6 GiB, if its GB are decimal).",
        "",
    )


def _size_row(model: Model, record: fc.Calibration) -> tuple[str, ...]:
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


def _peak_gib(record: fc.Calibration) -> float:
    """Return the allocator's peak in calls that make one 1024x1024 image."""
    peaks = [
        cell.memory.allocated_gib
        for cell in record.ok_cells
        if (cell.width, cell.height, cell.batch, cell.reference_images) == (1024, 1024, 1, 0)
        and cell.memory is not None
        and cell.memory.allocated_gib is not None
    ]
    return max(peaks)
