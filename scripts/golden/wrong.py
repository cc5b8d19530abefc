"""Bad inputs, and the sentence that each is answered with."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

import fluxcost as fc
from scripts.golden.book import Book
from scripts.golden.inputs import (
    ARRIVING,
    EXAMPLES,
    JOB,
    MONTHLY,
    OFFER,
    SQUARE,
    STACK,
    TARIFF,
    catalog,
    fitted,
    program,
    workload,
)
from scripts.golden.names import public, size_options
from scripts.golden.program import folder

BAD: tuple[object, ...] = (None, -1, 0, "x", math.nan, math.inf, [], {}, True, 10**20)
ROW: dict[str, Any] = {
    "id": "shop/h200",
    "sku": "one H200",
    "gpu": "h200-sxm",
    "gpu_count": 1,
    "kind": "on-demand",
    "price": {"amount": 3.6, "unit": "gpu-hour"},
    "billing": {"granularity_s": 1.0},
    "currency": "USD",
    "source": "made up",
    "as_of": "2026-11-01",
    "as_of_kind": "stated",
    "grade": "A",
}


def wrong(book: Book) -> None:
    """Keep what is said to files, arguments and commands that are wrong."""
    for name, document in (("job", JOB), ("month", MONTHLY), ("requests", ARRIVING)):
        for key, spoiled in _spoiled(document):
            data = yaml.safe_dump(spoiled).encode()
            book.wrong(f"workload: {name}: {key}", fc.parse_workload, data, f"{name}.yaml")
    for key, spoiled in _spoiled(ROW):
        data = yaml.safe_dump({"provider": "shop", "name": "Shop", "offers": [spoiled]}).encode()
        book.wrong(f"prices: {key}", fc.parse_prices, data, "gpus/shop.yaml")
    _shapes(book)
    _arguments(book)
    with folder():
        _files(book)
        _commands(book)


def _spoiled(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a document with each field in turn left out, misspelled or of a bad value."""
    for name, value in document.items():
        here = f"{path}{name}"
        without = {key: copy.deepcopy(part) for key, part in document.items() if key != name}
        yield f"{here} left out", without
        yield f"{here} misspelled", without | {f"{name}s": value}
        for bad in BAD:
            yield f"{here} is {bad!r}", {**document, name: bad}
        if isinstance(value, dict):
            for key, inner in _spoiled(value, f"{here}."):
                yield key, {**document, name: inner}


def _shapes(book: Book) -> None:
    numbers: tuple[Any, ...] = (0, -16, 1000, 9000, 1.5, "x", None, True)
    for place, number in itertools.product(range(4), numbers):
        sizes: list[Any] = [1024, 1024, 4, 0]
        sizes[place] = number
        book.wrong(f"shape: {sizes}", fc.Shape, *sizes)


def _arguments(book: Book) -> None:
    account, interval = public("AccountTerms"), public("Interval")
    fit, offer, tariff = fitted(STACK), catalog().offer(OFFER), catalog().tariff(TARIFF)
    asked = workload(ARRIVING)
    fleet = fc.Fleet(calibration=STACK, replicas=1)
    made: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
        "fleet": (lambda **given: fc.Fleet.parse({"calibration": STACK} | given, "fleet"),
                  {"replicas": 1, "gpus_per_image": 1, "queue_limit": 1, "reserve": 0}),
        "batching": (lambda **given: fc.Batching.parse(given, "batching"),
                     {"max_batch": 1, "max_wait_s": 0.0, "together": "shape"}),
        "scaling": (lambda **given: fc.Scaling.parse(given, "scaling"),
                    {"least": 1, "cold_start_s": 1.0, "idle_timeout_s": 1.0}),
        "failures": (lambda **given: fc.Failures.parse(given, "failures"),
                     {"between_failures_s": 1.0, "recovery_s": 1.0, "calls_cut_short": "lost"}),
        "sessions": (fc.Sessions, {"per_month": 1, "startup_s": 1.0}),
        "horizon": (fc.Horizon, {"images_per_month": 1, "monthly_growth": 0.0, "months": 1}),
        "resources": (fc.Resources, {"cpu": 1.0, "memory_gib": 1.0, "traffic_gib": 1.0}),
        "account": (account, {"tax_share": 0.1}),
        "interval": (interval, {"low": 0.0, "high": 1.0}),
        "always on": (fc.AlwaysOn, {"instances": 1}),
        "scheduled": (fc.Scheduled,
                      {"instances": 1, "hours": 1.0, "sessions": 1, "startup_s": 1.0}),
        "jobs": (fc.BatchJobs, {"instances": 1, "jobs": 1, "startup_s": 1.0, "utilization": 0.5}),
        "spot": (fc.Spot, {"interruptions_per_hour": 0.1, "checkpoint_s": 1.0, "restart_s": 1.0,
                           "utilization": 0.5}),
        "latency": (lambda **given: fit.latency(SQUARE, **given),
                    {"batch": 1, "statistic": "mean"}),
        "largest batch": (lambda **given: fc.largest_batch(fit, SQUARE, **given),
                          {"gpu": "l4", "margin": 0.1}),
        "break-even": (lambda **given: fc.break_even(fit, offer, tariff, SQUARE, **given),
                       {"utilization": 0.5, "batch": 1}),
        "bill": (lambda **given: fc.bill(fit, offer, SQUARE, fc.AlwaysOn(1), **given),
                 {"images": 1, "batch": 1}),
        "invoice": (lambda **given: fc.api_invoice(tariff, SQUARE, **given),
                    {"images": 1, "failed_share": 0.1}),
        "simulate": (lambda **given: fc.simulate(asked, fleet, **{"requests": 60,
                                                                  "replications": 2} | given),
                     {"requests": 60, "replications": 2, "seed": 0, "within_s": 1.0}),
        "names": (lambda calibration="", offer="", tariff="": (
            calibration and fc.load_calibration(calibration),
            offer and catalog().offer(offer),
            tariff and catalog().tariff(tariff),
        ), {"calibration": "", "offer": "", "tariff": ""}),
    }  # fmt: skip
    for what, (function, good) in made.items():
        for name, bad in itertools.product(good, BAD):
            book.wrong(f"{what}: {name} is {bad!r}", function, **good | {name: bad})


