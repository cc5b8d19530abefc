"""Controls that pages share; the query parameters of the page hold what was chosen.

The key of a control is the name of its parameter; at its default the parameter is left out. What
is too much is the library's to say: controls have a least value but no greatest. One that does not
matter at the moment is disabled and not left out: Streamlit takes the parameter of a control that
is gone out of the address, and while a page is drawn that may take out others' with it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

import fluxcost as fc

from . import answers
from .uploads import Own

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
ALL_MONTH = "all month"
SESSIONS = "while there is work"
FEWEST = "the fewest in time"
CHOSEN = "as many as I say"
NO_METRIC = "their stack alone"
EXAMPLE_DAY = "1 1 1 1 1 2 4 8 12 14 15 15 14 14 14 15 15 14 12 9 6 4 2 1"


def model(today: dt.date, own: Own) -> str:
    """Ask for a model."""
    return st.selectbox(
        "Model",
        answers.models(today, own),
        key="model",
        bind="query-params",
        help="Those that were timed come first; the others are sold by APIs only.",
    )


def models(today: dt.date, own: Own) -> list[str]:
    """Ask for models to compare."""
    known = answers.models(today, own)
    return st.multiselect(
        "Models",
        known,
        default=known[:1],
        key="models",
        bind="query-params",
        help="Pictures of different models compare only by a quality record of both; without one "
        "each has its own front.",
    )


def metric(own: Own) -> str | None:
    """Ask what pictures compare by: a metric that some record holds, or none."""
    held = {name for record in answers.qualities(own) for name in record.metrics}
    chosen = st.selectbox(
        "Pictures compare by",
        [NO_METRIC, *sorted(held)],
        key="metric",
        bind="query-params",
        help="What records say of each model at each step count; the step counts that were judged "
        "are compared too. accepted is a share of pictures that people accepted.",
    )
    return None if chosen == NO_METRIC else chosen


def calibration(own: Own) -> str:
    """Ask whose timings to use."""
    return st.selectbox(
        "Timings",
        list(answers.calibrations(own)),
        key="calibration",
        bind="query-params",
        help="GPU, model and stack, as measured; your own are uploaded on the Calibration page.",
    )


def offer(gpu: str, today: dt.date, own: Own) -> str:
    """Ask what to rent: offers of a GPU that nobody takes back, the cheapest first."""
    offers = answers.catalog(own).plannable_offers(gpu, today)
    # A bill cannot count interruptions that nobody states, so the library refuses spot here.
    kept = (each for each in offers if not each.is_interruptible)
    rising = sorted(kept, key=lambda each: each.usd_per_gpu_hour)
    plain = (
        at
        for at, each in enumerate(rising)
        if each.kind == "on-demand" and each.trust(today) == "published"
    )
    remark = f"Offers of {gpu}, cheapest first; without spot, whose interruptions nobody states."
    return _chosen("Rented", rising, next(plain, 0), "offer", remark)


def tariff(model: str, today: dt.date, own: Own) -> str:
    """Ask what an API charges: tariffs of a model first, the dearest of them last."""
    tariffs = answers.catalog(own).plannable_tariffs(today=today)
    made = [each for each in tariffs if "text-to-image" in each.tasks]
    first = sorted(made, key=lambda each: (each.model != model, each.grade, each.id))
    remark = f"Those of {model} come first; other models make other pictures."
    return _chosen("Instead of", first, 0, "tariff", remark)


def _chosen(
    label: str, rows: Sequence[fc.Offer | fc.Tariff], index: int, key: str, remark: str
) -> str:
    if not rows:
        raise fc.MissingDataError(f"{label}: nothing with a current price; {remark}")
    return st.selectbox(
        label,
        [row.id for row in rows],
        index=index,
        key=key,
        bind="query-params",
        help=remark,
    )


def batch() -> int:
    """Ask how many images a call makes."""
    return count("Images a call (batch)", "batch", default=4, least=1)


def sessions() -> fc.Sessions | None:
    """Ask whether to keep an instance all month or to start it while there is work."""
    rented = st.radio("Rented", [ALL_MONTH, SESSIONS], key="rented", bind="query-params")
    by_session = rented == SESSIONS
    starts = count("Starts a month", "starts", default=22, least=1, disabled=not by_session)
    minutes = st.number_input(
        "Start-up, minutes",
        0.0,
        value=10.0,
        step=1.0,
        format="%g",
        key="startup",
        bind="query-params",
        disabled=not by_session,
        help="Billed, at each start, until the first image can be made.",
    )
    seconds = dt.timedelta(minutes=minutes).total_seconds()
    return fc.Sessions(starts, seconds) if by_session else None


def utilization(default: float) -> float:
    """Ask which share of rented time makes images."""
    return st.slider(
        "Utilization",
        0.05,
        1.0,
        value=default,
        step=0.05,
        format="percent",
        key="utilization",
        bind="query-params",
        help="Share of rented time, start-up aside, in which the GPUs make images.",
    )


def size_and_steps() -> tuple[int, int, int]:
    """Ask for the fields of a shape, which a page makes once every control is drawn."""
    size = st.selectbox("Size, pixels", [*SIZES, CUSTOM], key="size", bind="query-params")
    preset = size in SIZES
    left, right = st.columns(2)
    with left:
        width = count("Width", "width", default=1024, least=16, step=16, disabled=preset)
    with right:
        height = count("Height", "height", default=1024, least=16, step=16, disabled=preset)
    steps = count("Denoising steps", "steps", default=4, least=1)
    return *SIZES.get(size, (width, height)), steps


def volume() -> dict[str, Any]:
    """Ask how many images and by when; return the fields of a workload."""
    kind = st.radio("Images wanted", [DEADLINE, MONTH], key="volume", bind="query-params")
    images = count("Images", "images", default=200_000, least=1, step=10_000)
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
    starts = count(
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
    busy = utilization(0.9)
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
    return {"utilization": busy, "startup_minutes": startup}


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
        "Use old prices",
        value=True,
        key="stale",
        bind="query-params",
        help="Those over 90 days old and those of undated pages, at a wider interval.",
    )
    marketplace = st.checkbox(
        "Use marketplace hosts",
        key="marketplace",
        bind="query-params",
        help="Whose prices move from day to day.",
    )
    spot = st.checkbox(
        "Use spot",
        key="spot",
        bind="query-params",
        help="Offers that the vendor may take back in the middle of a job; only with the rate at "
        "which you see it happen.",
    )
    interruptions = st.number_input(
        "Interruptions an hour",
        0.0,
        value=0.05,
        step=0.05,
        format="%g",
        key="interruptions",
        bind="query-params",
        disabled=not spot,
        help="Of one spot instance, as you see them: 0.05 is one in 20 hours.",
    )
    regions = st.text_input(
        "Regions",
        "",
        placeholder="Anywhere",
        key="regions",
        bind="query-params",
        help="Words of which an offer's region must hold one, with spaces between, such as us eu. "
        "What states no region, as APIs do not, is then left out.",
    )
    return {
        "least_grade": grade,
        "allow_sources": sources or None,
        "allow_stale": stale,
        "allow_marketplace": marketplace,
        "spot_interruptions_per_hour": interruptions if spot else None,
        "allow_regions": regions.replace(",", " ").split() or None,
    }


def arrivals() -> dict[str, Any]:
    """Ask how requests come in; return the fields of a workload."""
    rate = st.number_input(
        "Requests a second", 0.0, value=5.0, step=1.0, format="%g", key="rate", bind="query-params"
    )
    images = count("Images a request", "each", default=1, least=1)
    process = st.selectbox(
        "Arrivals",
        ["poisson", "gamma", "constant"],
        key="process",
        bind="query-params",
        help="poisson: many independent users; gamma: bursty or regular, by its variation; "
        "constant: a metronome.",
    )
    variation = st.number_input(
        "Variation of the gaps",
        0.05,
        value=2.0,
        step=0.5,
        format="%g",
        key="variation",
        bind="query-params",
        disabled=process != "gamma",
        help="Standard deviation over mean; over 1 is bursty.",
    )
    bursts = {"coefficient_of_variation": variation} if process == "gamma" else {}
    stated = {"process": process, "requests_per_s": rate} | bursts
    return {"arrivals": stated, "images_per_request": images}


def objective() -> dict[str, Any]:
    """Ask how soon requests must be answered; return the fields of a workload."""
    left, right = st.columns(2)
    with left:
        percentile = st.number_input(
            "Percentile",
            1.0,
            99.99,
            value=95.0,
            step=1.0,
            format="%g",
            key="percentile",
            bind="query-params",
            help="Such as 95: 95 of 100 requests.",
        )
    with right:
        within = st.number_input(
            "Within, seconds",
            0.01,
            value=2.0,
            step=0.25,
            format="%g",
            key="within",
            bind="query-params",
            help="From a request's arrival to its last image.",
        )
    return {"objective": {"percentile": percentile, "within_s": within}}


def batching() -> fc.Batching:
    """Ask how a replica joins requests."""
    most = count("Images a call, at most", "batch", default=4, least=1)
    held = st.number_input(
        "Held back for company, seconds",
        0.0,
        value=0.0,
        step=0.05,
        format="%g",
        key="held",
        bind="query-params",
        help="Longest a request waits for others before its call begins.",
    )
    return fc.Batching.parse({"max_batch": most, "max_wait_s": held}, "this page")


def replicas() -> int | None:
    """Ask for a number of replicas; None is for the page to find."""
    found = st.radio("Replicas", [FEWEST, CHOSEN], key="fleet", bind="query-params")
    number = count(
        "GPUs, one replica each", "replicas", default=2, least=1, disabled=found == FEWEST
    )
    return None if found == FEWEST else number


def day() -> str:
    """Ask for the relative rate of each hour of a day."""
    return st.text_input(
        "A day, hour by hour",
        EXAMPLE_DAY,
        key="day",
        bind="query-params",
        help="24 relative rates from midnight on, with spaces between; the mean stays the rate "
        "above. An example day is given; put in yours.",
    )


def count(
    label: str,
    key: str,
    *,
    default: int,
    least: int,
    step: int = 1,
    remark: str | None = None,
    disabled: bool = False,
) -> int:
    """Ask for a whole number; the library says what is too much."""
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
