"""Stacks, GPUs, models and APIs side by side: cost, latency, picture, and what nothing beats."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import asdict
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

import fluxcost as fc

from . import answers, charts, controls, downloads, programs, show, uploads
from .uploads import Own

SHADES = (charts.BLUE, charts.ORANGE, charts.GREEN, charts.PURPLE, charts.RED, charts.GRAY)
APIS = "API, latency not known"


def page() -> None:
    """Draw the page."""
    st.title("Compare")
    st.caption(
        "Every way to make the same images: stacks, GPUs, batches, models and APIs. Change the "
        "question in the panel on the left (»)."
    )
    today, own = answers.today(), uploads.own()
    with show.refusals():
        workloads = _workloads(today, own)
        _answer(workloads, today, own)


def _workloads(today: dt.date, own: Own) -> tuple[fc.Workload, ...]:
    with st.sidebar:
        models = controls.models(today, own)
        size_and_steps = controls.size_and_steps()
        volume = controls.volume()
        running = controls.running()
        constraints = controls.constraints()
    shape = asdict(fc.Shape(*size_and_steps))
    common = {"name": "compare", "shapes": [shape], **volume, **running, "constraints": constraints}
    return tuple(fc.Workload.parse({**common, "model": model}, "this page") for model in models)


def _answer(workloads: tuple[fc.Workload, ...], today: dt.date, own: Own) -> None:
    if not workloads:
        raise fc.InputError("no model is chosen; choose at least one in the panel on the left.")
    found = answers.comparison(workloads, today, own)
    frame = _frame(found)
    _said(found)
    timed = frame.dropna(subset=["latency"])
    chart = None
    if len(timed):
        chart = _chart(timed, frame[frame["latency"].isna()])
        charts.show(
            chart,
            f"Cost and latency of {len(timed)} ways; {len(found.front)} unbeaten.",
            height=420,
        )
    st.caption(
        "Each point is an offer with a stack and a batch; its latency is that of a call on an idle "
        "GPU. Rings joined by a line are beaten by nothing of the same model: no other costs and "
        "takes as little with pictures no worse. Ticks on top are APIs, which nobody timed."
    )
    _tables(frame)
    downloads.offer(
        "compare",
        found.to_dict,
        found.to_frame,
        charts.picture(chart) if chart is not None else None,
        programs.compare(workloads, today, own),
    )
    _evidence(found)


def _said(found: fc.Comparison) -> None:
    ways = len(found.alternatives)
    first = found.alternatives[0]
    name = f"{first.plan.option}{f' with {first.stack}' if first.stack else ''}"
    lines = [f"{ways} ways, {len(found.rejected)} candidates rejected. Cheapest: {name}."]
    if found.front:
        quick = found.front[-1]
        lines.append(f"Quickest that nothing beats: {quick.plan.option} with {quick.stack}.")
    st.markdown(show.plain(" ".join(lines)))
    cheap, fast = st.columns(2)
    with cheap:
        show.metric("Cheapest, USD an image", first.plan.usd_per_image)
    if found.front and found.front[-1].plan.latency is not None:
        with fast:
            show.metric("Quickest unbeaten, a call", found.front[-1].plan.latency)


def _frame(found: fc.Comparison) -> pd.DataFrame:
    frame = found.to_frame()
    if "latency" not in frame:
        frame["latency"] = None
    frame["made by"] = [_maker(each) for each in found.alternatives]
    return frame


def _maker(way: fc.Alternative) -> str:
    if way.stack is None:
        return APIS
    told = "" if way.picture == "as eager bf16" else f" ({way.picture})"
    return f"{way.model}: {way.plan.gpu}, {way.stack}{told}"


def _chart(timed: pd.DataFrame, apis: pd.DataFrame) -> alt.LayerChart:
    names = list(dict.fromkeys(timed["made by"]))
    palette = dict(zip(names, itertools.cycle(SHADES), strict=False))
    scale = alt.Scale(domain=list(palette), range=list(palette.values()))
    x = alt.X(
        "usd_per_image:Q",
        title="USD an image (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(format="~g", labelOverlap=True, tickCount=6),
    )
    y = alt.Y(
        "latency:Q", title="a call on an idle GPU, s (log scale)", scale=alt.Scale(type="log")
    )
    told = [
        alt.Tooltip("option:N", title="rented"),
        alt.Tooltip("made by:N", title="made by"),
        alt.Tooltip("batch:Q", title="batch"),
        alt.Tooltip("usd_per_image:Q", title="USD an image", format=".6f"),
        alt.Tooltip("usd_per_image_low:Q", title="low, 5 %", format=".6f"),
        alt.Tooltip("usd_per_image_high:Q", title="high, 95 %", format=".6f"),
        alt.Tooltip("latency:Q", title="a call, s", format=".3~g"),
        alt.Tooltip("picture:N", title="pictures"),
        alt.Tooltip("beaten_by:N", title="beaten by"),
    ]
    color = alt.Color("made by:N", scale=scale, legend=charts.legend(columns=1))
    shape = alt.Shape("picture:N", legend=None)
    points = (
        alt.Chart(timed)
        .mark_point(filled=True, size=60, opacity=0.75)
        .encode(x=x, y=y, color=color, shape=shape, tooltip=told)
    )
    best = alt.Chart(timed[timed["on_front"]]).encode(x=x, y=y)
    spans = best.mark_rule(strokeWidth=1.5, color=charts.RED).encode(
        x="usd_per_image_low:Q", x2="usd_per_image_high:Q"
    )
    line = best.mark_line(color=charts.RED, strokeDash=[4, 3]).encode(detail="model:N")
    rings = best.mark_point(size=190, color=charts.RED, strokeWidth=2).encode(tooltip=told)
    layers: list[Any] = [line, spans, points, rings]
    if len(apis):
        ticks = alt.Chart(apis).mark_tick(color=charts.GRAY, thickness=2, size=14)
        layers.append(ticks.encode(x=x, y=alt.value(6), tooltip=[*told[:2], *told[3:6]]))
    return charts.over(*layers)


def _tables(frame: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        "option": "Rented or bought",
        "made by": "Made by",
        "batch": number("Batch"),
        "usd_per_image": number("USD an image", format="%.6f"),
        "usd_per_image_low": number("Low, 5 %", format="%.6f"),
        "usd_per_image_high": number("High, 95 %", format="%.6f"),
        "latency": number("A call, s", format="%.3f"),
        "picture": "Pictures",
        "picture_error": number("Error to float32", format="percent"),
        "timing_source": "Timing",
        "price_source": "Price",
        "priced_as_of": "Price date, grade",
        "beaten_by": "Beaten by",
    }
    st.subheader("What nothing beats")
    best = frame[frame["on_front"]]
    shown = [name for name in columns if name != "beaten_by"]
    st.dataframe(best[shown], column_config=columns, hide_index=True, width="stretch")
    with st.expander(f"All {len(frame)} ways"):
        st.dataframe(frame[list(columns)], column_config=columns, hide_index=True, width="stretch")


def _evidence(found: fc.Comparison) -> None:
    numbers: dict[str, fc.Estimate] = {}
    for each in (found.alternatives[0], *found.front[-1:]):
        name = f"{each.plan.option}, batch {each.plan.batch}"
        numbers[f"{name}, USD an image"] = each.plan.usd_per_image
        if each.plan.latency is not None:
            numbers[f"{name}, a call"] = each.plan.latency
    show.evidence(numbers)
