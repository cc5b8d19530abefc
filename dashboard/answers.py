"""Answers of the public door, each kept while the question stays the same."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

import fluxcost as fc

from .uploads import Own, Upload

KEPT = 32
"""Answers of a kind kept at a time, for all readers; one holds up to two megabytes of draws."""

LARGE_KEPT = 8
"""Plans and comparisons kept: each holds the draws of every candidate, 13 MB a model."""

YOURS = "yours: "
"""How the name of an uploaded calibration begins, so that it cannot pass for a shipped one."""

_HASHES: dict[str | type[Any], Callable[[Any], Any]] = {
    Upload: lambda upload: (upload.name, upload.digest),
    fc.Workload: lambda workload: workload.model_dump_json(),
    fc.Fleet: lambda fleet: fleet.model_dump_json(),
}


def today() -> dt.date:
    """Return the day on which prices are judged."""
    return dt.datetime.now(tz=dt.UTC).date()


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner=False)
def catalog(own: Own) -> fc.Catalog:
    """Return the shipped prices with the reader's own over them."""
    prices = fc.load_catalog()
    for upload in own.prices:
        prices = prices.overlaid(fc.parse_prices(upload.data, upload.where))
    return prices


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner=False)
def _own_calibrations(own: Own) -> Mapping[str, fc.Calibration]:
    found = [fc.parse_calibration(each.data, each.where) for each in own.calibrations]
    return {f"{YOURS}{each.alias} {each.content_hash[:8]}": each for each in found}


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner=False)
def calibrations(own: Own) -> Mapping[str, fc.Calibration]:
    """Return every calibration by the name it is chosen by.

    Shipped ones come first, and of these the models that were timed in most ways.
    """
    shipped = {each.alias: fc.load_calibration(each.alias) for each in fc.shipped_calibrations()}
    ways = Counter(each.model for each in shipped.values())
    ordered = sorted(shipped, key=lambda alias: -ways[shipped[alias].model])
    return {**{alias: shipped[alias] for alias in ordered}, **_own_calibrations(own)}


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner="Fitting")
def fit(name: str, own: Own) -> fc.Fit:
    """Return the fit of a calibration by the name it is chosen by."""
    return fc.fit(calibrations(own)[name])


@st.cache_resource(max_entries=2, hash_funcs=_HASHES, show_spinner=False)
def models(today: dt.date, own: Own) -> tuple[str, ...]:
    """Return every model that can be planned: the timed ones first, then those with an API."""
    timed = [calibration.model for calibration in calibrations(own).values()]
    sold = sorted(tariff.model for tariff in catalog(own).plannable_tariffs(today=today))
    return tuple(dict.fromkeys((*timed, *sold)))


def is_only_yours(calibration: str | None, own: Own) -> bool:
    """Return whether nothing but an upload times what a plan rests on."""
    if calibration is None:
        return False
    known = calibrations(own)
    given = {each.alias for name, each in known.items() if name.startswith(YOURS)}
    return calibration in given and calibration not in known


def _timed(own: Own, *models: str) -> tuple[fc.Calibration, ...] | None:
    # None lets the library use its own fits of the shipped ones, which it keeps.
    if not own.calibrations:
        return None
    return tuple(each for each in calibrations(own).values() if each.model in models)


@st.cache_resource(max_entries=LARGE_KEPT, hash_funcs=_HASHES, show_spinner="Planning")
def plans(workload: fc.Workload, today: dt.date, own: Own) -> fc.Plans:
    """Return the plans of a workload at these prices and timings."""
    return fc.plan(workload, catalog(own), _timed(own, workload.model), today)


def report(workload: fc.Workload, today: dt.date, own: Own) -> str:
    """Return the plans of a workload as a report page."""
    report_ = fc.report(workload, plans(workload, today, own), _timed(own, workload.model))
    return report_.to_html()


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner=False)
def qualities(own: Own) -> tuple[fc.Quality, ...]:
    """Return every quality record: shipped ones first."""
    found = (fc.parse_quality(each.data, each.where) for each in own.qualities)
    return (*fc.shipped_qualities(), *found)


