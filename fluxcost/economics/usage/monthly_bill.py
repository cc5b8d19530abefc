"""The bill of a month: GPU time for the images, in one purchase mode."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

from fluxcost.checks import MOST_IMAGES, refuse_bad_batch, refuse_outside
from fluxcost.economics.cost import Timed, refuse_other_gpu
from fluxcost.economics.ledger import (
    Amount,
    Bill,
    Invoice,
    Line,
    close_invoice,
    estimated,
    gpu_lines,
    part_lines,
)
from fluxcost.economics.offers import BillingKind, Offer
from fluxcost.economics.rental import Use
from fluxcost.economics.terms import NO_ACCOUNT_TERMS, AccountTerms
from fluxcost.economics.usage.instances import Overflow, Reserved
from fluxcost.economics.usage.spot import Spot
from fluxcost.errors import InputError
from fluxcost.estimate import derive
from fluxcost.workload.shape import Shape


def bill(
    fit: Timed,
    offer: Offer,
    shape: Shape,
    use: Use,
    *,
    images: int,
    batch: int = 1,
    terms: AccountTerms = NO_ACCOUNT_TERMS,
    today: dt.date | None = None,
) -> Bill:
    """Return the bill for a month's images.

    Args:
        fit: Timings on the offer's GPU.
        offer: What is rented.
        shape: What is asked of the model.
        use: How it is used: AlwaysOn, Scheduled, BatchJobs, Autoscaled, Serverless, Spot, Reserved.
        images: Images in the month.
        batch: Images per call.
        terms: Resources beside the GPUs, account plan and tax.
        today: Day the prices are judged on; UTC today unless given.

    Raises:
        InputError: images or batch is out of range, the fit is of another GPU, or the use does not
            suit the offer.
        InfeasibleError: The instances cannot do the work.
        MissingDataError: A price is not published.
    """
    refuse_bad_batch(batch)
    refuse_outside("images", images, 1, MOST_IMAGES)
    refuse_other_gpu(fit, offer)
    _refuse_unsuited(offer, use)
    gpu_s = derive(
        lambda call: call / batch * images, fit.occupancy(shape, batch=batch), unit="GPU s"
    )
    price = offer.price_estimate(today)
    if isinstance(use, Reserved) and use.overflow is not None:
        refuse_other_gpu(fit, use.overflow.offer)
        other = use.overflow.offer.price_estimate(today)
        make = _mixed(offer, use, use.overflow, gpu_s.high, terms)
        caveats = (*offer.caveats(today), *use.overflow.offer.caveats(today))
        return estimated(make, (gpu_s, price, other), images=images, caveats=caveats)
    return estimated(
        lambda s, usd: close_invoice(offer, _lines(offer, use, s, gpu_s.high, usd, terms), terms),
        (gpu_s, price),
        images=images,
        caveats=offer.caveats(today),
    )


def _mixed(
    offer: Offer, use: Use, overflow: Overflow, sized_for_s: float, terms: AccountTerms
) -> Callable[..., Invoice]:
    other, kept = overflow.offer, overflow.reserved_share

    def make(gpu_s: Amount, usd: Amount, other_usd: Amount) -> Invoice:
        own = _lines(offer, use, kept * gpu_s, kept * sized_for_s, usd, terms)
        rest_s, rest_for_s = (1 - kept) * gpu_s, (1 - kept) * sized_for_s
        further = _lines(other, overflow.use, rest_s, rest_for_s, other_usd, terms)
        return close_invoice(offer, (*own, *_renamed(further, other)), terms)

    return make


def _lines(
    offer: Offer, use: Use, gpu_s: Amount, sized_for_s: float, usd: Amount, terms: AccountTerms
) -> tuple[Line, ...]:
    spans = use.spans(offer, gpu_s, sized_for_s)
    kept = getattr(use, "instances", 1)
    return (
        *gpu_lines(offer, spans, usd),
        *part_lines(offer, spans, terms.resources, kept_instances=kept),
    )


def _renamed(lines: tuple[Line, ...], offer: Offer) -> tuple[Line, ...]:
    return tuple(dataclasses.replace(line, name=f"{line.name}, {offer.id}") for line in lines)


def _refuse_unsuited(offer: Offer, use: Use) -> None:
    if offer.is_interruptible and not isinstance(use, Spot):
        raise InputError(
            f"offer {offer.id} may be interrupted; use Spot, with the interruptions per hour that "
            "you see."
        )
    if isinstance(use, Spot) and not offer.is_interruptible:
        raise InputError(f"offer {offer.id} is sold as {offer.kind}; Spot is for spot offers.")
    if isinstance(use, Reserved) and offer.kind is not BillingKind.RESERVED:
        raise InputError(f"offer {offer.id} is sold as {offer.kind}; Reserved is for reserved.")
