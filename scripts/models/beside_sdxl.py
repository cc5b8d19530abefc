"""FLUX.2 [klein] beside SDXL, both with the same stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import fluxcost as fc
from fluxcost.estimate import derive
from scripts.models.compared import COMPILED, EAGER, KLEIN, MODELS, SDXL, Fits
from scripts.models.figures import latency_of, range_text, ratio_text, seconds_text
from scripts.tables import table

SIDES = (512, 1024)
CLAIMED = (5, 10)
"""Times as fast as SDXL, by the article."""


@dataclass(frozen=True)
class Race:
    """One image of SDXL and one of klein, of one size and with one stack.

    Attributes:
        stack: Of both.
        slow: SDXL's shape.
        fast: klein's.
        theirs: SDXL's seconds.
        ours: klein's.
    """

    stack: str
    slow: fc.Shape
    fast: fc.Shape
    theirs: fc.Estimate
    ours: fc.Estimate

    @property
    def times(self) -> fc.Estimate:
        """How many times as fast klein is."""
        return derive(lambda one, other: one / other, self.theirs, self.ours, unit="1")


def times_faster(fits: Fits) -> Iterable[str]:
    """Return the section on klein beside SDXL, both with the same stack."""
    races = _races(fits)
    yield from (
        '## "5 to 10 times as fast as SDXL"',
        "",
        f"{KLEIN} in 4 steps compared with SDXL, both with the same stack, one image a call.",
        "SDXL's UNet has many small kernels. Without compilation the GPU waits for the CPU to",
        "launch each of them. The column step / floor shows how much of a step is not the model's",
        "arithmetic.",
        "",
        *table(
            (
                *("size", "SDXL's steps", "stack", "SDXL, s", "klein, s", "speedup"),
                *("step / floor, SDXL", "step / floor, klein"),
            ),
            (_ratio_row(fits[race.stack], race) for race in races),
        ),
        "",
        *(_held(stack, races) for stack in dict.fromkeys(race.stack for race in races)),
        *_gained(races),
        *_paced(races),
        "",
    )


def _races(fits: Fits) -> list[Race]:
    return [
        _race(stack, fits[stack], side, steps)
        for side in SIDES
        for model in MODELS
        if model.name == SDXL
        for steps in model.steps
        for stack in fits
        if {KLEIN, SDXL} <= set(fits[stack])
    ]


def _race(stack: str, fits: Mapping[str, fc.Fit], side: int, steps: int) -> Race:
    slow, fast = fc.Shape(side, side, steps), fc.Shape(side, side, 4)
    return Race(stack, slow, fast, latency_of(fits[SDXL], slow), latency_of(fits[KLEIN], fast))


def _ratio_row(fits: Mapping[str, fc.Fit], race: Race) -> tuple[str, ...]:
    return (
        f"{race.slow.width}x{race.slow.height}",
        str(race.slow.steps),
        race.stack,
        seconds_text(race.theirs),
        seconds_text(race.ours),
        ratio_text(race.times),
        f"{_step_over_floor(fits[SDXL], race.slow):.1f}",
        f"{_step_over_floor(fits[KLEIN], race.fast):.1f}",
    )


def _held(stack: str, races: Sequence[Race]) -> str:
    """Return how often the article's claim holds with one stack."""
    times = [race.times.value for race in races if race.stack == stack]
    least, most = CLAIMED
    inside = sum(least <= each <= most for each in times)
    return (
        f"- With `{stack}` klein is {range_text(times)} times as fast: {least} to {most} in "
        f"{inside} of {len(times)} comparisons."
    )


def _gained(races: Sequence[Race]) -> Iterable[str]:
    """Return what compiling gains of either model, where both stacks were timed."""
    pairs = [
        (eager, compiled)
        for eager in races
        for compiled in races
        if (eager.stack, compiled.stack, eager.slow) == (EAGER, COMPILED, compiled.slow)
    ]
    if not pairs:
        return
    theirs = [eager.theirs.value / compiled.theirs.value for eager, compiled in pairs]
    ours = [eager.ours.value / compiled.ours.value for eager, compiled in pairs]
    yield (
        f"- `{COMPILED}` makes SDXL {range_text(theirs)} times as fast as `{EAGER}`, and klein "
        f"{range_text(ours)} times. It fuses small kernels and launches them without the CPU, so "
        "part of the eager difference is due to the stack, not to the models."
    )


def _paced(races: Sequence[Race]) -> Iterable[str]:
    """Return how SDXL's eager times grow with its steps, which were timed on two hosts."""
    eager = [race for race in races if race.stack == EAGER]
    grown = [
        (more.theirs.value / fewer.theirs.value, more.slow.steps, fewer.slow.steps)
        for fewer in eager
        for more in eager
        if more.slow.width == fewer.slow.width and more.slow.steps > fewer.slow.steps
    ]
    if grown:
        times, (_, more_steps, fewer_steps) = [each for each, *_ in grown], grown[0]
        yield (
            f"- With `{EAGER}`, SDXL's {more_steps} steps took {range_text(times)} times as long "
            f"as its {fewer_steps}, although they are {more_steps / fewer_steps:.2f} times as "
            "many. They were timed on another host, and the launch rate of the CPU differs by host."
        )


def _step_over_floor(fitted: fc.Fit, shape: fc.Shape) -> float:
    """Return a later step over the least it could take at the datasheet's rates."""
    step = fitted.times.stage_seconds("later_step", shape.pixels, 1)
    return step / fitted.floor(shape, 1).denoise_step_s
