"""What should be rented for these images, and what if the question were another?"""

from __future__ import annotations

import dataclasses
import datetime as dt

import streamlit as st

import fluxcost as fc

from . import answers, charts, controls, downloads, programs, show, tables, uploads
from .uploads import Own

SHOWN = 15
"""Plans in the table and in the chart."""


def page() -> None:
    """Draw the page."""
    st.title("What if")
    st.caption("What to rent for these images. Change the question in the panel on the left (»).")
    today, own = answers.today(), uploads.own()
    with show.refusals():
        workload = _workload(today, own)
        _answer(workload, today, own)


def _workload(today: dt.date, own: Own) -> fc.Workload:
    with st.sidebar:
        _ask_for_a_file()
        if files := uploads.kept("workload"):
            return fc.parse_workload(files[-1].data, files[-1].where)
        model = controls.model(today, own)
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


def _ask_for_a_file() -> None:
    with st.expander("A workload file instead"):
        uploads.ask(
            "workload",
            "Workload, YAML",
            ["yaml", "yml"],
            fc.parse_workload,
            "It replaces the question below, mixes of shapes included.",
        )


def _answer(workload: fc.Workload, today: dt.date, own: Own) -> None:
    plans = answers.plans(workload, today, own)
    st.markdown(show.plain(_asked(workload)))
    with show.refusals():
        _best(plans.best, own)
        _ranking(workload, plans, today, own)
    with st.expander(f"{len(plans.rejected)} candidates rejected"):
        tables.rejected(plans)


def _asked(workload: fc.Workload) -> str:
    shapes = "; ".join(str(share.shape) for share in workload.shapes)
    images = f"{workload.images:,} images of {workload.model}, {shapes}"
    if workload.deadline is None:
        return f"{images}, every month"
    return f"{images}, ready within {workload.deadline.hours:g} hours of renting"


def _best(plan: fc.Plan, own: Own) -> None:
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
    if answers.is_only_yours(plan.calibration, own):
        show.only_yours(str(plan.calibration))
    timing = f"{plan.timing_source}, {plan.calibration}" if plan.calibration else "none"
    st.caption(f"Timing: {timing}. Price: {plan.price_source}, as of {plan.priced_as_of}.")
    show.caveats(plan.caveats)
    numbers = {"Total": plan.total, "Hours": plan.hours, "A call": plan.latency}
    show.evidence({name: number for name, number in numbers.items() if number is not None})


def _ranking(workload: fc.Workload, plans: fc.Plans, today: dt.date, own: Own) -> None:
    leaders = plans.leaders
    shown = dataclasses.replace(plans, ranked=leaders[:SHOWN])
    unit = plans.best.total.unit
    frame = tables.frame_of(shown)
    st.subheader(f"The first {len(shown)} of {len(leaders)} ways to buy")
    st.caption("Bars are costs, lines their 90 % intervals; ranked by the upper bound.")
    chart = tables.cost_chart(frame, unit)
    best = plans.best
    charts.show_rows(chart, f"Cost of each plan, cheapest {best.option}: {best.why}")
    tables.ranked(frame, unit)
    downloads.offer(
        "plans",
        "plan",
        shown.to_dict,
        shown.to_frame,
        charts.picture(chart, step=charts.ROW),
        programs.plan(workload, today, own),
        lambda: answers.report(workload, today, own),
    )
