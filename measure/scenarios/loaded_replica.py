"""The replica under load: one pipeline at one shape, in calls of a few sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fluxcost.capacity.fleet import Batching
from fluxcost.validation.scenarios.scenario_record import WarmCalls
from fluxcost.workload.shape import Shape
from measure.batcher import padded_batch
from measure.bench import Bench
from measure.protocol import is_stable
from measure.suites import Point
from measure.suites import Protocol as WarmRule


class LoadedReplica(Protocol):
    """Makes images of one shape, a call at a time."""

    @property
    def shape(self) -> Shape:
        """The shape of every image."""
        ...

    def make(self, images: int) -> int:
        """Make so many images and return how many the call made; they are on the host then."""
        ...

    def now_s(self) -> float:
        """Return the time on a clock that never runs backwards, once the device is idle."""
        ...


@dataclass(frozen=True)
class BenchReplica:
    """A bench at one shape.

    A stack that compiles for each size is spared some by making a few sizes only: a call is then
    filled up to the next size, and the pictures nobody asked for are thrown away.

    Attributes:
        bench: The pipeline.
        shape: Of every image.
        sizes: Images a call may make, rising.
    """

    bench: Bench
    shape: Shape
    sizes: tuple[int, ...]

    def make(self, images: int) -> int:
        """Make so many images in a call of the next size."""
        size = padded_batch(images, self.sizes)
        self.bench.generate(Point(self.shape, size), output_type="pil")
        return size

    def now_s(self) -> float:
        """Return the monotonic clock once the device is idle."""
        return self.bench.clock.now_s()

    def warm_up(self, rule: WarmRule, tell: Callable[[str], None]) -> None:
        """Call every size until it is stable, so that nothing compiles under load.

        Args:
            rule: When a size is warm.
            tell: Takes a line on each size.
        """
        for size in self.sizes:
            spent_s = [self._timed(size)]
            while not is_stable(spent_s, rule.window, rule.tolerance):
                if len(spent_s) >= rule.max_warmup_calls:
                    break
                spent_s.append(self._timed(size))
            tell(
                f"{self.shape}, calls of {size}: {spent_s[-1]:.4f} s, the first {spent_s[0]:.1f} s"
            )

    def warm_calls(self, calls: int) -> tuple[WarmCalls, ...]:
        """Time so many calls of every size, back to back."""
        shape = self.shape
        return tuple(
            WarmCalls(
                width=shape.width,
                height=shape.height,
                steps=shape.steps,
                size=size,
                wall_s=tuple(round(self._timed(size), 6) for _ in range(calls)),
            )
            for size in self.sizes
        )

    def _timed(self, size: int) -> float:
        start_s = self.now_s()
        self.make(size)
        return self.now_s() - start_s


def capacity_per_s(warm: tuple[WarmCalls, ...], batching: Batching) -> float:
    """Return the most images a second that calls within a batching rule can make."""
    mean_s = {each.size: float(np.mean(each.wall_s)) for each in warm}
    sizes = tuple(sorted(mean_s))
    asked = range(1, batching.max_batch + 1)
    return max(images / mean_s[padded_batch(images, sizes)] for images in asked)
