"""The inputs that several kinds share, all fixed: a day, shapes, calibrations and workloads."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import io
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import fluxcost as fc

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
TODAY = dt.date(2026, 11, 24)

MODEL = "flux2-klein-4b"
STACK = f"h100-sxm/{MODEL}/compiled-bf16"
EAGER = f"h100-sxm/{MODEL}/eager-bf16"
H200 = f"h200-sxm/{MODEL}/eager-bf16"
OFFER = "runpod/h100-sxm-secure"
TARIFF = "bfl/flux-2-klein-4b"

SHAPES = tuple(
    fc.Shape(width, height, steps)
    for width, height in ((512, 512), (768, 1024), (1024, 1024), (1280, 720), (1536, 1536))
    for steps in (4, 20)
)
SQUARE = fc.Shape(1024, 1024, 4)
SMALL = fc.Shape(512, 512, 4)

ARRIVING: dict[str, Any] = {
    "format": "fluxcost-workload",
    "version": 1,
    "name": "requests",
    "model": MODEL,
    "shapes": [
        {"width": 1024, "height": 1024, "steps": 4, "weight": 3},
        {"width": 768, "height": 768, "steps": 4},
    ],
    "arrivals": {"requests_per_s": 1.5},
    "objective": {"percentile": 95, "within_s": 3},
    "constraints": {"allow_stale": True},
}
MONTHLY: dict[str, Any] = {
    "format": "fluxcost-workload",
    "version": 1,
    "name": "a month",
    "model": MODEL,
    "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
    "images_per_month": 400_000,
    "on_demand": {"starts_per_month": 20},
    "utilization": 0.6,
    "startup_minutes": 5,
    "constraints": {"allow_stale": True, "allow_marketplace": True, "least_grade": "C"},
}
JOB: dict[str, Any] = {
    key: value for key, value in MONTHLY.items() if key not in {"images_per_month", "on_demand"}
} | {"name": "a job", "deadline": {"images": 50_000, "hours": 6}}


class _Fixed(dt.datetime):
    """The clock of the whole run, so that ages of prices do not depend on the day of the run."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> _Fixed:
        return cls(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=tz)


@contextlib.contextmanager
def fixed_clock() -> Iterator[None]:
    """Let the program, which asks the clock for the day, see `TODAY`.

    All that is public is loaded first: records with times in them must find the real class.
    """
    for name in fc.__all__:
        getattr(fc, name)
    program("--help")
    with mock.patch.object(dt, "datetime", _Fixed):
        yield


def workload(document: dict[str, Any], **changes: object) -> fc.Workload:
    """Return the workload of a document with some fields changed; None leaves one out."""
    stated = {key: value for key, value in (document | changes).items() if value is not None}
    return fc.Workload.parse(stated, "a workload")


def example(name: str) -> fc.Workload:
    """Return a workload of examples/."""
    return fc.load_workload(EXAMPLES / f"{name}.yaml")


@functools.cache
def fitted(alias: str) -> fc.Fit:
    """Return the fit of a shipped calibration."""
    return fc.fit(fc.load_calibration(alias))


@functools.cache
def catalog() -> fc.Catalog:
    """Return the shipped prices."""
    return fc.load_catalog()


@functools.cache
def aliases() -> tuple[str, ...]:
    """Return the aliases of the shipped calibrations."""
    return tuple(shipped.alias for shipped in fc.shipped_calibrations())


def program(*arguments: object) -> tuple[int, str, str]:
    """Run `python -m fluxcost` in this process; return its exit code, output and errors."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        mock.patch.object(sys, "argv", ["fluxcost", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            runpy.run_module("fluxcost", run_name="__main__")
        except SystemExit as stop:
            code = stop.code
    return int(str(code or 0)), out.getvalue(), err.getvalue()
