"""Controls that pages share; the query parameters of the page hold what was chosen.

The key of a control is the name of its parameter; at its default the parameter is left out. What
is too much is the library's to say: controls have a least value but no greatest. One that does not
matter at the moment is disabled and not left out: Streamlit takes the parameter of a control that
is gone out of the address, and while a page is drawn that may take out others' with it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import streamlit as st

import fluxcost as fc

from . import answers

SIZES: Mapping[str, tuple[int, int]] = {
    "1024x1024": (1024, 1024),
    "768x768": (768, 768),
    "512x512": (512, 512),
    "1280x720": (1280, 720),
    "1536x1024": (1536, 1024),
    "2048x2048": (2048, 2048),
}
CUSTOM = "another"

# A chosen text stands in the address as it is shown.
DEADLINE = "by a deadline"
MONTH = "every month"


def model(today: dt.date) -> str:
    """Ask for a model."""
    return st.selectbox(
        "Model",
        answers.models(today),
        key="model",
        bind="query-params",
        help="Those that were timed come first; the others are sold by APIs only.",
    )


def size_and_steps() -> tuple[int, int, int]:
    """Ask for the fields of a shape, which a page makes once every control is drawn."""
    size = st.selectbox("Size, pixels", [*SIZES, CUSTOM], key="size", bind="query-params")
    preset = size in SIZES
    left, right = st.columns(2)
    with left:
        width = _count("Width", "width", default=1024, least=16, step=16, disabled=preset)
    with right:
        height = _count("Height", "height", default=1024, least=16, step=16, disabled=preset)
    steps = _count("Denoising steps", "steps", default=4, least=1)
    return *SIZES.get(size, (width, height)), steps


def volume() -> dict[str, Any]:
    """Ask how many images and by when; return the fields of a workload."""
    kind = st.radio("Images wanted", [DEADLINE, MONTH], key="volume", bind="query-params")
    images = _count("Images", "images", default=200_000, least=1, step=10_000)
    hours = st.number_input(
        "Ready within, hours",
        0.1,
        value=8.0,
        step=1.0,
        format="%g",
        key="hours",
        bind="query-params",
        disabled=kind != DEADLINE,
    )
    starts = _count(
        "Starts a month",
        "starts",
        default=22,
        least=0,
        remark="Also consider renting only while there is work, so often a month; 0: do not.",
        disabled=kind != MONTH,
    )
    if kind == DEADLINE:
        return {"deadline": {"images": images, "hours": hours}}
    on_demand = {"starts_per_month": starts} if starts else None
    return {"images_per_month": images, "on_demand": on_demand}


def running() -> dict[str, Any]:
    """Ask how the GPUs are kept busy; return the fields of a workload."""
    utilization = st.slider(
        "Utilization",
        0.05,
        1.0,
        value=0.9,
        step=0.05,
        format="percent",
        key="utilization",
        bind="query-params",
        help="Share of rented time, start-up aside, in which the GPUs make images.",
    )
    startup = st.number_input(
        "Start-up, minutes",
        0.0,
        value=10.0,
        step=1.0,
        format="%g",
        key="startup",
        bind="query-params",
        help="Billed from renting a GPU until it makes its first image.",
    )
    return {"utilization": utilization, "startup_minutes": startup}


def constraints() -> dict[str, Any]:
    """Ask what a plan must never do; return the constraints of a workload."""
    grade = st.radio(
        "Least price grade",
        ["A", "B", "C"],
        index=1,
        horizontal=True,
        key="grade",
        bind="query-params",
        help="A is the vendor's own page, B a dated copy of it, C anything weaker.",
    )
    sources = st.multiselect(
        "Timings allowed",
        [str(source) for source in fc.Source],
        placeholder="Any source",
        key="sources",
        bind="query-params",
        help="Where timings may come from, strongest first; none chosen allows every one. "
        "APIs are not timed, so not concerned.",
    )
    stale = st.checkbox(
        "Old prices",
        value=True,
        key="stale",
        bind="query-params",
        help="Those over 90 days old and those of undated pages, at a wider interval.",
    )
    marketplace = st.checkbox(
        "Marketplace hosts",
        key="marketplace",
        bind="query-params",
        help="Whose prices move from day to day.",
    )
    return {
        "least_grade": grade,
        "allow_sources": sources or None,
        "allow_stale": stale,
        "allow_marketplace": marketplace,
    }


def _count(
    label: str,
    key: str,
    *,
    default: int,
    least: int,
    step: int = 1,
    remark: str | None = None,
    disabled: bool = False,
) -> int:
    return st.number_input(
        label,
        least,
        value=default,
        step=step,
        key=key,
        bind="query-params",
        help=remark,
        disabled=disabled,
    )
