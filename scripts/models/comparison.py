"""The models beside the article's table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import fluxcost as fc
from fluxcost.documents import read_yaml
from fluxcost.estimate import derive
from measure.pipelines.blueprint import load_blueprint
from measure.stacks.compiled_bf16 import FAMILIES
from scripts.docs.running import ROOT
from scripts.models.compared import COMPILED, EAGER, MODELS, Fits, Model
from scripts.models.figures import latency_of, range_text, ratio_text, seconds_text
from scripts.models.occasions import timed_on
from scripts.tables import table

AUDIT = ROOT / "fluxcost" / "data" / "published" / "inferencebench-flux2-klein.yaml"
OFFER, UTILIZATION = "runpod/h100-sxm-secure", 0.6


def comparison(fits: Fits) -> Iterable[str]:
    """Return the section that sets the models beside the article's table, stack by stack."""
    printed = {row["model"]: row for row in read_yaml(AUDIT)["facts"]["comparison"]}
    rows = [
        _compared(fits, stack, model, steps, printed.get(model.article or ""))
        for model in MODELS
        for steps in model.steps
        for stack in fits
        if model.name in fits[stack]
    ]
    yield from (
        "## The article's comparison, measured",
        "",
        "One 1024x1024 image, batch 1. *Published* is the article's figure; it states no stack.",
        f"USD are on `{OFFER}` at {UTILIZATION:.0%} utilization. *Made for* is the number of steps",
        "the model was distilled to, or its publisher's default. Fewer steps are faster, at lower",
        f"quality. *Speedup* is against the same steps with `{EAGER}`.",
        "",
        *table(
            (
                *("model", "steps", "made for", "published, s", "stack", "seconds", "source"),
                *("timed on", "speedup", "USD an image", "images per dollar"),
            ),
            rows,
        ),
        "",
        *_found(fits),
    )


def _found(fits: Fits) -> Iterable[str]:
    """Return what compiling gains over the models, and why some have no compiled row."""
    gains = [
        gain.value
        for model in MODELS
        for steps in model.steps
        if (gain := _gain(fits, model, steps)) is not None
    ]
    if gains:
        yield f"Compiled calls are {range_text(gains)} times as fast as eager calls."
    for model in MODELS:
        if model.name in fits[EAGER] and not _compiles(model):
            yield f"{model.title} was measured with `{EAGER}` only. Its denoiser takes prompts of"
            yield f"variable length, so `{COMPILED}` would compile for each length and refuses it."
    yield ""


def _compiles(model: Model) -> bool:
    return load_blueprint(model.name).document.family in FAMILIES


def _gain(fits: Fits, model: Model, steps: int) -> fc.Estimate | None:
    """Return how many times as fast a model is compiled; None where a stack is missing."""
    if any(model.name not in fits.get(stack, {}) for stack in (EAGER, COMPILED)):
        return None
    shape = fc.Shape(1024, 1024, steps)
    eager, compiled = (latency_of(fits[stack][model.name], shape) for stack in (EAGER, COMPILED))
    return derive(lambda one, other: one / other, eager, compiled, unit="1")


def _compared(
    fits: Fits, stack: str, model: Model, steps: int, printed: dict[str, Any] | None
) -> tuple[str, ...]:
    fitted = fits[stack][model.name]
    gain = _gain(fits, model, steps) if stack == COMPILED else None
    shape = fc.Shape(1024, 1024, steps)
    seconds = latency_of(fitted, shape)
    offer = fc.load_catalog().offer(OFFER)
    cost = fc.cost_per_image(fitted, offer, shape, batch=1, utilization=UTILIZATION)
    return (
        model.title,
        str(steps),
        str(fitted.architecture.pipeline.designed_steps),
        "" if printed is None else _printed(printed),
        stack,
        seconds_text(seconds),
        str(seconds.source),
        timed_on(fitted, shape),
        "" if gain is None else ratio_text(gain),
        f"{cost.total.value:.5f}",
        f"{1 / cost.total.value:.0f}",
    )


def _printed(row: dict[str, Any]) -> str:
    highest = row.get("highest_latency_s")
    return str(row["latency_s"]) + (f" to {highest}" if highest else "")
