"""The bill of a month at an image API: packs, quotas, subscriptions, failures and fees."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fluxcost.checks import MOST_IMAGES, refuse_outside
from fluxcost.economics.ledger import Category, Invoice, Line, close_invoice
from fluxcost.economics.offers import HOURS_PER_MONTH
from fluxcost.economics.prices.api_request import PLAIN_REQUEST, ApiRequest
from fluxcost.economics.prices.per_image import Credits, SubscriptionGpuTime
from fluxcost.economics.rental import ROUNDING_SLACK
from fluxcost.economics.tariffs import Tariff
from fluxcost.economics.terms import NO_ACCOUNT_TERMS, AccountTerms, FreeQuota, Pack
from fluxcost.errors import InputError
from fluxcost.workload.shape import Shape


def api_invoice(
    tariff: Tariff,
    shape: Shape,
    images: int,
    *,
    request: ApiRequest = PLAIN_REQUEST,
    failed_share: float = 0.0,
    pay_yearly: bool = False,
    terms: AccountTerms = NO_ACCOUNT_TERMS,
) -> Invoice:
    """Return what a month's images cost at an API.

    Args:
        tariff: How it charges.
        shape: What is asked of the model.
        images: Images wanted, failures not among them, spread evenly over the days.
        request: Tokens, reference sizes and add-ons of each.
        failed_share: Share of requests that fail; billed unless the tariff says otherwise.
        pay_yearly: Whether a subscription is paid for a year at once.
        terms: Account plan and tax.

    Raises:
        InputError: A number is out of range, or the API does not make this shape.
        MissingDataError: A price is not published.
    """
    refuse_outside("images", images, 1, MOST_IMAGES)
    if not 0 <= failed_share < 1:
        raise InputError(f"failed_share is {failed_share!r}; expected 0 to under 1.")
    each_usd = tariff.usd_per_image(shape, request=request).value
    billed = float(images)
    if "failed-requests" not in tariff.not_billed:
        billed = images / (1 - failed_share)
    if isinstance(tariff.price, SubscriptionGpuTime):
        lines = tuple(_subscription(tariff.price, billed, request, pay_yearly=pay_yearly))
    else:
        lines = tuple(_pay_as_you_go(tariff, shape, billed, each_usd))
    return close_invoice(tariff, lines, terms)


def _subscription(
    price: SubscriptionGpuTime, images: float, request: ApiRequest, *, pay_yearly: bool
) -> Iterator[Line]:
    if pay_yearly and price.yearly_discount is None:
        raise InputError("pay_yearly is set and the tariff states no yearly_discount; leave it.")
    off = (price.yearly_discount or 0.0) if pay_yearly else 0.0
    yield Line.other("subscription", Category.PURCHASE, price.usd_per_month * (1 - off))
    over_h = max(0.0, images * price.gpu_hours_per_image(request) - price.included_gpu_hours)
    if over_h:
        yield Line.plain("further GPU hours", over_h, "h", over_h * price.extra_usd_per_gpu_hour)


def _pay_as_you_go(tariff: Tariff, shape: Shape, images: float, each_usd: float) -> Iterator[Line]:
    fee = tariff.gateway_fee
    # usd_per_image holds the fee; here it has its own line, on what it is charged on.
    bare_usd = images * each_usd / (1 + (fee.share if fee else 0.0))
    pack = tariff.price.pack if isinstance(tariff.price, Credits) else None
    paid_usd = bare_usd
    if pack is not None and isinstance(tariff.price, Credits):
        needed = images * tariff.price.credits(shape) * tariff.factor
        paid_usd = _packs(needed, pack) * pack.usd
        effective = paid_usd if _is_lost(pack) else needed / pack.credits * pack.usd
        yield Line("images", Category.USAGE, images, "images", bare_usd, effective, effective, 0.0)
        yield Line("credit packs", Category.PURCHASE, paid_usd, "USD", 0.0, 0.0, 0.0, paid_usd)
    else:
        yield Line.plain("images", images, "images", bare_usd)
    if tariff.free_quota is not None:
        free_usd = min(bare_usd, _free_usd_per_month(tariff.free_quota))
        yield Line.other("free quota", Category.CREDIT, -free_usd)
    if fee is not None:
        on = paid_usd if fee.charged_on == "top-up" else bare_usd
        yield Line.other("gateway fee", Category.PURCHASE, on * fee.share)


def _packs(credits_: float, pack: Pack) -> int:
    return math.ceil(credits_ / pack.credits * (1 - ROUNDING_SLACK))


def _is_lost(pack: Pack) -> bool:
    """Return whether what a month leaves of a pack is gone before the next month spends it."""
    days = HOURS_PER_MONTH / 24
    return pack.expires_after_days is not None and pack.expires_after_days <= days


def _free_usd_per_month(quota: FreeQuota) -> float:
    periods = HOURS_PER_MONTH / 24 if quota.every == "day" else 1
    return periods * quota.units * quota.currency.usd / quota.currency.per
