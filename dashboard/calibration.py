"""What was measured, how well the fit tells what was not, and where the time of a call goes."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import pandas as pd
import streamlit as st

import fluxcost as fc
from fluxcost.units import percent, seconds

from . import answers, charts, controls, downloads, programs, show, uploads
from .uploads import Own

FIT = "fit, 90 % interval"
STAGES = {
    "text_encode": charts.GREEN,
    "denoise": charts.BLUE,
    "vae_decode": charts.ORANGE,
    "host": charts.GRAY,
}
MEASURED, FLOORS = "measured", "floors"
ZERO = charts.marks("at", [("", 0)])
COVERED, MISSED = "inside the interval", "outside it"


@dataclass(frozen=True)
class CalibrationQuestion:
    """What the controls say."""

    calibration: str
    shape: fc.Shape
    batch: int


def page() -> None:
    """Draw the page."""
    st.title("Calibration")
    st.caption(
        "What was measured, the formulas fitted to it, and what they miss. Choose or upload one in "
        "the panel on the left (»)."
    )
    with show.refusals():
        asked = _question()
        _answer(asked, uploads.own())


def _question() -> CalibrationQuestion:
    with st.sidebar:
        uploads.ask(
            "calibrations",
            "Your own calibration, JSON",
            ["json"],
            fc.parse_calibration,
            "A file that `python -m measure` wrote.",
        )
        name = controls.calibration(uploads.own())
        size_and_steps = controls.size_and_steps()
        batch = controls.count("Images a call (batch)", "batch", default=1, least=1)
    return CalibrationQuestion(name, fc.Shape(*size_and_steps), batch)


def _answer(asked: CalibrationQuestion, own: Own) -> None:
    calibration = answers.calibrations(own)[asked.calibration]
    st.markdown(show.plain(_what(calibration)))
    if asked.calibration.startswith(answers.YOURS) and answers.is_only_yours(
        calibration.alias, own
    ):
        show.only_yours(calibration.alias)
    document: dict[str, object] = {
        "calibration": calibration.alias,
        "content_hash": calibration.content_hash,
    }
    with show.refusals():
        document |= _call(asked, own)
    frame, chart = None, None
    with show.refusals():
        curve = answers.size_curve(asked.calibration, asked.shape.steps, asked.batch, own)
        frame, chart = _sizes(curve)
        document |= {"sizes": curve.to_dict()}
    with show.refusals():
        document |= {"stages": _stages(asked, calibration, own)}
    with show.refusals():
        document |= {"held_out": _residuals(asked.calibration, own)}
    _environment(calibration)
    downloads.offer(
        "calibration",
        "calibration-report",
        lambda: document,
        (lambda: frame) if frame is not None else None,
        charts.picture(chart) if chart is not None else None,
        programs.calibration(asked.calibration, asked.shape, asked.batch, own),
    )


def _what(calibration: fc.Calibration) -> str:
    cells, runs = len(calibration.ok_cells), len(calibration.runs)
    started = f" in {runs} start{'' if runs == 1 else 's'}" if runs else ""
    return (
        f"{calibration.alias}, {calibration.source}: {cells} cells{started} on "
        f"{calibration.gpu.name}, content hash {calibration.content_hash[:12]}."
    )


def _call(asked: CalibrationQuestion, own: Own) -> dict[str, object]:
    fit = answers.fit(asked.calibration, own)
    st.subheader(show.plain(f"One call: {asked.shape}, batch {asked.batch}"))
    latency = fit.latency(asked.shape, asked.batch)
    numbers = {"Latency": latency}
    document: dict[str, object] = {"latency": latency.to_dict()}
    median, slow, rate, floor = st.columns(4)
    with median:
        show.metric("Latency, median", latency)
    with slow, show.unless_refused():
        numbers["Latency, p95"] = fit.latency(asked.shape, asked.batch, "p95")
        show.metric("Latency, p95", numbers["Latency, p95"])
    with rate, show.unless_refused():
        numbers["Images a second"] = fit.throughput(asked.shape, asked.batch)
        show.metric("Images a second", numbers["Images a second"])
    with floor, show.unless_refused():
        found = answers.breakdown(asked.calibration, asked.shape, asked.batch, own)
        show.share("Floor over latency", found.floor_share)
        document |= {"floor_share": found.floor_share.to_dict(), "floor": found.floor.to_dict()}
    if "floor" in document:
        st.caption(
            show.plain(
                f"The floor, {seconds(found.floor.total_s)} at the {found.floor.basis}, is the "
                "least the arithmetic and bytes of a call take; at 100 % nothing is left to gain."
            )
        )
    show.evidence(numbers)
    return document


def _sizes(curve: fc.SizeCurve) -> tuple[pd.DataFrame, charts.Drawing]:
    st.subheader(show.plain(f"Latency over size, {curve.steps} steps, batch {curve.batch}"))
    rows = [
        charts.rows_of("pixels", point.shape.pixels, FIT, point.latency)
        | {"size": f"{point.shape.width}x{point.shape.height}", "source": str(point.latency.source)}
        for point in curve.points
    ]
    fitted = pd.DataFrame(
        rows, columns=["pixels", "series", "value", "low", "high", "size", "source"]
    )
    measured = pd.DataFrame([point.to_dict() for point in curve.measured])
    drawn = {charts.ROWS: fitted} | ({MEASURED: measured} if len(measured) else {})
    chart = charts.Drawing(_size_chart(has_measured=MEASURED in drawn), drawn)
    charts.show(chart, "Seconds of a call over pixels of an image: the fit and what was measured.")
    st.caption("Points are medians of measured calls with 90 % of them; the band is the fit's.")
    return fitted, chart


@charts.drawn_once
def _size_chart(*, has_measured: bool) -> alt.LayerChart:
    x = alt.X("pixels:Q", title="pixels of an image", axis=alt.Axis(format="~s"))
    tooltip = [
        alt.Tooltip("size:N", title="size"),
        alt.Tooltip("value:Q", title="latency, s", format=".4~g"),
        alt.Tooltip("source:N", title="source"),
    ]
    layers: list[alt.LayerChart | alt.Chart] = [
        charts.bands(x, "seconds of a call", {FIT: charts.BLUE}, tooltip)
    ]
    if has_measured:
        base = charts.of(MEASURED).encode(x=x)
        shown = [
            alt.Tooltip("width:Q", title="width"),
            alt.Tooltip("height:Q", title="height"),
            alt.Tooltip("median_s:Q", title="median, s", format=".4~g"),
            alt.Tooltip("low_s:Q", title="5 % of calls below, s", format=".4~g"),
            alt.Tooltip("high_s:Q", title="5 % of calls above, s", format=".4~g"),
            alt.Tooltip("calls:Q", title="calls"),
            alt.Tooltip("run:N", title="run"),
        ]
        layers += [
            base.mark_rule(color=charts.ORANGE, strokeWidth=2).encode(y="low_s:Q", y2="high_s:Q"),
            base.mark_point(color=charts.ORANGE, filled=True, size=70, opacity=1).encode(
                y="median_s:Q", tooltip=shown
            ),
        ]
    return charts.over(*layers)


def _stages(
    asked: CalibrationQuestion, calibration: fc.Calibration, own: Own
) -> list[dict[str, object]]:
    st.subheader("Where the time of measured calls goes")
    cells = {
        (cell.shape, cell.batch)
        for cell in calibration.ok_cells
        if cell.gpus == 1 and cell.steps == asked.shape.steps
    }
    if not cells:
        raise fc.MissingDataError(
            f"{calibration.alias}: no cell has {asked.shape.steps} steps; choose a number measured."
        )
    found = [
        answers.breakdown(asked.calibration, shape, batch, own)
        for shape, batch in sorted(cells, key=lambda each: (each[0].pixels, each[1]))
    ]
    rows, floors = [], []
    for each in found:
        call = f"{each.shape.width}x{each.shape.height}, batch {each.batch}"
        for place, part in enumerate(each.stages):
            row = {"call": call, "stage": part.stage, "place": place}
            floor = {} if part.floor_s is None else {"floor": part.floor_s}
            rows.append(row | {"seconds": part.seconds.value} | floor)
        share = each.floor_share.value
        floors.append({"call": call, "floor": each.floor.total_s, "share": share})
    charts.show_rows(
        charts.Drawing(
            _stage_chart(), {charts.ROWS: pd.DataFrame(rows), FLOORS: pd.DataFrame(floors)}
        ),
        f"Seconds of each stage in {len(found)} measured calls, with the floor of each call.",
    )
    st.caption(
        f"Bars are medians of stages; ticks the floor at the {found[0].floor.basis}, the least "
        "that the arithmetic and bytes take."
    )
    return [each.to_dict() for each in found]


@charts.drawn_once
def _stage_chart() -> alt.LayerChart:
    y = alt.Y("call:N", sort=None, title=None, axis=alt.Axis(labelLimit=150))
    scale = alt.Scale(domain=list(STAGES), range=list(STAGES.values()))
    bars = (
        charts.of()
        .mark_bar()
        .encode(
            y=y,
            x=alt.X("seconds:Q", title="seconds of a call"),
            color=alt.Color("stage:N", scale=scale, legend=charts.legend(columns=2)),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("call:N", title="call"),
                alt.Tooltip("stage:N", title="stage"),
                alt.Tooltip("seconds:Q", title="seconds", format=".4~g"),
                alt.Tooltip("floor:Q", title="its floor, s", format=".4~g"),
            ],
        )
    )
    fields = [
        alt.Tooltip("call:N", title="call"),
        alt.Tooltip("floor:Q", title="floor, s", format=".4~g"),
        alt.Tooltip("share:Q", title="floor over latency", format=".0%"),
    ]
    base = charts.of(FLOORS).encode(y=y, x="floor:Q", tooltip=fields)
    return charts.over(
        bars,
        base.mark_tick(color="white", thickness=5, size=20),
        base.mark_tick(color="black", thickness=2, size=20),
    )


def _residuals(name: str, own: Own) -> dict[str, object]:
    st.subheader("What the fit misses")
    report = answers.validation(name, own)
    st.markdown(
        show.plain(
            f"Each size and batch left out in turn and predicted from the rest: median error "
            f"{percent(report.median_error)}, 95th percentile {percent(report.p95_error)}, bias "
            f"{percent(report.bias)}; {percent(report.coverage)} of cells lie inside their 90 % "
            "interval."
        )
    )
    rows = pd.DataFrame(
        [cell.to_dict() | {"inside": COVERED if cell.covered else MISSED} for cell in report.cells]
    )
    charts.show(
        charts.Drawing(_residual_chart(), {charts.ROWS: rows, charts.LEVELS: ZERO}),
        f"Relative error of each cell left out; median {percent(report.median_error)}.",
        height=280,
    )
    if report.refusals:
        show.sentences(
            "Refused rather than guessed",
            [
                f"{each.cell}: {each.reason.removeprefix(f'{each.cell}: ')}"
                for each in report.refusals
            ],
        )
    return report.to_dict()


@charts.drawn_once
def _residual_chart() -> alt.LayerChart:
    scale = alt.Scale(domain=[COVERED, MISSED], range=[charts.BLUE, charts.RED])
    points = (
        charts.of()
        .mark_point(filled=True, size=70, opacity=0.9)
        .encode(
            x=alt.X(
                "measured_s:Q",
                title="measured, s (log scale)",
                scale=alt.Scale(type="log", nice=False, padding=12),
            ),
            y=alt.Y(
                "relative_error:Q",
                title="predicted over measured, less 1",
                axis=alt.Axis(format="+.0%"),
            ),
            color=alt.Color("inside:N", scale=scale, legend=charts.legend()),
            tooltip=[
                alt.Tooltip("cell:N", title="cell"),
                alt.Tooltip("measured_s:Q", title="measured, s", format=".4~g"),
                alt.Tooltip("predicted_s:Q", title="predicted, s", format=".4~g"),
                alt.Tooltip("low_s:Q", title="low, s", format=".4~g"),
                alt.Tooltip("high_s:Q", title="high, s", format=".4~g"),
                alt.Tooltip("relative_error:Q", title="error", format="+.1%"),
            ],
        )
    )
    zero = charts.of(charts.LEVELS).mark_rule(color=charts.GRAY).encode(y="at:Q")
    return charts.over(zero, points)


def _environment(calibration: fc.Calibration) -> None:
    with st.expander("What it was measured on"):
        if calibration.reference:
            st.markdown(show.plain(calibration.reference))
        for run in calibration.runs:
            show.sentences(
                f"{run.id}, started {run.started_at:%Y-%m-%d %H:%M %Z}",
                _machine(run.environment.to_dict()),
            )


def _machine(environment: dict[str, object]) -> list[str]:
    packages = environment.pop("packages", {})
    assert isinstance(packages, dict)  # noqa: S101 - a record's own field
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in environment.items()]
    return [*lines, f"packages: {versions}"]
