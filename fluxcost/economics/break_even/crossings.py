"""Every volume at which stepwise rent crosses the straight line of an API's bill, in closed form.

Rent is billed in steps of g seconds at p USD a second: one billing step of a session, or one more
instance for a month. With s seconds of overhead and t seconds an image, the k-th step ends after
(k g - s) / t images. An API at c USD an image is cheaper where a step begins iff
k < c (g + s) / (g (c - p t)), and more expensive where it ends iff k >= c s / (g (c - p t)),
so the steps on which it is overtaken are a range; between two of them the jump to the next step
puts the API ahead again. Where c <= p t, never.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fluxcost.economics.offers import SECONDS_PER_HOUR
from fluxcost.economics.rental import ROUNDING_SLACK
from fluxcost.estimate import Estimate, derive

Cheaper = Literal["rent", "api"]

MOST_CROSSINGS = 1001
"""Crossings looked for; beyond, both sides cost the same to within a fraction of a step."""

MOST_SAID = 3
"""Stretches named in the sentence; the rest are in `crossings`."""


@dataclass(frozen=True)
class Stairs:
    """A staircase against a line.

    Attributes:
        step_s: Seconds of a step, > 0.
        overhead_s: Seconds of each session in which no image is made.
        minimum_s: Shortest bill of a session.
        sessions: Sessions a month, each for an equal share of the images.
        usd_per_s: Rent of one second.
        image_s: Seconds of an image.
        usd_per_image: What the API charges.
    """

    step_s: float
    overhead_s: float
    minimum_s: float
    sessions: int
    usd_per_s: float
    image_s: float
    usd_per_image: float

    @property
    def overtaken(self) -> range:
        """The steps, beyond the minimum, on which renting overtakes the API."""
        margin = self.usd_per_image - self.usd_per_s * self.image_s
        if margin <= 0:
            return range(0)
        slack = 1 - ROUNDING_SLACK
        least = self.usd_per_image * self.overhead_s / (self.step_s * margin)
        bound = self.usd_per_image * (self.step_s + self.overhead_s) / (self.step_s * margin)
        first = max(self._first_step, math.ceil(least * slack))
        return range(first, math.ceil(bound * slack))

    @property
    def _first_step(self) -> int:
        started = math.ceil(self.overhead_s / self.step_s * (1 - ROUNDING_SLACK))
        return max(1, started, self._covered + 1)

    @property
    def _covered(self) -> int:
        """Whole steps that the minimum covers."""
        return math.floor(self.minimum_s / self.step_s * (1 + ROUNDING_SLACK))

    @property
    def minimum_overtaken(self) -> bool:
        """Whether renting overtakes the API on the flat top of the minimum."""
        images = (self._covered * self.step_s - self.overhead_s) / self.image_s
        return self.usd_per_image * images >= self.usd_per_s * self.minimum_s > 0

    def crossings(self) -> Iterator[tuple[Cheaper, float]]:
        """Yield who becomes cheaper and after which seconds of a session, volume rising.

        Where renting becomes cheaper these are billed seconds, whose rent is the API's bill; where
        the API does, they are seconds of work, the most that the step before could hold.
        """
        steps = self.overtaken
        if self.minimum_overtaken:
            yield "rent", self.minimum_s
            if steps and steps.start == self._covered + 1:
                yield "api", self._covered * self.step_s - self.overhead_s
        for k in steps:
            yield "rent", k * self.step_s
            if k + 1 in steps:
                yield "api", k * self.step_s - self.overhead_s


@dataclass(frozen=True, eq=False)
class Crossing:
    """A volume at which the cheaper side changes.

    Attributes:
        becomes: Which side is cheaper above it, rent or api.
        images_per_month: The volume.
    """

    becomes: Cheaper
    images_per_month: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the crossing as plain values."""
        return {"becomes": self.becomes, "images_per_month": self.images_per_month.to_dict()}