def _files(book: Book) -> None:
    shown: tuple[tuple[str, Callable[[Path], object], str], ...] = (
        ("use", fc.load_use, "office_hours"),
        ("extras", fc.load_extras, "own_machine"),
    )
    for what, load, example in shown:
        document = yaml.safe_load((EXAMPLES / "costs" / f"{example}.yaml").read_text())
        for key, spoiled in _spoiled(document):
            path = Path(f"{what}.yaml")
            path.write_text(yaml.safe_dump(spoiled))
            book.wrong(f"{what}: {key}", load, path)
    texts = {
        "no YAML": "a: [1, 2\n",
        "an alias": "a: &a [x]\nb: [*a]\n",
        "twice": "name: made\nname: twice\n",
        "empty": "",
        "a list": "- 1\n",
        "a control character": "\x00",
        "another format": "format: other\nversion: 1\n",
        "a newer version": "format: fluxcost-workload\nversion: 99\n",
    }
    for what, text in texts.items():
        Path("bad.yaml").write_text(text)
        for load in (fc.load_workload, fc.load_use, fc.load_extras, fc.load_quality):
            book.wrong(f"{load.__name__} of {what}", load, Path("bad.yaml"))
        Path("bad.json").write_text(text)
        book.wrong(f"load_calibration of {what}", fc.load_calibration, Path("bad.json"))
    for load in (fc.load_workload, fc.load_calibration, fc.load_scenario, fc.load_catalog):
        book.wrong(f"{load.__name__} of no file", load, Path("none.json"))


def _commands(book: Book) -> None:
    asked = program("latency", "--help")[1]
    sizes = [(1000, 1024, 4), (1024, 0, 4), (1024, 1024, 0), (99999, 1024, 4), (-16, 16, 1)]
    for shape in sizes:
        size = size_options(shape, help_text=asked)
        _refused(book, f"command: size {shape}", "latency", "--calibration", STACK, *size)
    rented = ("--calibration", STACK, "--offer", OFFER)
    bases: dict[str, tuple[tuple[object, ...], dict[str, object]]] = {
        "latency": ((), {"--calibration": STACK, "--batch": 1, "--statistic": "mean"}),
        "transfer": ((STACK,), {"--gpu": "l4", "--model": "flux1-schnell", "--batch": 1}),
        "cost": (rented, {"--utilization": 0.5, "--batch": 1, "--prices": ".", "--mix": "x"}),
        "bill": (("examples/costs/office_hours.yaml", *rented), {"--images": 9, "--batch": 1}),
        "breakeven": ((*rented, "--tariff", TARIFF),
                      {"--utilization": 0.5, "--starts-per-month": 1, "--growth": 0.1}),
        "plan": (("job.yaml",), {"--top": 1, "--gpus": 1, "--calibration": "", "--replay": "x"}),
        "export": (("plan.json",), {"--to": "skypilot", "--out": ".", "--option": ""}),
        "simulate": (("requests.yaml", "--calibration", STACK, "--requests", 50),
                     {"--replicas": 1, "--max-batch": 1, "--within": 1.0, "--recovery": 1}),
        "sensitivity": (("job.yaml",), {"--price": "1:2", "--scenarios": 10, "--growth": "0:1"}),
        "prices": ((), {"--at": "x", "--gpu": "x", "--provider": "x", "--prices": "none"}),
        "validate": ((), {"--against": "x", "--scenario": "x"}),
        "diff": (("job.yaml",), {"--prices": "none"}),
        "quality": (("none",), {}),
        "audit": (("none.yaml",), {}),
    }  # fmt: skip
    for command, (given, options) in bases.items():
        _refused(book, f"command: {command}, nothing given", command, *(["none"] * 4))
        _refused(book, f"command: {command}, unknown option", command, *given, "--guess", 1)
        for option, bad in itertools.product(options, ("-1", "x", "nan", "1e400", "")):
            rest = [part for name, good in options.items() if name != option
                    and name in {"--calibration", "--utilization", "--replicas", "--to", "--images"}
                    for part in (name, good) if good != ""]  # fmt: skip
            key = f"command: {command}, {option} is {bad!r}"
            _refused(book, key, command, *given, *rest, option, bad)
    _refused(book, "command: a page in no folder", "validate", "--page", "none/page.md")
    _refused(book, "command: none of that name", "guess")


def _refused(book: Book, key: str, *arguments: object) -> None:
    code, out, err = program(*arguments)
    book.put("messages", key, f"{code}: {err.strip()}" if code else f"0: {len(out)} characters")
