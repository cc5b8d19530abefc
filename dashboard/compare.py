"""Stacks, GPUs, models and APIs side by side: cost, latency, picture, and what nothing beats."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

import fluxcost as fc

from . import answers, charts, controls, downloads, programs, show, uploads
from .uploads import Own

SHADES = (charts.BLUE, charts.ORANGE, charts.GREEN, charts.PURPLE, charts.RED, charts.GRAY)
APIS = "API, latency not known"
FRONT = "front"


def page() -> None:
    """Draw the page."""
    st.title("Compare")
    st.caption(
        "Every way to make the same images: stacks, GPUs, batches, models and APIs, by cost, "
        "latency and quality. Change the question in the panel on the left (»)."
    )
    today, own = answers.today(), uploads.own()
    with show.refusals():
        asked = _question(today, own)
        _answer(asked, today, own)


@dataclass(frozen=True)
class ComparisonQuestion:
    """What the controls say."""

    workloads: tuple[fc.Workload, ...]
    metric: str | None


def _question(today: dt.date, own: Own) -> ComparisonQuestion:
    with st.sidebar:
        models = controls.models(today, own)
        metric = controls.metric(own)
        with st.expander("A quality record of your own"):
            uploads.ask(
                "qualities",
                "Quality record, JSON or YAML",
                ["json", "yaml", "yml"],
                fc.parse_quality,
                "What `python -m measure quality` wrote, or figures as in examples/quality.",
            )
        size_and_steps = controls.size_and_steps()
        volume = controls.volume()
        running = controls.running()
        constraints = controls.constraints()
    width, height, stated = size_and_steps
    common = {"name": "compare", **volume, **running, "constraints": constraints}
    workloads = [
        fc.Workload.parse(
            {**common, "model": model, "shapes": [asdict(fc.Shape(width, height, steps))]},
            "this page",
        )
        for model in models
        for steps in dict.fromkeys((stated, *_judged_steps(model, metric, own)))
    ]
    return ComparisonQuestion(tuple(workloads), metric)


def _judged_steps(model: str, metric: str | None, own: Own) -> list[int]:
    """Return the step counts at which some record judges a model, rising."""
    if metric is None:
        return []
    records = (each for each in answers.qualities(own) if each.model == model)
    return sorted({steps for record in records for steps in record.judged_steps(metric)})


def _answer(asked: ComparisonQuestion, today: dt.date, own: Own) -> None:
    if not asked.workloads:
        raise fc.InputError("no model is chosen; choose at least one in the panel on the left.")
    found = answers.comparison(asked.workloads, asked.metric, today, own)
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
        "GPU. Rings are beaten by nothing: no other way to comparable pictures costs and takes as "
        "little with pictures no worse. Ticks on top are APIs, which nobody timed."
    )
    if asked.metric is not None:
        with show.refusals():
            _quality(found, frame, asked.metric)
    _tables(frame)
    downloads.offer(
        "compare",
        "plan-comparison",
        found.to_dict,
        found.to_frame,
        charts.picture(chart) if chart is not None else None,
        programs.compare(asked.workloads, asked.metric, today, own),
    )
    _evidence(found)


def _said(found: fc.Comparison) -> None:
    ways = len(found.alternatives)
    first = found.alternatives[0]
    lines = [
        f"{ways} ways, {len(found.rejected)} candidates rejected. Cheapest: {_way(first)}.",
    ]
    if found.front:
        lines.append(f"Quickest that nothing beats: {_way(_quickest(found))}.")
    st.markdown(show.plain(" ".join(lines)))
    cheap, fast = st.columns(2)
    with cheap:
        show.metric("Cheapest, USD an image", first.plan.usd_per_image)
    if found.front and (latency := _quickest(found).plan.latency) is not None:
        with fast:
            show.metric("Quickest unbeaten, a call", latency)


def _way(way: fc.Alternative) -> str:
    with_stack = f" with {way.stack}" if way.stack else ""
    return f"{way.plan.option}{with_stack}, {way.model} at {way.steps} steps"


def _quickest(found: fc.Comparison) -> fc.Alternative:
    return min(
        (each for each in found.front if each.plan.latency is not None),
        key=lambda each: each.plan.latency.value if each.plan.latency else 0.0,
    )


def _frame(found: fc.Comparison) -> pd.DataFrame:
    frame = found.to_frame()
    if "latency" not in frame:
        frame["latency"] = None
    if "quality_low" not in frame:
        frame[["quality", "quality_low", "quality_high"]] = None
    frame["made by"] = [_maker(each) for each in found.alternatives]
    return frame


def _maker(way: fc.Alternative) -> str:
    if way.stack is None:
        return APIS
    suffix = "" if way.picture == "as eager bf16" else f" ({way.picture})"
    return f"{way.model}: {way.plan.gpu}, {way.stack}{suffix}"


def _chart(timed: pd.DataFrame, apis: pd.DataFrame) -> charts.Drawing:
    rows = {charts.ROWS: timed, FRONT: timed[timed["on_front"]]} | (
        {APIS: apis} if len(apis) else {}
    )
    # Joined where cost and latency alone decide; with quality the front is not a line.
    is_line = bool(timed["quality"].isna().all())
    names = tuple(dict.fromkeys(timed["made by"]))
    return charts.Drawing(_drawn(names, is_line=is_line, has_apis=APIS in rows), rows)


@charts.drawn_once
def _drawn(names: tuple[str, ...], *, is_line: bool, has_apis: bool) -> alt.LayerChart:
    palette = dict(zip(names, itertools.cycle(SHADES), strict=False))
    scale = alt.Scale(domain=list(palette), range=list(palette.values()))
    x = alt.X(
        "usd_per_image:Q",
        title="USD an image (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(format="~g", labelOverlap=True, tickCount=6),
    )
    y = alt.Y(
        "latency:Q",
        title="a call on an idle GPU, s (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=12),
    )
    fields = [
        alt.Tooltip("option:N", title="rented"),
        alt.Tooltip("made by:N", title="made by"),
        alt.Tooltip("batch:Q", title="batch"),
        alt.Tooltip("steps:Q", title="steps"),
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
        charts.of()
        .mark_point(filled=True, size=60, opacity=0.75)
        .encode(x=x, y=y, color=color, shape=shape, tooltip=fields)
    )
    best = charts.of(FRONT).encode(x=x, y=y)
    spans = best.mark_rule(strokeWidth=1.5, color=charts.RED).encode(
        x="usd_per_image_low:Q", x2="usd_per_image_high:Q"
    )
    dashes = [4, 3] if is_line else [0, 1]
    line = best.mark_line(color=charts.RED, strokeDash=dashes).encode(detail=["model:N", "steps:N"])
    rings = best.mark_point(size=190, color=charts.RED, strokeWidth=2).encode(tooltip=fields)
    layers: list[Any] = [line, spans, points, rings]
    if has_apis:
        ticks = charts.of(APIS).mark_tick(color=charts.GRAY, thickness=2, size=14)
        layers.append(ticks.encode(x=x, y=alt.value(6), tooltip=[*fields[:2], *fields[3:6]]))
    return charts.over(*layers)


def _quality(found: fc.Comparison, frame: pd.DataFrame, metric: str) -> None:
    st.subheader(f"Quality against cost: {metric}")
    scored = frame.dropna(subset=["quality"])
    if not len(scored):
        raise fc.MissingDataError(
            f"no way here has a {metric} at its steps; choose a step count that a record holds, or "
            "bring your own record."
        )
    charts.show(
        _quality_chart(scored, metric),
        f"{metric} and cost of {len(scored)} ways; rings are unbeaten with latency too.",
        height=300,
    )
    st.caption(
        "Upright lines are 90 % intervals of the quality, level ones of the cost. Rings are beaten "
        "by nothing in cost, latency and quality together. Where CLIP judges, fewer steps than a "
        "model was made for beat nothing: it does not see what they lose. Stacks that change the "
        "pictures have no record and are left out; an API counts as the model it sells."
    )
    first = next(each.quality for each in found.alternatives if each.quality is not None)
    show.evidence({metric: first})


def _quality_chart(scored: pd.DataFrame, metric: str) -> charts.Drawing:
    scored = scored.assign(drawn=[f"{steps:g} steps" for steps in scored["steps"]])
    names = tuple(dict.fromkeys(scored.sort_values("steps")["drawn"]))
    rows = {charts.ROWS: scored, FRONT: scored[scored["on_front"]]}
    return charts.Drawing(_quality_drawn(names, metric), rows)


@charts.drawn_once
def _quality_drawn(names: tuple[str, ...], metric: str) -> alt.LayerChart:
    scale = alt.Scale(domain=list(names), range=list(SHADES)[: len(names)])
    x = alt.X(
        "usd_per_image:Q",
        title="USD an image (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(format="~g", labelOverlap=True, tickCount=6),
    )
    y = alt.Y("quality:Q", title=metric, scale=alt.Scale(zero=False, padding=8))
    fields = [
        alt.Tooltip("option:N", title="rented"),
        alt.Tooltip("made by:N", title="made by"),
        alt.Tooltip("drawn:N", title="drawn in"),
        alt.Tooltip("quality:Q", title=metric, format=".4~g"),
        alt.Tooltip("quality_low:Q", title="low, 5 %", format=".4~g"),
        alt.Tooltip("quality_high:Q", title="high, 95 %", format=".4~g"),
        alt.Tooltip("usd_per_image:Q", title="USD an image", format=".6f"),
        alt.Tooltip("latency:Q", title="a call, s", format=".3~g"),
        alt.Tooltip("beaten_by:N", title="beaten by"),
    ]
    color = alt.Color("drawn:N", scale=scale, legend=charts.legend())
    base = charts.of().encode(color=color)
    best = charts.of(FRONT).encode(x=x, y=y)
    return charts.over(
        base.mark_rule().encode(x=x, y="quality_low:Q", y2="quality_high:Q"),
        best.mark_rule(color=charts.RED).encode(x="usd_per_image_low:Q", x2="usd_per_image_high:Q"),
        base.mark_point(filled=True, size=60, opacity=0.75).encode(
            x=x, y=y, shape=alt.Shape("model:N", legend=None), tooltip=fields
        ),
        best.mark_point(size=190, color=charts.RED, strokeWidth=2).encode(tooltip=fields),
    )


def _tables(frame: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        "option": "Rented or bought",
        "made by": "Made by",
        "batch": number("Batch"),
        "steps": number("Steps"),
        "usd_per_image": number("USD an image", format="%.6f"),
        "usd_per_image_low": number("Low, 5 %", format="%.6f"),
        "usd_per_image_high": number("High, 95 %", format="%.6f"),
        "latency": number("A call, s", format="%.3f"),
        "quality": number("Quality", format="%.3f"),
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
    for each in (found.alternatives[0], *([_quickest(found)] if found.front else [])):
        name = f"{each.plan.option}, batch {each.plan.batch}"
        numbers[f"{name}, USD an image"] = each.plan.usd_per_image
        if each.plan.latency is not None:
            numbers[f"{name}, a call"] = each.plan.latency
    show.evidence(numbers)
