"""What should be rented for these images, and what if the question were another?"""

from __future__ import annotations

import dataclasses
import datetime as dt

import streamlit as st

import fluxcost as fc

from . import answers, controls, downloads, show, tables

SHOWN = 15
"""Plans in the table and in the chart."""


def page() -> None:
    """Draw the page."""
    st.title("What if")
    st.caption("What to rent for these images. Change the question in the panel on the left (»).")
    today = dt.datetime.now(tz=dt.UTC).date()
    with show.refusals():
        workload = _workload(today)
        _answer(workload, today)


def _workload(today: dt.date) -> fc.Workload:
    with st.sidebar:
        model = controls.model(today)
        size_and_steps = controls.size_and_steps()
        volume = controls.volume()
        running = controls.running()
        constraints = controls.constraints()
    document = {
        "name": "what if",
        "model": model,
        "shapes": [dataclasses.asdict(fc.Shape(*size_and_steps))],
        **volume,
        **running,
        "constraints": constraints,
    }
    return fc.Workload.parse(document, "this page")


def _answer(workload: fc.Workload, today: dt.date) -> None:
    plans = answers.plans(workload, today)
    st.markdown(show.plain(_asked(workload)))
    with show.refusals():
        _best(plans.best)
        _ranking(workload, plans, today)
    with st.expander(f"{len(plans.rejected)} candidates rejected"):
        tables.rejected(plans)


def _asked(workload: fc.Workload) -> str:
    shape = workload.shapes[0].shape
    images = f"{workload.images:,} images of {workload.model}, {shape}"
    if workload.deadline is None:
        return f"{images}, every month"
    return f"{images}, ready within {workload.deadline.hours:g} hours of renting"


def _best(plan: fc.Plan) -> None:
    total, image, gpus, hours = st.columns(4)
    with total:
        show.metric(f"Total, {plan.total.unit}", plan.total)
    with image:
        show.metric("An image, USD", plan.usd_per_image)
    with gpus:
        show.fact("GPUs", str(plan.gpus or "none"), plan.gpu or "someone else's, by API")
    with hours:
        if plan.hours is not None:
            show.metric("Billed hours of each GPU", plan.hours)
    st.markdown(f"**{show.plain(plan.option)}**: {show.plain(plan.why)}")
    timing = f"{plan.timing_source}, {plan.calibration}" if plan.calibration else "none"
    st.caption(f"Timing: {timing}. Price: {plan.price_source}, as of {plan.priced_as_of}.")
    show.sentences("To know before renting", plan.caveats)
    with st.expander("What this rests on"):
        show.sentences("Evidence", plan.evidence)


def _ranking(workload: fc.Workload, plans: fc.Plans, today: dt.date) -> None:
    leaders = plans.leaders
    shown = dataclasses.replace(plans, ranked=leaders[:SHOWN])
    unit = plans.best.total.unit
    frame = tables.frame_of(shown)
    st.subheader(f"The first {len(shown)} of {len(leaders)} ways to buy")
    st.caption("Bars are costs, lines their 90 % intervals; ranked by the dear end.")
    tables.cost_chart(frame, unit)
    tables.ranked(frame, unit)
    downloads.offer(workload, shown, today)
