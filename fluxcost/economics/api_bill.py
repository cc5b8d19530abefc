"""The bill of an image API: packs, quotas, subscriptions, failures and fees.

There is one arithmetic, told in two ways that agree at every volume: `api_bill` gives the lines of
an invoice, and `api_bill_curve` the same total as a function of the images, for volumes that differ
by draw and for the volume at which a bill reaches an amount. All USD amounts of a tariff move with
its price, so a draw of a bill is the bill times the draw of the price's error.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass

from fluxcost.checks import MOST_IMAGES, refuse_outside
from fluxcost.economics.api_bill_curve import ApiBillCurve, PackSteps
from fluxcost.economics.ledger import Bill, Category, Invoice, Line, close_invoice, moved_by
from fluxcost.economics.offers import HOURS_PER_MONTH
from fluxcost.economics.prices.api_request import PLAIN_REQUEST, ApiRequest
from fluxcost.economics.prices.per_image import Credits, SubscriptionGpuTime
from fluxcost.economics.rental import ROUNDING_SLACK
from fluxcost.economics.tariffs import Tariff
from fluxcost.economics.terms import NO_ACCOUNT_TERMS, AccountTerms, Pack
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate
from fluxcost.workload.shape import Shape

ShapeShares = tuple[tuple[Shape, float], ...]
"""Each shape and its share of the images."""

DAYS_PER_MONTH = HOURS_PER_MONTH / 24

DAYS_OF_LONGEST_MONTH = 31
"""A job of at most so many days fits into one month of a subscription."""


def api_bill(  # noqa: PLR0913 - what a bill depends on, all of it
    tariff: Tariff,
    mix: ShapeShares,
    images: int,
    *,
    days: float = DAYS_PER_MONTH,
    today: dt.date | None = None,
    request: ApiRequest = PLAIN_REQUEST,
    failed_share: float = 0.0,
    pay_yearly: bool = False,
    terms: AccountTerms = NO_ACCOUNT_TERMS,
) -> Bill:
    """Return what the images of a month or job cost at an API, with intervals.

    Args:
        tariff: How it charges.
        mix: What is asked of the model: shapes and their shares, which sum to 1.
        images: Images wanted, failures not among them, spread evenly over the days.
        days: Days over which they are spread. Each has its free daily quota; every 31 days
            begun have their subscription fee, included hours and free monthly quota.
        today: Day the price is judged on; UTC today unless given.
        request: Tokens, reference sizes and add-ons of each.
        failed_share: Share of requests that fail; billed unless the tariff says otherwise.
        pay_yearly: Whether a subscription is paid for a year at once.
        terms: Account plan and tax.

    Raises:
        InputError: A number is out of range, the API does not make a shape, or the day is before
            the price was seen.
        MissingDataError: A price is not published.
    """
    charges = _charges(tariff, mix, days, request, failed_share, pay_yearly=pay_yearly)
    invoice = _invoice(tariff, charges, images, days, terms)
    price = _price(tariff, mix, today, request)
    return moved_by(invoice, price, images=images, caveats=tariff.caveats(today))


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
    """Return what a month's images cost at an API: the invoice of `api_bill` for one shape.

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
    one = ((shape, 1.0),)
    charges = _charges(tariff, one, DAYS_PER_MONTH, request, failed_share, pay_yearly=pay_yearly)
    return _invoice(tariff, charges, images, DAYS_PER_MONTH, terms)


def api_bill_curve(
    tariff: Tariff,
    mix: ShapeShares,
    *,
    days: float = DAYS_PER_MONTH,
    today: dt.date | None = None,
    request: ApiRequest = PLAIN_REQUEST,
    failed_share: float = 0.0,
    pay_yearly: bool = False,
) -> ApiBillCurve:
    """Return the bill of `api_bill` as a function of the images.

    Args:
        tariff: How it charges.
        mix: What is asked of the model: shapes and their shares, which sum to 1.
        days: Days over which the images are spread.
        today: Day the price is judged on; UTC today unless given.
        request: Tokens, reference sizes and add-ons of each.
        failed_share: Share of requests that fail; billed unless the tariff says otherwise.
        pay_yearly: Whether a subscription is paid for a year at once.

    Raises:
        InputError: A number is out of range, the API does not make a shape, or the day is before
            the price was seen.
        MissingDataError: A price is not published.
    """
    charges = _charges(tariff, mix, days, request, failed_share, pay_yearly=pay_yearly)
    return charges.curve(_price(tariff, mix, today, request))


