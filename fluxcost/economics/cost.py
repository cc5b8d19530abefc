"""What an image costs on rented or owned GPUs: of a shape, of a mix, or per accepted image."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fluxcost.checks import refuse_bad_batch
from fluxcost.economics.extras import NO_EXTRAS, CostLine, Extras, Interruptions, total_of
from fluxcost.economics.offers import SECONDS_PER_HOUR, Offer
from fluxcost.economics.owned import HourlyRate, OwnedMachine
from fluxcost.economics.usage.spot import lost_per_second
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import LEAST_UTILIZATION


class Timed(Protocol):
    """Anything that knows how long images take; a fit does."""

    def occupancy(self, shape: Shape, *, batch: int = 1) -> Estimate:
        """Return the mean GPU seconds of one call that makes `batch` images."""

    def throughput(self, shape: Shape, *, batch: int = 1) -> Estimate:
        """Return images per second of one GPU with work always at hand."""


@dataclass(frozen=True, eq=False)
class CostPerImage:
    """What one image costs on an offer.

    Attributes:
        offer: Id of the offer or machine.
        shape: What is asked of the model.
        batch: Images per call.
        utilization: Share of GPU time paid for that makes images.
        lines: What the total is made of: GPU time at work and idle, then what is beside it.
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
    offer: Offer | OwnedMachine,
    shape: Shape,
    *,
    batch: int = 1,
    utilization: float | Estimate,
    extras: Extras = NO_EXTRAS,
    today: dt.date | None = None,
) -> CostPerImage:
    """Return what one image costs: GPU price x GPU seconds / utilization, and what is beside it.

    Args:
        fit: Timings on the offer's GPU.
        offer: What is rented, or the machine that was bought.
        shape: What is asked of the model.
        batch: Images per call.
        utilization: Share of GPU time paid for that makes images, over 0 to 1. It has no default:
            a GPU that is busy all day is a claim the caller must make.
        extras: Failures, stages after the model, storage, people; the cost is then that of an
            accepted image.
        today: Day the price is judged on; UTC today unless given.

    Raises:
        InputError: utilization or batch is out of range, the fit is of another GPU, or
            interruptions are missing on a spot offer or given on another.
        InfeasibleError: Interruptions leave hardly any call done.
        MissingDataError: The offer has no published price.
    """
    refuse_other_gpu(fit, offer)
    refuse_bad_batch(batch)
    share = as_utilization(utilization)
    rates = _rates(offer, today)
    seconds = fit.occupancy(shape, batch=batch).scaled(1 / batch, "s/image")
    model = tuple(line for rate in rates for line in _gpu_lines(rate, seconds, share))
    if interruptions := _interruptions_of(offer, extras):
        calls = derive(lambda s, used: batch * s / used, seconds, share, unit="s")
        model = (*model, _lost(total_of(model), calls, interruptions))
    beside = extras.lines(total_of(model), _usd_per_gpu_s(rates, share))
    lines = (*model, *beside)
    total = total_of(lines)
    return CostPerImage(
        offer=offer.id,
        shape=shape,
        batch=batch,
        utilization=share,
        lines=lines,
        total=total,
        images_per_usd=derive(lambda usd: 1 / usd, total, unit="images/USD"),
        caveats=() if isinstance(offer, OwnedMachine) else offer.caveats(today),
    )


def _interruptions_of(offer: Offer | OwnedMachine, extras: Extras) -> Interruptions | None:
    may_be = not isinstance(offer, OwnedMachine) and offer.is_interruptible
    if may_be and extras.interruptions is None:
        raise InputError(
            f"offer {offer.id} may be interrupted and extras hold no interruptions; state how many "
            "you see an hour and the seconds until work goes on."
        )
    if extras.interruptions is not None and not may_be:
        raise InputError(
            f"extras hold interruptions and {offer.id} is not interrupted; leave them out."
        )
    return extras.interruptions