@dataclass(frozen=True, eq=False)
class CurvePoint:
    """Both bills of a month at one volume.

    Attributes:
        images: Images of the month.
        instances: Whole instances it takes.
        rent: USD of rent.
        api: USD at the API.
        probability: Share of the draws in which renting is cheaper.
    """

    images: int
    instances: Estimate
    rent: Estimate
    api: Estimate
    probability: float

    @property
    def cheaper(self) -> Cheaper:
        """Which side costs less at the point estimates; renting where they agree."""
        return "rent" if self.rent.value <= self.api.value else "api"

    @property
    def saved(self) -> Estimate:
        """USD of the month that the cheaper side saves; under 0 in draws where it costs more."""
        dear, cheap = (self.api, self.rent) if self.cheaper == "rent" else (self.rent, self.api)
        return derive(lambda more, less: more - less, dear, cheap, unit="USD/month")

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain values."""
        return {
            "images": self.images,
            "cheaper": self.cheaper,
            "saved": self.saved.to_dict(),
            "instances": self.instances.to_dict(),
            "rent": self.rent.to_dict(),
            "api": self.api.to_dict(),
            "probability": self.probability,
        }


def crossings_of(
    stairs: Stairs, rent: Estimate, api: Estimate, seconds: Estimate, most: float | None
) -> tuple[Crossing, ...]:
    """Return the crossings up to a volume, each with its interval.

    Which steps are crossed is settled at the point estimates; where the crossing lies on its step
    rests on the prices, and where a step ends on the timing.

    Args:
        stairs: The staircase and the line, at the point estimates.
        rent: USD per instance-hour.
        api: USD per image.
        seconds: Seconds an image takes an instance.
        most: Images a month beyond which nothing can be made; None where there is no such end.
    """
    kept: list[Crossing] = []
    last = math.inf if most is None else most
    for crossing in itertools.islice(_every(stairs, rent, api, seconds), MOST_CROSSINGS):
        volume = crossing.images_per_month.value
        # Where the API would be cheaper from the last image on, there is no further one.
        if volume > last or (crossing.becomes == "api" and volume >= last):
            break
        # Images come whole: a change that the next image of each session undoes is none.
        if kept and volume - kept[-1].images_per_month.value < stairs.sessions:
            kept.pop()
        else:
            kept.append(crossing)
    return tuple(kept)


def _every(stairs: Stairs, rent: Estimate, api: Estimate, seconds: Estimate) -> Iterator[Crossing]:
    for becomes, span_s in stairs.crossings():
        total_s = span_s * stairs.sessions
        if becomes == "rent":
            volume = derive(
                lambda usd, each, s=total_s: usd / SECONDS_PER_HOUR * s / each,
                rent,
                api,
                unit="images/month",
            )
        else:
            volume = derive(lambda each, s=total_s: s / each, seconds, unit="images/month")
        yield Crossing(becomes, volume)


def stretches(crossings: tuple[Crossing, ...], end: float | None = None) -> str:
    """Say at which volumes renting is cheaper: each stretch by name while they are few.

    Args:
        crossings: At least one, as `crossings_of` returns them.
        end: Most images a month that can be made, where renting is cheaper only in stretches.
    """
    volumes = [crossing.images_per_month.value for crossing in crossings]
    if len(volumes) == MOST_CROSSINGS:
        return (
            f"from {volumes[0]:,.0f} images a month on both cost the same to within one step of "
            "rent; which is cheaper changes with every step."
        )
    if len(volumes) == 1 and end is None:
        estimate = crossings[0].images_per_month
        return (
            f"renting is cheaper from {estimate.value:,.0f} images a month on "
            f"({estimate.low:,.0f} to {estimate.high:,.0f}), the API below."
        )
    if len(volumes) % 2 and end is not None:
        volumes.append(end)
    named = [
        f"{start:,.0f} to {stop:,.0f}"
        for start, stop in zip(volumes[::2], volumes[1::2], strict=False)
    ]
    shown = ", ".join(named[:MOST_SAID])
    left = len(named) - MOST_SAID
    more = f" and {left} further stretch{'es' if left > 1 else ''}" if left > 0 else ""
    if len(volumes) % 2 == 0:
        return f"renting is cheaper at {shown} images a month{more}; the API is at all others."
    return (
        f"renting is cheaper at {shown} images a month{more}, and from {volumes[-1]:,.0f} on; "
        "between, another step of rent has begun and the API is cheaper."
    )