@dataclass(frozen=True)
class _Subscription:
    """A fee with included hours, over all months of the bill.

    Attributes:
        requests: Billed for each image wanted.
        fee_usd: The subscription.
        included_hours: GPU hours it includes.
        usd_per_hour: Of each further GPU hour.
        hours_per_image: GPU hours of a request.
        add_ons_usd: USD of the add-ons of a request.
        fee_share: What a gateway adds.
    """

    requests: float
    fee_usd: float
    included_hours: float
    usd_per_hour: float
    hours_per_image: float
    add_ons_usd: float
    fee_share: float

    def lines(self, images: float) -> Iterator[Line]:
        requests = images * self.requests
        yield Line.other("subscription", Category.PURCHASE, self.fee_usd)
        over_h = max(0.0, requests * self.hours_per_image - self.included_hours)
        over_usd, add_ons_usd = over_h * self.usd_per_hour, requests * self.add_ons_usd
        if over_h:
            yield Line.plain("further GPU hours", over_h, "h", over_usd)
        if add_ons_usd:
            yield Line.plain("add-ons", requests, "images", add_ons_usd)
        if self.fee_share:
            on = self.fee_usd + over_usd + add_ons_usd
            yield Line.other("gateway fee", Category.PURCHASE, on * self.fee_share)

    def curve(self, price: Estimate) -> ApiBillCurve:
        add_ons = self.add_ons_usd * self.requests
        further = self.hours_per_image * self.usd_per_hour * self.requests
        beyond = self.fee_usd - self.included_hours * self.usd_per_hour
        factor = 1 + self.fee_share
        included = (self.fee_usd * factor, add_ons * factor)
        return ApiBillCurve(
            (included, (beyond * factor, (further + add_ons) * factor)), None, price
        )


@dataclass(frozen=True)
class _PayAsYouGo:
    """A price for each image.

    Attributes:
        requests: Billed for each image wanted.
        usd_per_request: Without the gateway's fee, add-ons included.
        free_usd: Free quota of all days.
        fee_share: What a gateway adds.
    """

    requests: float
    usd_per_request: float
    free_usd: float
    fee_share: float

    def lines(self, images: float) -> Iterator[Line]:
        requests = images * self.requests
        usd = requests * self.usd_per_request
        yield Line.plain("images", requests, "images", usd)
        if self.free_usd:
            yield Line.other("free quota", Category.CREDIT, -min(usd, self.free_usd))
        if self.fee_share:
            yield Line.other("gateway fee", Category.PURCHASE, usd * self.fee_share)

    def curve(self, price: Estimate) -> ApiBillCurve:
        each = self.requests * self.usd_per_request
        free = (0.0, each * self.fee_share)
        return ApiBillCurve((free, (-self.free_usd, each * (1 + self.fee_share))), None, price)


@dataclass(frozen=True)
class _Packs:
    """Credits bought in whole packs, for what a free quota leaves.

    Attributes:
        requests: Billed for each image wanted.
        usd_per_request: Of its credits one by one, without the gateway's fee.
        add_ons_usd: USD of the add-ons of a request.
        credits: Credits of a request.
        pack: How they are sold.
        free_usd: Free quota of all days.
        fee_share: What a gateway adds.
        fee_on_packs: Whether it adds that to the packs bought, or to what is used.
    """

    requests: float
    usd_per_request: float
    add_ons_usd: float
    credits: float
    pack: Pack
    free_usd: float
    fee_share: float
    fee_on_packs: bool

    def lines(self, images: float) -> Iterator[Line]:
        requests = images * self.requests
        usd, add_ons_usd = requests * self.usd_per_request, requests * self.add_ons_usd
        free_usd = min(usd, self.free_usd)
        needed = max(0.0, requests - self.free_usd / self.usd_per_request) * self.credits
        paid_usd = math.ceil(needed / self.pack.credits * (1 - ROUNDING_SLACK)) * self.pack.usd
        spread_usd = paid_usd if _is_lost(self.pack) else needed / self.pack.credits * self.pack.usd
        yield Line("images", Category.USAGE, requests, "images", usd, spread_usd, spread_usd, 0.0)
        yield Line("credit packs", Category.PURCHASE, paid_usd, "USD", 0.0, 0.0, 0.0, paid_usd)
        if free_usd:
            yield Line("free quota", Category.CREDIT, 1.0, "month", -free_usd, 0.0, 0.0, 0.0)
        if add_ons_usd:
            yield Line.plain("add-ons", requests, "images", add_ons_usd)
        if self.fee_share:
            on = add_ons_usd + (paid_usd if self.fee_on_packs else usd)
            yield Line.other("gateway fee", Category.PURCHASE, on * self.fee_share)

    def curve(self, price: Estimate) -> ApiBillCurve:
        each = self.requests * self.add_ons_usd * (1 + self.fee_share)
        if not self.fee_on_packs:
            each += self.requests * self.usd_per_request * self.fee_share
        steps = PackSteps(
            usd=self.pack.usd * (1 + (self.fee_share if self.fee_on_packs else 0.0)),
            images=self.pack.credits / self.credits / self.requests,
            free_images=self.free_usd / self.usd_per_request / self.requests,
        )
        return ApiBillCurve(((0.0, each), (0.0, each)), steps, price)


