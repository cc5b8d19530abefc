"""Prices that follow the denoising steps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fluxcost.economics.prices.request import PLAIN, Request
from fluxcost.economics.terms import Usd
from fluxcost.errors import InputError
from fluxcost.records import Count, Record
from fluxcost.workload import Shape


class PerStep(Record):
    """A price per step."""

    shape: Literal["per-step"]
    usd_per_step: Usd = Field(description="USD for each step of one image.")

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Return USD for one image."""
        return self.usd_per_step * shape.steps


class AreaTimesSteps(Record):
    """A price in proportion to area and to steps."""

    shape: Literal["area-times-steps"]
    usd: Usd = Field(
        description="USD for an image `reference_side_px` square made in `reference_steps` steps."
    )
    reference_side_px: Count = Field(description="Side of the reference image in pixels.")
    reference_steps: Count = Field(description="Steps of the reference image.")

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Return USD for one image."""
        area = shape.pixels / self.reference_side_px**2
        return self.usd * area * shape.steps / self.reference_steps


class StepTable(Record):
    """A price list by steps, linear between its entries."""

    shape: Literal["step-table"]
    usd_by_steps: Annotated[dict[Count, Usd], Field(min_length=2)] = Field(
        description="USD per image, by steps."
    )
    max_px: Count = Field(description="Largest image sold, in pixels.")

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Return USD for one image.

        Raises:
            InputError: The steps are outside the list or the image is larger than sold.
        """
        steps = sorted(self.usd_by_steps)
        if not steps[0] <= shape.steps <= steps[-1]:
            raise InputError(f"steps is {shape.steps}; expected {steps[0]} to {steps[-1]}.")
        _refuse_larger(shape, self.max_px)
        above = next(step for step in steps if step >= shape.steps)
        below = max(step for step in steps if step <= shape.steps)
        if above == below:
            return self.usd_by_steps[above]
        share = (shape.steps - below) / (above - below)
        return self.usd_by_steps[below] * (1 - share) + self.usd_by_steps[above] * share


class StepBucket(Record):
    """One price for all steps up to a number, another up to the next."""

    shape: Literal["step-bucket"]
    usd_by_max_steps: Annotated[dict[Count, Usd], Field(min_length=1)] = Field(
        description="USD per image, by the most steps it buys."
    )
    max_px: Count = Field(description="Largest image sold, in pixels.")

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Return USD for one image.

        Raises:
            InputError: The steps are more than sold or the image is larger than sold.
        """
        _refuse_larger(shape, self.max_px)
        buckets = [steps for steps in sorted(self.usd_by_max_steps) if steps >= shape.steps]
        if not buckets:
            most = max(self.usd_by_max_steps)
            raise InputError(f"steps is {shape.steps}; expected at most {most}.")
        return self.usd_by_max_steps[buckets[0]]


def _refuse_larger(shape: Shape, max_px: int) -> None:
    if shape.pixels > max_px:
        raise InputError(f"image has {shape.pixels} pixels; expected at most {max_px}.")
