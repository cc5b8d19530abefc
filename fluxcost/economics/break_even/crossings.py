"""Every volume at which stepwise rent crosses an API's bill, found in closed form.

Rent is billed in steps of g seconds at p USD a second: one billing step of a session, or one more
instance for a month. With s seconds of overhead, t seconds an image and N sessions a month, the
k-th step costs N p k g and ends after N (k g - s) / t images. An API's bill never falls, so within
a step the side changes at most once, where the bill reaches the rent of the step.

The bill is the greater of two lines a + r n (a fee with included use, a free quota, or one line
twice). It is below the rent where a step begins iff for both lines
k g (r - p t) < r (g + s) - a t / N, and reaches it before the step ends iff for one of them
k g (r - p t) >= r s - a t / N. Only steps with both change sides, so they are few ranges; credit
packs, which lift a line by at most one pack, widen these ranges. Within them each step is looked at
by the bill itself, as every point of the curve is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fluxcost.economics.api_bill_curve import ApiBillCurve
from fluxcost.economics.offers import SECONDS_PER_HOUR
from fluxcost.economics.rental import ROUNDING_SLACK
from fluxcost.estimate import Estimate, derive

Cheaper = Literal["rent", "api"]

MOST_CROSSINGS = 1001
"""Crossings looked for; beyond, both sides cost the same to within a fraction of a step."""

MOST_SAID = 3
"""Stretches named in the sentence; the rest are in `crossings`."""

FIRST_LOOK, MOST_AT_ONCE = 64, 65_536
"""Steps looked at together, at first and at most."""

MOST_STEPS = 10_000_000
"""Steps looked at where credits come in packs; after so many a pack is less than a rounding."""

Line = tuple[float, float]
"""USD at no image, and USD of each."""


@dataclass(frozen=True)
class Stairs:
    """A staircase of rent against an API's bill, at the point estimates.

    Attributes:
        step_s: Seconds of a step, > 0.
        overhead_s: Seconds of each session in which no image is made.
        minimum_s: Shortest bill of a session.
        sessions: Sessions a month, each for an equal share of the images.
        usd_per_s: Rent of one second.
        image_s: Seconds of an image.
        api: The API's bill of a month.
    """

    step_s: float
    overhead_s: float
    minimum_s: float
    sessions: int
    usd_per_s: float
    image_s: float
    api: ApiBillCurve

    @property
    def first_side(self) -> Cheaper:
        """Which side is cheaper before the first crossing."""
        billed_s = self.minimum_s if self._minimum_work_s > 0 else self._first_step * self.step_s
        return "api" if self._paid_back(billed_s) > 0 else "rent"

    @property
    def _covered(self) -> int:
        """Whole steps that the minimum covers."""
        return math.floor(self.minimum_s / self.step_s * (1 + ROUNDING_SLACK))

    @property
    def _minimum_work_s(self) -> float:
        """Seconds of work that the minimum pays for."""
        return self._covered * self.step_s - self.overhead_s

    @property
    def _first_step(self) -> int:
        started = math.floor(self.overhead_s / self.step_s * (1 + ROUNDING_SLACK)) + 1
        return max(1, started, self._covered + 1)

    def crossings(self, most: float = math.inf) -> Iterator[tuple[Cheaper, float]]:
        """Yield who becomes cheaper and after which seconds of a session, volume rising.

        Where renting becomes cheaper these are billed seconds, whose rent is the API's bill; where
        the API does, they are seconds of work, the most that the step before could hold.

        Args:
            most: Images a month that end the search.
        """
        side = self.first_side
        if self._minimum_work_s > 0:
            at = self._paid_back(self.minimum_s)
            if 0 < at <= self._images(self._minimum_work_s):
                side = "rent"
                yield "rent", self.minimum_s
        for steps in self._looks(most):
            paid_back = self._paid_back(steps * self.step_s)
            begins_s = np.maximum((steps - 1) * self.step_s - self.overhead_s, 0.0)
            api_first = paid_back > self._images(begins_s)
            rent_last = paid_back <= self._images(steps * self.step_s - self.overhead_s)
            before = np.concatenate(([side == "rent"], rent_last[:-1]))
            for at in np.flatnonzero((api_first & rent_last) | (api_first == before)):
                if api_first[at] and side == "rent":
                    yield "api", float(begins_s[at])
                    side = "api"
                if rent_last[at] and side == "api":
                    yield "rent", float(steps[at] * self.step_s)
                    side = "rent"

    def _paid_back(self, billed_s: Any) -> Any:  # noqa: ANN401 - a float or an array
        """Return the images at which the API's bill reaches the rent of so many seconds."""
        rent_usd = self.sessions * self.usd_per_s * billed_s
        return self.api.images_at(rent_usd) * (1 - ROUNDING_SLACK)

    def _images(self, work_s: Any) -> Any:  # noqa: ANN401 - a float or an array
        return self.sessions * work_s / self.image_s

    def _looks(self, most: float) -> Iterator[npt.NDArray[np.float64]]:
        """Yield the steps at which sides may change, rising, some at a time."""
        done: float = self._first_step - 1
        last = math.inf if self.api.packs is None else done + MOST_STEPS
        if math.isfinite(most):
            ends_s = most / self.sessions * self.image_s + self.overhead_s
            last = min(last, math.ceil(ends_s / self.step_s))
        for first, until_step in sorted(self._ranges()):
            at, end, count = max(first, done + 1), min(until_step, last), FIRST_LOOK
            while at <= end:
                until = min(at + count - 1, end)
                yield np.arange(at, until + 1, dtype=np.float64)
                at, count = until + 1, min(2 * count, MOST_AT_ONCE)
            done = max(done, at - 1)

    def _ranges(self) -> Iterator[tuple[float, float]]:
        """Yield ranges of steps outside which one side is cheaper from start to end of each."""
        below, above = bounds(self.api)
        yield self._first_step, self._first_step
        least, most = -math.inf, math.inf
        for line in below:
            margin, bound = self._bound(line, self.step_s + self.overhead_s)
            if margin > 0:
                most = min(most, bound)
            else:
                least = max(least, bound)
            yield from _around(bound)
        for line in above:
            margin, bound = self._bound(line, self.overhead_s)
            yield from _around(bound)
            low, high = (bound, most) if margin > 0 else (least, min(bound, most))
            low = max(low, least, 0.0)
            if low <= high:
                yield math.floor(low), high if math.isinf(high) else math.ceil(high)

    def _bound(self, line: Line, seconds: float) -> tuple[float, float]:
        """Return the margin of a line over GPU time, and the step up to or from which it counts."""
        base, each = line
        margin = each - self.usd_per_s * self.image_s
        value = each * seconds - base * self.image_s / self.sessions
        return margin, value / (self.step_s * margin) if margin else -math.inf