def _charges(
    tariff: Tariff,
    mix: ShapeShares,
    days: float,
    request: ApiRequest,
    failed_share: float,
    *,
    pay_yearly: bool,
) -> _Subscription | _PayAsYouGo | _Packs:
    if not 0 <= failed_share < 1:
        raise InputError(f"failed_share is {failed_share!r}; expected 0 to under 1.")
    if not 0 < days < math.inf:
        raise InputError(f"days is {days!r}; expected days over 0.")
    fee = tariff.gateway_fee
    fee_share = 0.0 if fee is None else fee.share
    # usd_per_image holds the fee; here it has its own line, on what it is charged on.
    each = [tariff.usd_per_image(shape, request=request).value for shape, _ in mix]
    usd = sum(share * one for (_, share), one in zip(mix, each, strict=True)) / (1 + fee_share)
    requests = 1.0 if "failed-requests" in tariff.not_billed else 1 / (1 - failed_share)
    add_ons_usd = tariff.add_ons_usd(request)
    price = tariff.price
    if isinstance(price, SubscriptionGpuTime):
        months, off = _months(days), _yearly_discount(price, pay_yearly=pay_yearly)
        return _Subscription(
            requests=requests,
            fee_usd=months * price.usd_per_month * (1 - off) * tariff.factor,
            included_hours=months * price.included_gpu_hours,
            usd_per_hour=price.extra_usd_per_gpu_hour * tariff.factor,
            hours_per_image=price.gpu_hours_per_image(request),
            add_ons_usd=add_ons_usd,
            fee_share=fee_share,
        )
    free_usd = _free_usd(tariff, days)
    if isinstance(price, Credits) and price.pack is not None:
        return _Packs(
            requests=requests,
            usd_per_request=usd - add_ons_usd,
            add_ons_usd=add_ons_usd,
            credits=sum(share * price.credits(shape) for shape, share in mix) * tariff.factor,
            pack=price.pack,
            free_usd=free_usd,
            fee_share=fee_share,
            fee_on_packs=fee is not None and fee.charged_on == "top-up",
        )
    return _PayAsYouGo(requests, usd, free_usd, fee_share)


def _invoice(
    tariff: Tariff,
    charges: _Subscription | _PayAsYouGo | _Packs,
    images: int,
    days: float,
    terms: AccountTerms,
) -> Invoice:
    refuse_outside("images", images, 1, MOST_IMAGES)
    return close_invoice(tariff, tuple(charges.lines(images)), terms, months=_months(days))


def _price(
    tariff: Tariff, mix: ShapeShares, today: dt.date | None, request: ApiRequest
) -> Estimate:
    """Return 1 with the draws of the price's error, and what the prices of the mix rest on."""
    each = [tariff.usd_per_image(shape, today, request) for shape, _ in mix]
    evidence = tuple(dict.fromkeys(line for one in each for line in one.evidence))
    one = Estimate.spread(1.0, tariff.price_errors(today), "1", each[0].source, evidence[0])
    return dataclasses.replace(one, evidence=evidence)


def _yearly_discount(price: SubscriptionGpuTime, *, pay_yearly: bool) -> float:
    if not pay_yearly:
        return 0.0
    if price.yearly_discount is None:
        raise InputError("pay_yearly is set and the tariff states no yearly_discount; leave it.")
    return price.yearly_discount


def _is_lost(pack: Pack) -> bool:
    """Return whether what a month leaves of a pack is gone before the next month spends it."""
    return pack.expires_after_days is not None and pack.expires_after_days <= DAYS_PER_MONTH


def _months(days: float) -> int:
    """Return the months begun in so many days."""
    return max(1, math.ceil(days / DAYS_OF_LONGEST_MONTH * (1 - ROUNDING_SLACK)))


def _free_usd(tariff: Tariff, days: float) -> float:
    quota = tariff.free_quota
    if quota is None:
        return 0.0
    periods = days if quota.every == "day" else _months(days)
    return periods * quota.units * quota.currency.usd / quota.currency.per
