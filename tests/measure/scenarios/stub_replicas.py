"""Makers without a model: one on a clock of its own, one that sleeps."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fluxcost.validation.scenarios.scenario_record import WarmCalls
from fluxcost.workload.shape import Shape

SHAPE = Shape(64, 64, 1)


@dataclass
class Imagined:
    """Calls that take exactly what is stated, on a clock that only they and waiting move."""

    call_s: dict[int, float]
    shape: Shape = SHAPE
    at_s: float = 0.0

    def make(self, images: int) -> int:
        size = next(size for size in sorted(self.call_s) if size >= images)
        self.at_s += self.call_s[size]
        return size

    def now_s(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.at_s += seconds


@dataclass
class Sleeper:
    """Calls that take a few milliseconds of real time."""

    image_s: float = 0.002
    shape: Shape = SHAPE

    def make(self, images: int) -> int:
        time.sleep(self.image_s * images)
        return images

    def now_s(self) -> float:
        return time.perf_counter()


def warm(image_s: float = 0.002, most: int = 4) -> tuple[WarmCalls, ...]:
    return tuple(
        WarmCalls(width=64, height=64, steps=1, size=size, wall_s=(image_s * size,) * 3)
        for size in range(1, most + 1)
    )
