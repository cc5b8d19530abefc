"""How many GPUs answer in time: response against load, the knee, and a day with its fleet."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

import fluxcost as fc
from fluxcost.units import percent, seconds, significant

from . import answers, charts, controls, downloads, programs, show, uploads
from .uploads import Own

PERCENTILES = {"p50": charts.GREEN, "p95": charts.BLUE, "p99": charts.PURPLE}
MEAN = "mean"
RATE = "requests_per_s"


@dataclass(frozen=True)
class CapacityQuestion:
    """What the controls say."""

    workload: fc.Workload
    fleet: fc.Fleet
    is_sized: bool
    offer: str
    day: str


def page() -> None:
    """Draw the page."""
    st.title("Capacity")
    st.caption(
        "How many GPUs a service needs to answer in time, and how it slows down as it fills up. "
        "Change the question in the panel on the left (»)."
    )
    today, own = answers.today(), uploads.own()
    with show.refusals():
        asked = _question(today, own)
        _answer(asked, today, own)


def _question(today: dt.date, own: Own) -> CapacityQuestion:
    with st.sidebar:
        arrivals = controls.arrivals()
        objective = controls.objective()
        name = controls.calibration(own)
        timed = answers.calibrations(own)[name]
        size_and_steps = controls.size_and_steps()
        number = controls.replicas()
        offer = controls.offer(timed.gpu.key, today, own)
        day = controls.day()
        batching = controls.batching()
    workload = {
        "name": "capacity",
        "model": timed.model,
        "shapes": [asdict(fc.Shape(*size_and_steps))],
        **arrivals,
        **objective,
    }
    fleet = {"calibration": name, "replicas": number or 1, "batching": batching}
    return CapacityQuestion(
        fc.Workload.parse(workload, "this page"),
        fc.Fleet.parse(fleet, "this page"),
        number is None,
        offer,
        day,
    )


def _answer(asked: CapacityQuestion, today: dt.date, own: Own) -> None:
    # What sized a fleet has simulated it: its numbers are those that the count was chosen by.
    ask = answers.smallest if asked.is_sized else answers.simulation
    found = ask(asked.workload, asked.fleet, own)
    fleet = found.fleet
    rent = fc.rent_of_fleet(answers.catalog(own).offer(asked.offer), fleet.replicas, today)
    _numbers(asked, found, rent)
    show.evidence({"Response": found.response[_named(asked.workload)], "Rent": rent})
    curve = answers.load_sweep(asked.workload, fleet, own)
    frame = _frame(curve)
    chart = _response_chart(frame, curve, asked.workload)
    _load(frame, chart, curve, asked.workload)
    parts: dict[str, Any] = {"simulation": found, "rent": rent, "curve": curve}
    with show.refusals():
        parts |= {"day": _day(asked, own)}
    program = programs.simulate(asked.workload, asked.fleet, own, is_sized=asked.is_sized)

    def document() -> dict[str, Any]:
        return {name: part.to_dict() for name, part in parts.items()}

    downloads.offer("capacity", "capacity", document, lambda: frame, charts.picture(chart), program)


def _numbers(asked: CapacityQuestion, found: fc.Simulation, rent: fc.Estimate) -> None:
    name, gpus = _named(asked.workload), found.fleet.replicas
    objective = asked.workload.objective
    fleet, response, busy, money = st.columns(4)
    with fleet:
        how = "the fewest in time" if asked.is_sized else "as you say"
        show.fact("GPUs, one replica each", str(gpus), how)
    with response:
        show.metric(f"Response, {name}", found.response[name])
    with busy:
        show.share("Utilization", found.utilization)
    with money:
        show.metric("Rent, USD a month", rent)
    if objective is not None and found.probability_met is not None:
        met = percent(found.probability_met)
        st.markdown(
            show.plain(
                f"{objective.rank:g} of 100 requests within {seconds(objective.within_s)}: "
                f"met in {met} of the draws. {found.verdict.capitalize()}: {found.reason}"
            )
        )
    st.caption(
        show.plain(
            f"{significant(found.images_per_call.value)} images a call; an image waits "
            f"{seconds(found.wait.value)} for its call on the mean; rented at {asked.offer} "
            f"around the clock; {found.requests:,} requests simulated."
        )
    )


def _named(workload: fc.Workload) -> str:
    return f"p{workload.objective.rank:g}" if workload.objective else "p95"


def _frame(curve: fc.LoadSweep) -> pd.DataFrame:
    rows = []
    for point in curve.points:
        found = point.simulation
        for name, response in found.response.items():
            row = charts.rows_of(RATE, point.requests_per_s, name, response)
            more = {"load": point.load, "utilization": found.utilization.value}
            rows.append(row | more | {"images_per_call": found.images_per_call.value})
    return pd.DataFrame(rows)


def _load(
    frame: pd.DataFrame, chart: charts.Drawing, curve: fc.LoadSweep, workload: fc.Workload
) -> None:
    gpus = curve.fleet.replicas
    st.subheader(f"Response against load, {gpus} GPU{'' if gpus == 1 else 's'}")
    knee = curve.knee
    most = "none of the loads below meets the objective"
    if curve.most_per_s is not None:
        most = f"the objective is met up to about {significant(curve.most_per_s)} requests a second"
    st.markdown(
        show.plain(
            f"The knee is at {significant(knee.requests_per_s)} requests a second, "
            f"{percent(knee.load)} of the {significant(curve.full_per_s)} that would keep every "
            f"GPU always at work; {most}."
        )
    )
    left, right = st.columns([2, 1])
    with left:
        charts.show(chart, f"Response percentiles over requests a second; {most}.")
    with right:
        busy = charts.Drawing(_busy_chart(), {charts.ROWS: frame[frame["series"] == MEAN]})
        charts.show(busy, "Utilization over requests a second.")
    st.caption("Bands are 90 % intervals: timing error and the chance of the simulated runs.")


def _response_chart(
    frame: pd.DataFrame, curve: fc.LoadSweep, workload: fc.Workload
) -> charts.Drawing:
    name = _named(workload)
    series = {*PERCENTILES, name}
    rows = {
        charts.ROWS: frame[frame["series"].isin(series)],
        charts.LEFT_MARKS: charts.marks(RATE, [("knee", curve.knee.requests_per_s)]),
    }
    stated = workload.arrivals.requests_per_s if workload.arrivals else None
    if stated is not None and stated <= curve.full_per_s:
        rows[charts.MARKS] = charts.marks(RATE, [("yours", stated)])
    if workload.objective is not None:
        rows[charts.LEVELS] = charts.marks("value", [("objective", workload.objective.within_s)])
    how = _response(name, is_marked=charts.MARKS in rows, has_objective=charts.LEVELS in rows)
    return charts.Drawing(how, rows)


def _rate() -> alt.X:
    scale = alt.Scale(zero=True, nice=False)
    return alt.X(f"{RATE}:Q", title="requests a second", scale=scale)


@charts.drawn_once
def _response(name: str, *, is_marked: bool, has_objective: bool) -> alt.LayerChart:
    palette = {**PERCENTILES, name: PERCENTILES.get(name, charts.BLUE)}
    tooltip = [
        alt.Tooltip("series:N", title="percentile"),
        alt.Tooltip(f"{RATE}:Q", title="requests a second", format=",.3~g"),
        alt.Tooltip("load:Q", title="load", format=".0%"),
        alt.Tooltip("value:Q", title="response, s", format=",.3~g"),
        alt.Tooltip("images_per_call:Q", title="images a call", format=".2f"),
    ]
    scale = alt.Scale(type="log", nice=False)
    layers: list[alt.LayerChart] = [
        charts.bands(_rate(), "response, s (log scale)", palette, tooltip, y_scale=scale),
        charts.marked(RATE, to_the_left=True),
    ]
    if is_marked:
        layers.append(charts.marked(RATE))
    if has_objective:
        layers.append(charts.leveled("value"))
    return charts.over(*layers)


@charts.drawn_once
def _busy_chart() -> alt.LayerChart:
    base = charts.of().encode(
        x=_rate(),
        y=alt.Y(
            "utilization:Q",
            title="share of rented time at work",
            axis=alt.Axis(format=".0%"),
            scale=alt.Scale(domain=[0, 1]),
        ),
        tooltip=[
            alt.Tooltip("requests_per_s:Q", title="requests a second", format=",.3~g"),
            alt.Tooltip("utilization:Q", title="utilization", format=".1%"),
            alt.Tooltip("images_per_call:Q", title="images a call", format=".2f"),
        ],
    )
    line = base.mark_line(color=charts.BLUE, strokeWidth=2)
    return charts.over(line, base.mark_circle(color=charts.BLUE, size=50))


def _day(asked: CapacityQuestion, own: Own) -> fc.HourlyFleets:
    st.subheader("A day, and the fleet that follows it")
    hourly = _weights(asked.day)
    arrivals = asked.workload.model_dump(exclude_defaults=True)["arrivals"]
    document = asked.workload.model_dump(mode="json", exclude_defaults=True)
    workload = fc.Workload.parse(
        document | {"arrivals": {**arrivals, "hourly_weights": hourly}}, "this page"
    )
    fleets = answers.by_hour(workload, asked.fleet, own)
    st.markdown(
        show.plain(
            f"Following the day takes {fleets.replica_hours} GPU hours instead of "
            f"{fleets.kept_replica_hours} with {fleets.most} GPUs kept: "
            f"{percent(fleets.saved_share)} less, starts left out. Each hour is taken as steady."
        )
    )
    rows = pd.DataFrame(
        [
            {
                "hour": hour.hour,
                "gpus": hour.replicas,
                "requests_per_s": hour.requests_per_s,
                "response": hour.simulation.response[_named(workload)].value,
                "utilization": hour.simulation.utilization.value,
            }
            for hour in fleets.hours
            if hour.simulation is not None
        ]
    )
    charts.show(
        charts.Drawing(_day_chart(), {charts.ROWS: rows}),
        f"GPUs of each hour; {fleets.most} at most.",
        height=260,
    )
    return fleets


def _weights(text: str) -> list[float]:
    found = []
    for part in text.replace(",", " ").split():
        try:
            found.append(float(part))
        except ValueError:
            raise fc.InputError(
                f"a day has {part[:40]!r} in it; expected 24 numbers with spaces between."
            ) from None
    return found


@charts.drawn_once
def _day_chart() -> alt.LayerChart:
    tooltip = [
        alt.Tooltip("hour:O", title="hour"),
        alt.Tooltip("gpus:Q", title="GPUs"),
        alt.Tooltip("requests_per_s:Q", title="requests a second", format=",.3~g"),
        alt.Tooltip("response:Q", title="response, s", format=",.3~g"),
        alt.Tooltip("utilization:Q", title="utilization", format=".0%"),
    ]
    x = alt.X("hour:O", title="hour of the day", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    base = charts.of().encode(x=x, tooltip=tooltip)
    bars = base.mark_bar(color=charts.BLUE, opacity=0.8).encode(
        y=alt.Y("gpus:Q", title="GPUs", axis=alt.Axis(tickMinStep=1, titleColor=charts.BLUE))
    )
    points = alt.OverlayMarkDef(color=charts.ORANGE)
    line = base.mark_line(color=charts.ORANGE, strokeWidth=2, point=points).encode(
        y=alt.Y(
            "requests_per_s:Q",
            title="requests a second",
            axis=alt.Axis(titleColor=charts.ORANGE, grid=False),
        )
    )
    both: alt.LayerChart = charts.over(bars, line).resolve_scale(y="independent")
    return both
