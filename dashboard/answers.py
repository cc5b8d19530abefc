"""Answers of the public door, each kept while the question stays the same."""

from __future__ import annotations

import datetime as dt

import streamlit as st

import fluxcost as fc

KEPT = 32
"""Answers kept at a time; one holds a few megabytes of draws."""


@st.cache_resource(max_entries=2)
def models(today: dt.date) -> tuple[str, ...]:
    """Return every model that can be planned: the timed ones first, then those with an API."""
    timed = [fc.load_calibration(entry.alias).model for entry in fc.shipped_calibrations()]
    sold = sorted(tariff.model for tariff in fc.load_catalog().plannable_tariffs(today=today))
    return tuple(dict.fromkeys((*timed, *sold)))


@st.cache_resource(
    max_entries=KEPT,
    show_spinner="Planning",
    hash_funcs={fc.Workload: lambda workload: workload.model_dump_json()},
)
def plans(workload: fc.Workload, today: dt.date) -> fc.Plans:
    """Return the plans of a workload at the shipped prices and timings."""
    return fc.plan(workload, today=today)