def _lost(model: Estimate, calls_s: Estimate, seen: Interruptions) -> CostLine:
    """Return what lost calls and new starts add to the GPU time of an image, as a mean."""
    evidence = f"{seen.per_hour:g} interruptions an hour, stated by the caller"
    stated = Estimate.exact(seen.restart_s, "s", Source.ASSUMED, evidence)
    usd = derive(
        lambda usd, call, restart: usd * lost_per_second(call, restart, seen.per_hour),
        model,
        calls_s,
        stated,
        unit="USD/image",
    )
    return CostLine("interruptions", usd)


def _rates(offer: Offer | OwnedMachine, today: dt.date | None) -> tuple[HourlyRate, ...]:
    if isinstance(offer, OwnedMachine):
        return offer.hourly()
    price = offer.price_estimate(today)
    return (HourlyRate("GPU time", price, price),)


def _gpu_lines(rate: HourlyRate, seconds: Estimate, share: Estimate) -> tuple[CostLine, CostLine]:
    at_work = derive(
        lambda usd, s: usd / SECONDS_PER_HOUR * s, rate.at_work, seconds, unit="USD/image"
    )
    idle = derive(
        lambda usd, s, used: usd / SECONDS_PER_HOUR * s * (1 - used) / used,
        rate.idle,
        seconds,
        share,
        unit="USD/image",
    )
    return CostLine(f"{rate.name} at work", at_work), CostLine(f"{rate.name} idle", idle)


def _usd_per_gpu_s(rates: Sequence[HourlyRate], share: Estimate) -> Estimate:
    """Return the price of a GPU second at work together with the idle time it brings."""
    at_work = derive(lambda *usd: sum(usd), *(rate.at_work for rate in rates), unit="USD/GPU-h")
    idle = derive(lambda *usd: sum(usd), *(rate.idle for rate in rates), unit="USD/GPU-h")
    return derive(
        lambda busy, waiting, used: (busy + waiting * (1 - used) / used) / SECONDS_PER_HOUR,
        at_work,
        idle,
        share,
        unit="USD/GPU-s",
    )


def as_utilization(utilization: float | Estimate) -> Estimate:
    """Return a utilization as an estimate; a number typed in is an assumption.

    Raises:
        InputError: It is not `LEAST_UTILIZATION` to 1.
    """
    if isinstance(utilization, Estimate):
        values = np.append(utilization.draws, utilization.value)
        if not (values.min() >= LEAST_UTILIZATION and values.max() <= 1):
            raise InputError(
                f"utilization runs from {values.min():g} to {values.max():g}; expected "
                f"{LEAST_UTILIZATION:g} to 1."
            )
        return utilization
    if isinstance(utilization, bool) or not LEAST_UTILIZATION <= utilization <= 1:
        raise InputError(
            f"utilization is {utilization!r}; expected a share of {LEAST_UTILIZATION:g} to 1, "
            "such as 0.6."
        )
    evidence = f"utilization {utilization:g}, stated by the caller"
    return Estimate.exact(utilization, "1", Source.ASSUMED, evidence)


def refuse_spot(offer: Offer) -> None:
    """Raise where an offer may be interrupted and nothing is known of how often.

    Raises:
        InputError: It may be.
    """
    if offer.is_interruptible:
        raise InputError(
            f"offer {offer.id} may be interrupted, which this comparison does not count; use "
            "fluxcost.bill with Spot and the interruptions per hour that you see."
        )


