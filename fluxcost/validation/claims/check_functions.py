"""The functions that a check may call: our measurements, prices of the catalog, break-even volumes.

Each call is recorded as evidence: which GPU was measured, and whether the price can still be had.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from fluxcost.economics.break_even.break_even import break_even
from fluxcost.economics.break_even.volumes import Sessions
from fluxcost.economics.catalog import Catalog
from fluxcost.economics.offers import HOURS_PER_MONTH
from fluxcost.economics.price_row import PriceRow
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.validation.claims.audit_file import Value
from fluxcost.validation.claims.expressions import Function
from fluxcost.validation.claims.printed_figures import PrintedFigure
from fluxcost.workload.shape import Shape

BYTES_PER_GIB = 2**30
BYTES_PER_GB = 1e9


@dataclass
class EvidenceTrail:
    """What one check used."""

    measured: dict[str, str] = field(default_factory=dict)
    """Where it was measured, as 'h200-sxm, eager-bf16', to the key of that GPU."""
    rows: dict[str, PriceRow] = field(default_factory=dict)
    evidence: dict[str, None] = field(default_factory=dict)


class CheckFunctions:
    """The functions a check may call, over one catalog on one day."""

    def __init__(self, catalog: Catalog, today: dt.date) -> None:
        self._catalog = catalog
        self._today = today
        self.trail = EvidenceTrail()

    def functions(self) -> Mapping[str, Function]:
        """Return them by the names used in expressions."""
        return {
            "measured_latency_s": self.measured_latency_s,
            "measured_images_per_s": self.measured_images_per_s,
            "measured_memory_gib": self.measured_memory_gib,
            "price_usd_per_gpu_hour": self.price_usd_per_gpu_hour,
            "tariff_usd_per_image": self.tariff_usd_per_image,
            "break_even_images_per_month": self.break_even_images_per_month,
            "gib_from_gb": self.gib_from_gb,
            "hours_per_month": self.hours_per_month,
        }

    def measured_latency_s(
        self,
        gpu: Value,
        model: Value,
        stack: Value,
        width: Value,
        height: Value,
        steps: Value,
        batch: Value,
    ) -> PrintedFigure:
        """Return seconds of one call as we measured it, with its 90 % interval."""
        fitted = self._fit(gpu, model, stack)
        return self._estimate(fitted.latency(_shape(width, height, steps), batch=_count(batch)))

    def measured_images_per_s(
        self,
        gpu: Value,
        model: Value,
        stack: Value,
        width: Value,
        height: Value,
        steps: Value,
        batch: Value,
    ) -> PrintedFigure:
        """Return images per second of one GPU as we measured it, with its 90 % interval."""
        fitted = self._fit(gpu, model, stack)
        return self._estimate(fitted.throughput(_shape(width, height, steps), batch=_count(batch)))

    def measured_memory_gib(
        self,
        gpu: Value,
        model: Value,
        stack: Value,
        width: Value,
        height: Value,
        steps: Value,
        batch: Value,
    ) -> PrintedFigure:
        """Return peak GiB of one call as we measured it, with its 90 % interval."""
        fitted = self._fit(gpu, model, stack)
        return self._estimate(fitted.memory(_shape(width, height, steps), batch=_count(batch)))

    def price_usd_per_gpu_hour(self, offer: Value) -> PrintedFigure:
        """Return the price of an offer as the catalog holds it."""
        row = self._catalog.offer(_text(offer))
        self._used(row)
        return PrintedFigure.exact(row.usd_per_gpu_hour)

    def tariff_usd_per_image(
        self, tariff: Value, width: Value, height: Value, steps: Value
    ) -> PrintedFigure:
        """Return what an API charges for an image, as the catalog holds it."""
        row = self._catalog.tariff(_text(tariff))
        self._used(row)
        return PrintedFigure.exact(
            row.usd_per_image(_shape(width, height, steps), self._today).value
        )

    def break_even_images_per_month(
        self,
        calibration: Value,
        offer: Value,
        tariff: Value,
        *,
        width: Value,
        height: Value,
        steps: Value,
        starts_per_month: Value | None = None,
        startup_s: Value | None = None,
    ) -> PrintedFigure:
        """Return the volume from which renting beats an API, the GPU kept fully busy.

        With `starts_per_month` and `startup_s` it is rented by the session, else all month.
        """
        rented, api = self._catalog.offer(_text(offer)), self._catalog.tariff(_text(tariff))
        self._used(rented)
        self._used(api)
        answer = break_even(
            _fitted(_text(calibration)),
            rented,
            api,
            _shape(width, height, steps),
            utilization=1.0,
            sessions=_sessions(starts_per_month, startup_s),
            today=self._today,
        )
        return PrintedFigure.exact(answer.images_per_month.value)

    def gib_from_gb(self, gb: Value) -> PrintedFigure:
        """Return decimal gigabytes in GiB."""
        figure, ratio = _figure(gb), BYTES_PER_GB / BYTES_PER_GIB
        return PrintedFigure(figure.value * ratio, figure.low * ratio, figure.high * ratio)

    def hours_per_month(self) -> PrintedFigure:
        """Return the hours of a month, everywhere in fluxcost."""
        return PrintedFigure.exact(HOURS_PER_MONTH)

    def _fit(self, gpu: Value, model: Value, stack: Value) -> Fit:
        self.trail.measured[f"{_text(gpu)}, {_text(stack)}"] = _text(gpu)
        return _fitted(f"{_text(gpu)}/{_text(model)}/{_text(stack)}")

    def _estimate(self, estimate: Estimate) -> PrintedFigure:
        self.trail.evidence.update(dict.fromkeys(estimate.evidence[:1]))
        return PrintedFigure(estimate.value, estimate.low, estimate.high)

    def _used(self, row: PriceRow) -> None:
        self.trail.rows[row.id] = row
        dated = f"{row.id}, as of {row.as_of}, grade {row.grade}, {row.status}"
        self.trail.evidence[dated] = None


@functools.cache
def _fitted(alias: str) -> Fit:
    # Shipped files do not change while a program runs, and many checks ask the same fit.
    if alias.endswith(".json"):
        raise InputError(f"calibration {alias!r} is a path; an audit reads shipped ones only.")
    return fit(load_calibration(alias))


def _shape(width: Value, height: Value, steps: Value) -> Shape:
    return Shape(_count(width), _count(height), _count(steps))


def _sessions(starts_per_month: Value | None, startup_s: Value | None) -> Sessions | None:
    if starts_per_month is None and startup_s is None:
        return None
    if starts_per_month is None or startup_s is None:
        raise InputError("expected both starts_per_month and startup_s, or neither.")
    return Sessions(_count(starts_per_month), _figure(startup_s).value)


def _count(value: Value) -> int:
    figure = _figure(value)
    if figure.value != round(figure.value):
        raise InputError(f"{figure} is given where a whole number is expected.")
    return round(figure.value)


def _figure(value: Value) -> PrintedFigure:
    if not isinstance(value, PrintedFigure):
        raise InputError(f"{value!r} is given where a number is expected.")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise InputError(f"{value} is given where a name in quotes is expected.")
    return value
