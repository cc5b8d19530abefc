"""FLUX.2 [klein] beside SDXL, both with the same stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import fluxcost as fc
from fluxcost.estimate import derive
from scripts.models.compared import KLEIN, MODELS, SDXL, Fits
from scripts.models.figures import latency_of, seconds_text
from scripts.tables import table

SIDES = (512, 1024)


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
        *table(
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
    theirs, ours = latency_of(fits[SDXL], slow), latency_of(fits[KLEIN], fast)
    ratio = derive(lambda one, other: one / other, theirs, ours, unit="1")
    return (
        f"{side}x{side}",
        str(steps),
        fits[SDXL].calibration.stack.alias,
        seconds_text(theirs),
        seconds_text(ours),
        f"{ratio.value:.1f} ({ratio.low:.1f} to {ratio.high:.1f})",
        f"{_step_over_floor(fits[SDXL], slow):.1f}",
        f"{_step_over_floor(fits[KLEIN], fast):.1f}",
    )


def _step_over_floor(fitted: fc.Fit, shape: fc.Shape) -> float:
    """Return a later step over the least it could take at the datasheet's rates."""
    step = fitted.times.stage_seconds("later_step", shape.pixels, 1)
    return step / fitted.floor(shape, 1).denoise_step_s