@st.cache_resource(max_entries=LARGE_KEPT, hash_funcs=_HASHES, show_spinner="Comparing")
def comparison(
    workloads: tuple[fc.Workload, ...], metric: str | None, today: dt.date, own: Own
) -> fc.Comparison:
    """Return the ways to make the images of workloads that differ in their model and steps."""
    timed = _timed(own, *(workload.model for workload in workloads))
    return fc.compare(
        workloads, catalog(own), timed, today, metric=metric, qualities=qualities(own)
    )


@dataclass(frozen=True)
class Renting:
    """What is rented instead of which API, and for which images."""

    calibration: str
    offer: str
    tariff: str
    shape: fc.Shape
    batch: int
    utilization: float
    sessions: fc.Sessions | None


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner="Comparing bills")
def break_even(asked: Renting, today: dt.date, own: Own) -> fc.BreakEven:
    """Return from how many images a month renting beats an API."""
    prices = catalog(own)
    return fc.break_even(
        fit(asked.calibration, own),
        prices.offer(asked.offer),
        prices.tariff(asked.tariff),
        asked.shape,
        batch=asked.batch,
        utilization=asked.utilization,
        sessions=asked.sessions,
        today=today,
    )


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner="Simulating")
def simulation(workload: fc.Workload, fleet: fc.Fleet, own: Own) -> fc.Simulation:
    """Return how a fleet serves a workload."""
    return fc.simulate(workload, fleet, calibration=fit(fleet.calibration, own))


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner="Sizing the fleet")
def smallest(workload: fc.Workload, fleet: fc.Fleet, own: Own) -> fc.Simulation:
    """Return the fewest replicas that meet the workload's objective, and how they serve it."""
    return fc.size_fleet(workload, fleet, calibration=fit(fleet.calibration, own))


def load_sweep(workload: fc.Workload, fleet: fc.Fleet, own: Own) -> fc.LoadSweep:
    """Return how a fleet slows down as it fills up: the same, whatever the workload's own rate."""
    arrivals = workload.arrivals and workload.arrivals.model_copy(update={"requests_per_s": 1.0})
    return _load_sweep(workload.model_copy(update={"arrivals": arrivals}), fleet, own)


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner="Simulating rising load")
def _load_sweep(workload: fc.Workload, fleet: fc.Fleet, own: Own) -> fc.LoadSweep:
    return fc.load_sweep(workload, fleet, calibration=fit(fleet.calibration, own))


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner="Sizing hour by hour")
def by_hour(workload: fc.Workload, fleet: fc.Fleet, own: Own) -> fc.HourlyFleets:
    """Return the fewest replicas of each hour of a workload's day."""
    return fc.fleet_by_hour(workload, fleet, calibration=fit(fleet.calibration, own))


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner="Leaving cells out")
def validation(calibration: str, own: Own) -> fc.ValidationReport:
    """Return how well a fit predicts cells left out of it."""
    return fc.validate(calibrations(own)[calibration])


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner="Reading the fit")
def size_curve(calibration: str, steps: int, batch: int, own: Own) -> fc.SizeCurve:
    """Return latency over size."""
    return fc.size_curve(fit(calibration, own), steps=steps, batch=batch)


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner=False)
def breakdown(calibration: str, shape: fc.Shape, batch: int, own: Own) -> fc.Breakdown:
    """Return where the time of a call goes."""
    return fc.breakdown(fit(calibration, own), shape, batch)


@st.cache_resource(max_entries=KEPT, hash_funcs=_HASHES, show_spinner="Recomputing claims")
def audit(today: dt.date, own: Own) -> fc.AuditReport:
    """Return a published benchmark's claims, recomputed."""
    return fc.audit(catalog=catalog(own), today=today)