def bounds(api: ApiBillCurve) -> tuple[tuple[Line, Line], tuple[Line, Line]]:
    """Return lines that an API's bill never falls below, and lines that it never exceeds."""
    if api.packs is None:
        return api.lines, api.lines
    base, each = api.lines[0]
    per_image = api.packs.usd / api.packs.images
    free = -per_image * api.packs.free_images
    below = ((base, each), (base + free, each + per_image))
    return below, ((base + api.packs.usd, each), (base + free + api.packs.usd, each + per_image))


def _around(bound: float) -> Iterator[tuple[float, float]]:
    if math.isfinite(bound) and bound > -2:
        yield math.floor(bound) - 1, math.floor(bound) + 2


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
    stairs: Stairs, rent: Estimate, seconds: Estimate, most: float | None
) -> tuple[Crossing, ...]:
    """Return the crossings up to a volume, each with its interval.

    Which steps are crossed is settled at the point estimates; where the crossing lies on its step
    rests on the prices, and where a step ends on the timing.

    Args:
        stairs: The staircase and the API's bill, at the point estimates.
        rent: USD per instance-hour.
        seconds: Seconds an image takes an instance.
        most: Images a month beyond which nothing can be made; None where there is no such end.
    """
    kept: list[Crossing] = []
    last = math.inf if most is None else most
    for crossing in itertools.islice(_every(stairs, rent, seconds, last), MOST_CROSSINGS):
        volume = crossing.images_per_month.value
        # Where the API would be cheaper from the last image on, there is no further one.
        if volume > last or (crossing.becomes == "api" and volume >= last):
            break
        # Images come whole: a change that the next image of each session undoes is none.
        before = kept[-1].images_per_month.value if kept else 0.0
        undoes = bool(kept) or crossing.becomes == "api"
        if undoes and volume - before < stairs.sessions:
            del kept[-1:]
        else:
            kept.append(crossing)
    return tuple(kept)


def _every(stairs: Stairs, rent: Estimate, seconds: Estimate, most: float) -> Iterator[Crossing]:
    for becomes, span_s in stairs.crossings(most):
        if becomes == "rent":
            volume = met(stairs, span_s, rent)
        else:
            total_s = span_s * stairs.sessions
            volume = derive(lambda each, s=total_s: s / each, seconds, unit="images/month")
        yield Crossing(becomes, volume)


def met(stairs: Stairs, billed_s: float, rent: Estimate) -> Estimate:
    """Return the images at which the API's bill reaches the rent of so many seconds a session."""
    hours = billed_s * stairs.sessions / SECONDS_PER_HOUR
    return derive(
        lambda usd, price: stairs.api.images_at(usd * hours / price),
        rent,
        stairs.api.price,
        unit="images/month",
    )


def stretches(crossings: tuple[Crossing, ...], end: float | None = None) -> str:
    """Say at which volumes renting is cheaper: each stretch by name while they are few.

    Args:
        crossings: At least one, as `crossings_of` returns them.
        end: Most images a month that can be made, where renting is cheaper only in stretches.
    """
    volumes = [crossing.images_per_month.value for crossing in crossings]
    if crossings[0].becomes == "api":
        volumes.insert(0, 1.0)
    if len(crossings) == MOST_CROSSINGS:
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
