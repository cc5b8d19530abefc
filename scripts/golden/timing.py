"""Fits, memory and energy of the shipped calibrations."""

from __future__ import annotations

import itertools
from typing import Any

import fluxcost as fc
from scripts.golden.book import Book
from scripts.golden.inputs import EAGER, SHAPES, SMALL, SQUARE, STACK, aliases, fitted
from scripts.golden.names import member

BATCHES = (1, 2, 5, 16)
EDIT = fc.Shape(1024, 1024, 4, reference_images=1)
TARGETS: tuple[dict[str, Any], ...] = (
    {"gpu": "h200-sxm"},
    {"gpu": "a100-sxm-80gb"},
    {"gpu": "b200-sxm"},
    {"gpu": "l40s"},
    {"model": "flux2-klein-9b"},
    {"gpu": "h200-sxm", "model": "flux1-schnell"},
    {"gpu": "h300"},
)


def fits(book: Book) -> None:
    """Keep latencies and what is derived from them."""
    for alias in aliases():
        fit = fitted(alias)
        for shape, batch in itertools.product(SHAPES, BATCHES):
            book.ask("fits", f"{alias}: {shape}, batch {batch}: median", fit.latency, shape, batch)
        for shape, batch in itertools.product((SMALL, SQUARE, EDIT), (1, 4)):
            _derived(book, f"{alias}: {shape}, batch {batch}", fit, shape, batch)
        for run in member(fit, "runs"):
            one = member(fit, "for_run")(run)
            book.ask("fits", f"{alias}: run {run}", one.latency, SQUARE, 2)
        book.ask("fits", f"{alias}: size curve", fc.size_curve, fit, steps=4)
        book.ask("fits", f"{alias}: best batch", fit.best_batch, SQUARE)
        start = {"image_gib": 8.0, "gbit_per_s": 10.0, "compile_s": 60.0}
        book.ask("fits", f"{alias}: cold start", fc.cold_start, fit.calibration, **start)
    _several_gpus(book)
    _transferred(book)


def _derived(book: Book, key: str, fit: fc.Fit, shape: fc.Shape, batch: int) -> None:
    for statistic in ("mean", "p95", "p99"):
        book.ask("fits", f"{key}: {statistic}", fit.latency, shape, batch, statistic)
    book.ask("fits", f"{key}: occupancy", fit.occupancy, shape, batch)
    book.ask("fits", f"{key}: throughput", fit.throughput, shape, batch)
    book.ask("fits", f"{key}: stages", fit.stages, shape, batch)
    book.ask("fits", f"{key}: floor", fit.floor, shape, batch)
    book.ask("fits", f"{key}: floor of ceilings", fit.floor, shape, batch, "ceilings")
    book.ask("fits", f"{key}: breakdown", fc.breakdown, fit, shape, batch)
    book.ask("fits", f"{key}: 4 replicas", fit.replica_efficiency, shape, batch, 4)
    book.ask("fits", f"{key}: cores", fit.cores_needed, shape, batch)
    book.ask("fits", f"{key}: fleet", fit.fleet_throughput, shape, batch, 2, cores=16)


def _several_gpus(book: Book) -> None:
    for alias, gpus in itertools.product((EAGER, STACK), (2, 3, 4)):
        key = f"{alias}: {gpus} GPUs an image"
        split = member(fitted(alias), "context_parallel")
        if book.ask("fits", f"{key}: batches", lambda s=split, g=gpus: s(g).batches) is None:
            continue
        for shape in SHAPES:
            book.ask("fits", f"{key}: {shape}: gain", split(gpus).gain, shape)
            book.ask("fits", f"{key}: {shape}: latency", split(gpus).latency, shape)


def _transferred(book: Book) -> None:
    for target in TARGETS:
        key = f"transfer of {EAGER} to {' '.join(target.values())}"
        for shape, batch in itertools.product((SMALL, SQUARE), (1, 4)):
            for what in ("latency", "memory", "energy", "throughput"):
                asked = f"{key}: {shape}, batch {batch}: {what}"
                book.ask("fits", asked, _of_transfer, target, what, shape, batch)


def _of_transfer(target: dict[str, Any], what: str, shape: fc.Shape, batch: int) -> object:
    return getattr(fc.transfer(fitted(EAGER), **target), what)(shape, batch)


def memory(book: Book) -> None:
    """Keep peaks, and the largest batches that fit."""
    for alias in aliases():
        fit = fitted(alias)
        for shape, batch in itertools.product((*SHAPES, EDIT), (1, 3, 8, 24)):
            book.ask("memory", f"{alias}: {shape}, batch {batch}", fit.memory, shape, batch)
        gpus, margins = (None, "l4", "l40s", "b200-sxm"), (0.05, 0.2)
        for shape, gpu, margin in itertools.product(SHAPES, gpus, margins):
            key = f"{alias}: largest batch of {shape} on {gpu}, {margin} free"
            book.ask("memory", key, fc.largest_batch, fit, shape, gpu=gpu, margin=margin)


def energy(book: Book) -> None:
    """Keep joules of calls, and what their electricity costs."""
    rates = {"usd_per_kwh": 0.21, "pue": 1.3, "grams_co2e_per_kwh": 350.0}
    for alias in aliases():
        for shape, batch in itertools.product((*SHAPES, EDIT), (1, 3, 8)):
            key = f"{alias}: {shape}, batch {batch}"
            joules = book.ask("energy", key, fitted(alias).energy, shape, batch)
            if joules is not None and batch == 1:
                electricity = f"{key}: electricity"
                book.ask("energy", electricity, fc.electricity_per_image, joules, **rates)
