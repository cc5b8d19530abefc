"""Seeded simulations of few requests, and what is searched by simulating."""

from __future__ import annotations

from typing import Any

import fluxcost as fc
from scripts.golden.book import Book
from scripts.golden.inputs import ARRIVING, EAGER, H200, STACK, example, workload
from scripts.golden.names import public

DAY = [0.2] * 8 + [1.0, 1.5, 2.0, 2.0, 1.5, 1.5, 2.0, 2.0, 1.5, 1.0, 1.0, 0.8, 0.5, 0.4, 0.3, 0.2]
STREAMS: dict[str, dict[str, Any]] = {
    "poisson": {},
    "bursts": {
        "arrivals": {"process": "gamma", "requests_per_s": 1.0, "coefficient_of_variation": 2.5}
    },
    "a day": {"arrivals": {"requests_per_s": 1.0, "hourly_weights": DAY}},
    "a few images of two priorities": {
        "images_per_request": 2,
        "arrivals": {"requests_per_s": 0.6},
        "shapes": [
            {"width": 1024, "height": 1024, "steps": 4, "priority": 0},
            {"width": 512, "height": 512, "steps": 4, "priority": 1},
        ],
    },
}
FLEETS: dict[str, dict[str, Any]] = {
    "1 eager": {"calibration": EAGER, "replicas": 1},
    "3": {"replicas": 3},
    "2 on H200": {"calibration": H200, "replicas": 2},
    "batches of 4": {"replicas": 2, "batching": {"max_batch": 4}},
    "held back": {"replicas": 2, "batching": {"max_batch": 8, "max_wait_s": 0.2}},
    "tokens": {"replicas": 2, "batching": {"max_batch": 8, "together": "tokens"}},
    "short queue": {"replicas": 1, "queue_limit": 3},
    "scaling": {
        "replicas": 4,
        "scaling": {"least": 1, "cold_start_s": 20.0, "idle_timeout_s": 60.0},
    },
    "measured cold start": {"replicas": 3, "scaling": {"idle_timeout_s": 30.0}},
    "failures": {
        "replicas": 2,
        "reserve": 1,
        "failures": {"between_failures_s": 300.0, "recovery_s": 30.0},
    },
    "lost calls": {
        "replicas": 2,
        "failures": {
            "between_failures_s": 200.0,
            "recovery_s": 20.0,
            "calls_cut_short": "lost",
        },
    },
    "2 GPUs an image": {"calibration": EAGER, "replicas": 1, "gpus_per_image": 2},
}


def fleet(name: str) -> fc.Fleet:
    """Return a fleet by its name here."""
    return fc.Fleet.parse({"calibration": STACK} | FLEETS[name], "a fleet")


def simulations(book: Book) -> None:
    """Keep what fleets do with a few hundred requests."""
    few: dict[str, int] = {"requests": 400, "replications": 2}
    for stream, changes in STREAMS.items():
        for name in FLEETS:
            given = (workload(ARRIVING, **changes), fleet(name))
            key = f"{stream} on {name}"
            book.ask("simulations", key, fc.simulate, *given, seed=7, within_s=2.0, **few)
    asked, sweep, size = workload(ARRIVING), public("load_sweep"), public("size_fleet")
    loads = (0.2, 0.6, 0.9)
    for name in ("1 eager", "batches of 4", "failures"):
        key = f"load sweep of {name}"
        book.ask("simulations", key, sweep, asked, fleet(name), loads=loads, seed=3, **few)
    for name in ("3", "batches of 4", "held back"):
        book.ask("simulations", f"fleet sized from {name}", size, asked, fleet(name), seed=5)
    day = workload(ARRIVING, **STREAMS["a day"])
    book.ask("simulations", "fleet by hour", fc.fleet_by_hour, day, fleet("3"), seed=2)
    shared = [asked, example("newsroom"), workload(ARRIVING, name="more requests")]
    for name in ("3", "held back"):
        key = f"shared by three on {name}"
        book.ask("simulations", key, fc.simulate_shared, shared, fleet(name), seed=1, **few)