def refuse_other_gpu(fit: Timed, offer: Offer | OwnedMachine) -> None:
    """Raise when the timings are known to be of one GPU and the offer rents another.

    Raises:
        InputError: The GPUs differ.
    """
    calibration = calibration_of(fit)
    if calibration is not None and calibration.gpu.key != offer.gpu:
        gpu = calibration.gpu.key
        what = "machine" if isinstance(offer, OwnedMachine) else "offer"
        raise InputError(
            f"{what} {offer.id} has {offer.gpu} and the timings are of {gpu}; choose one of {gpu} "
            f"or a calibration of {offer.gpu}."
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


@dataclass(frozen=True, eq=False)
class CostOfMix:
    """What the mean image of a mix costs.

    Attributes:
        shapes: The cost of an image of each shape.
        shares: Share of the images that each shape has; they sum to 1.
        lines: What the total is made of, averaged over the mix.
        total: USD of the mean image.
        images_per_usd: Images of the mix that one dollar buys.
    """

    shapes: tuple[CostPerImage, ...]
    shares: tuple[float, ...]
    lines: tuple[CostLine, ...]
    total: Estimate
    images_per_usd: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the cost as plain values."""
        return {
            "shapes": [
                {"share": share} | cost.to_dict()
                for share, cost in zip(self.shares, self.shapes, strict=True)
            ],
            "lines": [line.to_dict() for line in self.lines],
            "total": self.total.to_dict(),
            "images_per_usd": self.images_per_usd.to_dict(),
        }


def cost_of_mix(
    fit: Timed,
    offer: Offer | OwnedMachine,
    mix: Sequence[tuple[Shape, float]],
    *,
    batch: int = 1,
    utilization: float | Estimate,
    extras: Extras = NO_EXTRAS,
    today: dt.date | None = None,
) -> CostOfMix:
    """Return what the mean image of a mix costs; a call makes images of one shape.

    Args:
        fit: Timings on the offer's GPU.
        offer: What is rented, or the machine that was bought.
        mix: Shapes and their weights, such as `workload.mix`; weights need not sum to 1.
        batch: Images per call.
        utilization: Share of GPU time paid for that makes images, over 0 to 1.
        extras: Failures, stages after the model, storage, people.
        today: Day the price is judged on; UTC today unless given.

    Raises:
        InputError: The mix is empty, a weight is not over 0, utilization or batch is out of range,
            or the fit is of another GPU.
        MissingDataError: The offer has no published price.
    """
    weights = [weight for _, weight in mix]
    whole = sum(weights)
    if not weights or min(weights) <= 0 or not math.isfinite(whole):
        raise InputError(f"mix has weights {weights}; expected at least one shape, each over 0.")
    shares = tuple(weight / whole for weight in weights)
    shapes = tuple(
        cost_per_image(
            fit, offer, shape, batch=batch, utilization=utilization, extras=extras, today=today
        )
        for shape, _ in mix
    )
    # The same parts make up every shape's cost, in the same order.
    lines = tuple(
        CostLine(parts[0].name, _mean([part.usd_per_image for part in parts], shares))
        for parts in zip(*(cost.lines for cost in shapes), strict=True)
    )
    total = total_of(lines)
    return CostOfMix(
        shapes=shapes,
        shares=shares,
        lines=lines,
        total=total,
        images_per_usd=derive(lambda usd: 1 / usd, total, unit="images/USD"),
    )


def _mean(amounts: list[Estimate], shares: Sequence[float]) -> Estimate:
    return derive(
        lambda *usd: sum(share * each for share, each in zip(shares, usd, strict=True)),
        *amounts,
        unit="USD/image",
    )


SHARE = "share"


def quality_adjusted_cost(usd_per_image: Estimate, quality: Estimate) -> Estimate:
    """Return the price of an image divided by a score of it.

    Over a share of pictures that pass, it is the price of one that does: pictures are made until
    one passes, each with the same chance, so an accepted one takes 1 over the share tries. Over a
    CLIP cosine or a distance it only ranks models by price and score at once, on records of one
    judge; half the cosine is not half the use.

    Args:
        usd_per_image: Such as `cost_per_image(...).total` or a plan's `usd_per_image`.
        quality: Such as `quality("flux2-klein-4b", "accepted", 4)`.

    Raises:
        InputError: The cost is not in USD an image, or the score may be 0 or less, or a share
            over 1.
    """
    if usd_per_image.unit != "USD/image":
        raise InputError(f"the cost is in {usd_per_image.unit}; expected USD/image.")
    lowest, highest = (float(each(quality.draws)) for each in (np.min, np.max))
    is_share = quality.unit == SHARE
    if lowest <= 0 or (is_share and highest > 1):
        raise InputError(
            f"the quality is {lowest:.3g} to {highest:.3g}; expected above 0"
            f"{' and at most 1' if is_share else ''}: score more pictures."
        )
    unit = "USD/accepted image" if is_share else f"USD/image per {quality.unit}"
    return derive(lambda usd, score: usd / score, usd_per_image, quality, unit=unit)
