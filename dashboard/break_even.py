"""API or own GPUs: what each costs over a month's volume, and where they cross."""

from __future__ import annotations

import datetime as dt
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

import fluxcost as fc
from fluxcost.units import percent, usd

from . import answers, charts, controls, downloads, programs, show, uploads
from .answers import Renting
from .uploads import Own

RENT, API = "rented GPUs", "API"
PALETTE = {RENT: charts.BLUE, API: charts.ORANGE}
MOST_MARKS = 9
"""Crossings marked in the chart; all are in the table."""


def page() -> None:
    """Draw the page."""
    st.title("Break-even")
    st.caption(
        "From how many images a month renting GPUs beats an API. Change the question in the panel "
        "on the left (»)."
    )
    today, own = answers.today(), uploads.own()
    with show.refusals():
        asked, images = _question(today, own)
        _answer(asked, images, today, own)


def _question(today: dt.date, own: Own) -> tuple[Renting, int]:
    with st.sidebar:
        images = controls.count(
            "Images a month", "monthly", default=1_000_000, least=1, step=100_000
        )
        name = controls.calibration(own)
        timed = answers.calibrations(own)[name]
        offer = controls.offer(timed.gpu.key, today, own)
        tariff = controls.tariff(timed.model, today, own)
        size_and_steps = controls.size_and_steps()
        batch = controls.batch()
        utilization = controls.utilization(0.6)
        sessions = controls.sessions()
    shape = fc.Shape(*size_and_steps)
    return Renting(name, offer, tariff, shape, batch, utilization, sessions), images


def _answer(asked: Renting, images: int, today: dt.date, own: Own) -> None:
    result = answers.break_even(asked, today, own)
    st.markdown(
        show.plain(f"{asked.offer} instead of {asked.tariff}; {asked.shape}, batch {asked.batch}")
    )
    month = None
    with show.refusals():
        month = result.at(images)
        _month(month)
    _verdict(result)
    # The crossing and the reader's volume both show.
    enough = result.curve(points=2)[-1].images
    frame = _frame(result, max(enough, images + 1))
    chart = _chart(frame, result, images, at_the_end=images >= enough)
    charts.show(chart, f"Bill of a month over its images, rented and at the API: {result.reason}")
    st.caption("Lines are bills of a month, bands their 90 % intervals; dashed lines crossings.")
    show.caveats(result.caveats)
    _evidence(result)
    _crossings(result)
    program = programs.break_even(vars(asked), images, today, own)

    def document() -> dict[str, Any]:
        return result.to_dict() | ({} if month is None else {"at": month.to_dict()})

    downloads.offer(
        "break-even", "breakeven", document, lambda: frame, charts.picture(chart), program
    )


def _month(month: fc.CurvePoint) -> None:
    cheaper, saves = (RENT, "save") if month.cheaper == "rent" else (f"the {API}", "saves")
    left, rent, api, saved = st.columns(4)
    with left:
        show.fact(
            "Cheaper at your volume",
            cheaper.removeprefix("the "),
            f"renting: in {percent(month.probability)} of draws",
        )
    with rent:
        show.metric("Rent, USD a month", month.rent)
    with api:
        show.metric("API, USD a month", month.api)
    with saved:
        show.metric("Saved, USD a month", month.saved)
    count = month.instances.value
    instances = f"{count:,.0f} instance{'' if count == 1 else 's'}"
    st.markdown(
        show.plain(
            f"At {month.images:,} images a month, {cheaper} {saves} "
            f"{usd(month.saved.value)}; rented, it takes {instances}."
        )
    )


def _verdict(result: fc.BreakEven) -> None:
    st.markdown(f"**{show.plain(f'Verdict: {result.verdict}')}**: {show.plain(result.reason)}")
    one, two, three = st.columns(3)
    with one:
        show.metric("API, USD an image", result.tariff_usd_per_image)
    with two:
        show.metric("One instance makes a month", result.capacity_images_per_month)
    with three:
        show.share("Utilization at which GPU time costs as much", result.required_utilization)


def _frame(result: fc.BreakEven, most: int) -> pd.DataFrame:
    rows = []
    for point in result.curve(most):
        for series, bill in ((RENT, point.rent), (API, point.api)):
            row = charts.rows_of("images", point.images, series, bill)
            rows.append(row | {"instances": point.instances.value, "sure": point.probability})
    return pd.DataFrame(rows)


def _chart(
    frame: pd.DataFrame, result: fc.BreakEven, images: int, *, at_the_end: bool
) -> charts.Drawing:
    most = int(frame["images"].max())
    volumes = [crossing.images_per_month.value for crossing in result.crossings]
    crossings = [("", volume) for volume in volumes[:MOST_MARKS] if volume <= most]
    rows = {
        charts.ROWS: frame,
        charts.LEFT_MARKS if at_the_end else charts.MARKS: charts.marks(
            "images", [("yours", images), *crossings]
        ),
    }
    return charts.Drawing(_drawn(at_the_end=at_the_end), rows)


@charts.drawn_once
def _drawn(*, at_the_end: bool) -> alt.LayerChart:
    x = alt.X(
        "images:Q",
        title="images a month",
        axis=alt.Axis(format="~s", tickCount=10),
        scale=alt.Scale(zero=True, nice=False),
    )
    tooltip = [
        alt.Tooltip("series:N", title="paid to"),
        alt.Tooltip("images:Q", title="images a month", format=","),
        alt.Tooltip("value:Q", title="USD a month", format=",.2f"),
        alt.Tooltip("instances:Q", title="instances"),
        alt.Tooltip("sure:Q", title="renting cheaper in", format=".0%"),
    ]
    bills = charts.bands(x, "USD a month", PALETTE, tooltip)
    return charts.over(bills, charts.marked("images", to_the_left=at_the_end))


def _evidence(result: fc.BreakEven) -> None:
    show.evidence(
        {
            "API, USD an image": result.tariff_usd_per_image,
            "One instance makes": result.capacity_images_per_month,
            "Utilization needed": result.required_utilization,
        }
    )


def _crossings(result: fc.BreakEven) -> None:
    if not result.crossings:
        return
    rows = pd.DataFrame(
        [
            {
                "from": round(crossing.images_per_month.value),
                "low": round(crossing.images_per_month.low),
                "high": round(crossing.images_per_month.high),
                "becomes": RENT if crossing.becomes == "rent" else API,
            }
            for crossing in result.crossings
        ]
    )
    number = st.column_config.NumberColumn
    with st.expander(f"Every crossing ({len(rows)})", expanded=len(rows) <= MOST_MARKS):
        st.dataframe(
            rows,
            column_config={
                "from": number("From images a month", format="localized"),
                "low": number("Low, 5 %", format="localized"),
                "high": number("High, 95 %", format="localized"),
                "becomes": "Cheaper from there on",
            },
            hide_index=True,
            width="stretch",
            alt="Volumes at which the cheaper side changes",
        )
