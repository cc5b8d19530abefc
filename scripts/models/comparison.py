"""The models beside the article's table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import fluxcost as fc
from fluxcost.documents import read_yaml
from scripts.docs.running import ROOT
from scripts.models.compared import MODELS, Fits, Model
from scripts.models.figures import latency_of, seconds_text
from scripts.tables import table

AUDIT = ROOT / "fluxcost" / "data" / "published" / "inferencebench-flux2-klein.yaml"
OFFER, UTILIZATION = "runpod/h100-sxm-secure", 0.6


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
        *table(
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
    seconds = latency_of(fitted, shape)
    offer = fc.load_catalog().offer(OFFER)
    cost = fc.cost_per_image(fitted, offer, shape, batch=1, utilization=UTILIZATION)
    return (
        model.title,
        str(steps),
        str(fitted.architecture.pipeline.designed_steps),
        "" if printed is None else _printed(printed),
        fitted.calibration.stack.alias,
        seconds_text(seconds),
        str(seconds.source),
        f"{cost.total.value:.5f}",
        f"{1 / cost.total.value:.0f}",
    )


def _printed(row: dict[str, Any]) -> str:
    highest = row.get("highest_latency_s")
    return str(row["latency_s"]) + (f" to {highest}" if highest else "")
