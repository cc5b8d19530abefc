"""What an image costs on rented GPUs, line by line."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.performance.calibration import Calibration
from fluxcost.workload import Shape


class Timed(Protocol):
    """Anything that knows how long images take; a fit does."""

    def occupancy(self, shape: Shape, *, batch: int = 1) -> Estimate:
        """Return the mean GPU seconds of one call that makes `batch` images."""

    def throughput(self, shape: Shape, *, batch: int = 1) -> Estimate:
        """Return images per second of one GPU with work always at hand."""


@dataclass(frozen=True, eq=False)
class CostLine:
    """One part of a cost.

    Attributes:
        name: What is paid for.
        usd_per_image: USD per image.
    """

    name: str
    usd_per_image: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the line as plain values."""
        return {"name": self.name, "usd_per_image": self.usd_per_image.to_dict()}


@dataclass(frozen=True, eq=False)
class CostPerImage:
    """What one image costs on an offer.

    Attributes:
        offer: Id of the offer.
        shape: What is asked of the model.
        batch: Images per call.
        utilization: Share of billed GPU time that makes images.
        lines: What the total is made of: GPU time at work, GPU time idle.
        total: USD per image.
        images_per_usd: Images one dollar buys.
        caveats: What a reader must know about the price.
    """

    offer: str
    shape: Shape
    batch: int
    utilization: Estimate
    lines: tuple[CostLine, ...]
    total: Estimate
    images_per_usd: Estimate
    caveats: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the cost as plain values."""
        return {
            "offer": self.offer,
            "shape": shape_dict(self.shape),
            "batch": self.batch,
            "utilization": self.utilization.to_dict(),
            "lines": [line.to_dict() for line in self.lines],
            "total": self.total.to_dict(),
            "images_per_usd": self.images_per_usd.to_dict(),
            "caveats": list(self.caveats),
        }


def cost_per_image(
    fit: Timed,
    offer: Offer,
    shape: Shape,
    *,
    batch: int = 1,
    utilization: float | Estimate,
    today: dt.date | None = None,
) -> CostPerImage:
    """Return what one image costs: GPU price x GPU seconds / utilization.

    Args:
        fit: Timings on the offer's GPU.
        offer: What is rented.
        shape: What is asked of the model.
        batch: Images per call.
        utilization: Share of billed GPU time that makes images, over 0 to 1. It has no default:
            a GPU that is busy all day is a claim the caller must make.
        today: Day the price is judged on; UTC today unless given.

    Raises:
        InputError: utilization or batch is out of range, or the fit is of another GPU.
        MissingDataError: The offer has no published price.
    """
    refuse_other_gpu(fit, offer)
    refuse_bad_batch(batch)
    share = as_utilization(utilization)
    busy = derive(
        lambda usd_per_hour, seconds: usd_per_hour / SECONDS_PER_HOUR * seconds / batch,
        offer.price_estimate(today),
        fit.occupancy(shape, batch=batch),
        unit="USD/image",
    )
    idle = derive(lambda usd, used: usd * (1 - used) / used, busy, share, unit="USD/image")
    total = derive(lambda usd, used: usd / used, busy, share, unit="USD/image")
    return CostPerImage(
        offer=offer.id,
        shape=shape,
        batch=batch,
        utilization=share,
        lines=(CostLine("GPU time at work", busy), CostLine("GPU time idle", idle)),
        total=total,
        images_per_usd=derive(lambda usd: 1 / usd, total, unit="images/USD"),
        caveats=offer.caveats(today),
    )


def as_utilization(utilization: float | Estimate) -> Estimate:
    """Return a utilization as an estimate; a number typed in is an assumption.

    Raises:
        InputError: It is not over 0 and at most 1.
    """
    if isinstance(utilization, Estimate):
        values = np.append(utilization.draws, utilization.value)
        if values.min() <= 0 or values.max() > 1:
            raise InputError(
                f"utilization runs from {values.min():g} to {values.max():g}; expected over 0 "
                "and at most 1."
            )
        return utilization
    if isinstance(utilization, bool) or not 0 < utilization <= 1:
        raise InputError(
            f"utilization is {utilization!r}; expected a share over 0 and at most 1, such as 0.6."
        )
    evidence = f"utilization {utilization:g}, stated by the caller"
    return Estimate.exact(utilization, "1", Source.ASSUMED, evidence)


def refuse_bad_batch(batch: int) -> None:
    """Raise unless batch is a whole number of at least 1.

    Raises:
        InputError: It is not.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise InputError(f"batch is {batch!r}; expected a whole number of at least 1.")


def refuse_other_gpu(fit: Timed, offer: Offer) -> None:
    """Raise when the timings are known to be of one GPU and the offer rents another.

    Raises:
        InputError: The GPUs differ.
    """
    calibration = calibration_of(fit)
    if calibration is not None and calibration.gpu.key != offer.gpu:
        gpu = calibration.gpu.key
        raise InputError(
            f"offer {offer.id} rents {offer.gpu} and the timings are of {gpu}; choose an offer "
            f"of {gpu} or a calibration of {offer.gpu}."
        )


def calibration_of(fit: Timed) -> Calibration | None:
    """Return what a fit rests on; None for other timings, which are taken at their word."""
    return getattr(fit, "calibration", None)


def shape_dict(shape: Shape) -> dict[str, int]:
    """Return a shape as plain values."""
    return {
        "width": shape.width,
        "height": shape.height,
        "steps": shape.steps,
        "reference_images": shape.reference_images,
    }
