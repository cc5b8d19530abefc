"""What was built: parameters, weights and peaks beside the published counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

import fluxcost as fc
from measure.blueprint import load_blueprint
from measure.pipelines.families import FAMILIES
from measure.pipelines.parts import denoiser, text_encoders
from scripts.models.compared import MODELS, Model
from scripts.tables import table

GIB = 2**30


def sizes(fits: Mapping[str, fc.Fit]) -> Iterable[str]:
    """Return the section of what was built, by model."""
    yield from (
        "## What was built",
        "",
        "Billions of parameters of the network that was timed beside the published counts, and",
        "what its weights take in bfloat16 beside the peak that the allocator handed out in an",
        "eager call at 1024x1024. The article's 6.6 billion for SDXL are those its paper counts",
        "for base and refiner together; the base alone is timed here.",
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
        "The article prints 17.8 GB (16.6 GiB, if its GB are decimal) for klein at 1024x1024.",
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
