"""Prices, bills and break-evens at the shipped prices, on the fixed day."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import fluxcost as fc
from scripts.golden.book import Book
from scripts.golden.inputs import (
    ARRIVING,
    EXAMPLES,
    H200,
    MODEL,
    OFFER,
    SMALL,
    SQUARE,
    STACK,
    TARIFF,
    TODAY,
    catalog,
    fitted,
    workload,
)
from scripts.golden.names import public

LARGE = fc.Shape(2048, 1536, 8)
VOLUMES = (1, 1_000, 30_000, 250_000, 1_000_000, 20_000_000)
OFFERS = (
    OFFER,
    "aws/p5-48xlarge",
    "lambda/h100-sxm-2x",
    "runpod/h100-sxm-community",
    "nebius/h200-sxm",
    "runpod/h100-serverless-flex",
    "crusoe/h100-sxm-spot",
    "aws/p5en-48xlarge-spot",
    "coreweave/h100-sxm-8x-reserved",
    "aws/p5-48xlarge-capacity-block-2024",
    "vast/h100-sxm-median",
    "runpod/h200-serverless-active",
    "fal/h100-volume-floor",
)
COLD = fc.ColdStartSteps(
    image_pull_s=20.0, weights_s=12.0, load_s=4.0, compile_s=30.0, first_call_s=2.0
)


def prices(book: Book) -> None:
    """Keep every offer and tariff with what it charges."""
    for offer in catalog().offers:
        key = offer.id
        book.record("prices", f"{key}: row", offer)
        book.ask("prices", f"{key}: USD a GPU hour", lambda o=offer: o.usd_per_gpu_hour)
        book.ask("prices", f"{key}: USD an instance hour", lambda o=offer: o.usd_per_instance_hour)
        book.ask("prices", f"{key}: price", offer.price_estimate, TODAY)
        book.record("prices", f"{key}: plannable", offer.is_plannable(TODAY))
        book.record("prices", f"{key}: caveats", offer.caveats(TODAY))
        book.ask("prices", f"{key}: 4 GPUs a month", fc.rent_of_fleet, offer, 4, TODAY)
    for tariff in catalog().tariffs:
        book.record("prices", f"{tariff.id}: row", tariff)
        book.record("prices", f"{tariff.id}: plannable", tariff.is_plannable(TODAY))
        for shape, request in itertools.product((SMALL, SQUARE, LARGE), _requests()):
            key = f"{tariff.id}: {shape}, {request}"
            book.ask("prices", key, tariff.usd_per_image, shape, TODAY, _requests()[request])


def _requests() -> dict[str, Any]:
    request = public("ApiRequest")
    return {
        "plain": request(),
        "prompted": request(
            text_in_tokens=400, image_in_tokens=800, image_out_tokens=1500, text_out_tokens=50
        ),
    }


def _uses() -> dict[str, Any]:
    day = (1.0,) * 8 + (4.0,) * 10 + (2.0,) * 6
    return {
        "always on": fc.AlwaysOn(2),
        "office hours": fc.Scheduled(2, hours=8.0, sessions=22, startup_s=300.0),
        "jobs": fc.BatchJobs(1, jobs=9, startup_s=240.0, utilization=0.85),
        "autoscaled": fc.Autoscaled(day, 3600.0, 0.7, 1, 200.0),
        "from zero": fc.Autoscaled((0.0, 1.0, 3.0, 0.0), 6 * 3600.0, 0.6, 0, 150.0),
        "serverless": fc.Serverless(40, COLD),
        "spot": fc.Spot(0.05, 30.0, 240.0, 0.8),
        "reserved": fc.Reserved(1),
    }


def bills(book: Book) -> None:
    """Keep the bills of every use of many offers, API invoices, and costs of an image."""
    account = public("AccountTerms")
    terms = account(fc.Resources(cpu=16.0, memory_gib=200.0, storage_gib=120.0, traffic_gib=300.0))
    for (name, use), (offer, fit) in itertools.product(_uses().items(), _offers()):
        key = f"{offer.id}, {name}"
        given: dict[str, Any] = {"images": 250_000, "batch": 4, "terms": terms, "today": TODAY}
        book.ask("bills", key, fc.bill, fit, offer, SQUARE, use, **given)
    rest = fc.Overflow(catalog().offer("coreweave/h100-sxm-8x"), fc.AlwaysOn(1), 0.7)
    reserved, given = catalog().offer("coreweave/h100-sxm-8x-reserved"), {"images": 900_000}
    mixed = fc.Reserved(2, rest)
    book.ask("bills", "overflow", fc.bill, fitted(STACK), reserved, SQUARE, mixed, **given)
    for tariff, images in itertools.product(catalog().tariffs, (1, 700, 50_001)):
        key = f"{tariff.id}: {images} images"
        options: dict[str, Any] = {"failed_share": 0.02, "terms": account(tax_share=0.19)}
        book.ask("bills", key, fc.api_invoice, tariff, SQUARE, images)
        book.ask("bills", f"{key}, taxed", fc.api_invoice, tariff, SQUARE, images, **options)
    _images(book)


def _offers() -> Iterator[tuple[fc.Offer, fc.Fit]]:
    for name in OFFERS:
        offer = catalog().offer(name)
        yield offer, fitted(H200 if offer.gpu == "h200-sxm" else STACK)


def _images(book: Book) -> None:
    extras = fc.load_extras(EXAMPLES / "costs" / "own_machine.yaml")
    rented = extras.model_copy(update={"machine": None})
    if extras.machine is not None:
        own: dict[str, Any] = {"utilization": 0.5, "extras": extras, "today": TODAY}
        book.ask("bills", "own machine", fc.cost_per_image, fitted(STACK), extras.machine, SQUARE,
                 batch=4, **own)  # fmt: skip
    mix = workload(ARRIVING).mix
    for offer, fit in _offers():
        given: dict[str, Any] = {"batch": 2, "utilization": 0.6, "today": TODAY}
        key = f"an image on {offer.id}"
        cost = book.ask("bills", key, fc.cost_per_image, fit, offer, SQUARE, **given)
        given["extras"] = rented
        book.ask("bills", f"{key}, extras", fc.cost_per_image, fit, offer, SQUARE, **given)
        book.ask("bills", f"{key}, of a mix", fc.cost_of_mix, fit, offer, mix, **given)
        if cost is not None:
            accepted = fc.Estimate.spread(0.8, {"accepted": 0.1}, "", fc.Source.ASSUMED, "made up")
            name, priced = f"{key}, accepted", cost.total
            book.ask("bills", name, fc.quality_adjusted_cost, priced, accepted)


def break_evens(book: Book) -> None:
    """Keep break-even volumes, both sides at many volumes, and the month to switch in."""
    tariffs = [tariff for tariff in catalog().tariffs if tariff.model == MODEL]
    sessions = {"all month": None, "by the session": fc.Sessions(22, 300.0)}
    for (offer, fit), tariff in itertools.product(_offers(), tariffs):
        for how, often in sessions.items():
            key = f"{offer.id} or {tariff.id}, {how}"
            given: dict[str, Any] = {"batch": 4, "utilization": 0.6, "today": TODAY}
            found = book.ask("break-evens", key, fc.break_even, fit, offer, tariff, SQUARE,
                             sessions=often, **given)  # fmt: skip
            for images in VOLUMES if found is not None else ():
                book.ask("break-evens", f"{key}: {images} images", found.at, images)
    own, api = catalog().offer(OFFER), catalog().tariff(TARIFF)
    found = fc.break_even(fitted(STACK), own, api, SQUARE, utilization=0.6, today=TODAY)
    book.record("break-evens", "curve", found.curve(most=500_000, points=20))
    switch = public("month_to_switch")
    for (offer, fit), images, growth in itertools.product(_offers(), (20_000, 150_000), (0.0, 0.2)):
        key = f"{offer.id}: {images} images, growth {growth}"
        ahead: dict[str, Any] = {"horizon": fc.Horizon(images, growth, 12), "today": TODAY}
        book.ask("break-evens", f"month to switch to {key}", switch, fit, offer, api, SQUARE,
                 batch=4, utilization=0.6, **ahead)  # fmt: skip
