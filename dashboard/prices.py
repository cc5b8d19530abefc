"""Every price with its source and age; your own laid over them, and how answers move."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

import fluxcost as fc
from fluxcost.estimate import interval

from . import answers, controls, downloads, show, uploads
from .uploads import Own

OFFERS, TARIFFS = "GPUs for rent", "image APIs"
REFERENCE = (1024, 1024, 4)
EDITED = "edited.yaml"


def page() -> None:
    """Draw the page."""
    st.title("Prices")
    st.caption(
        "What GPUs and image APIs cost, with source, date and grade. Filter, upload or edit in the "
        "panel on the left (»); yours win, in this session only."
    )
    today = answers.today()
    with show.refusals():
        _draw(today)


def _draw(today: dt.date) -> None:
    with st.sidebar:
        kind = st.radio("Prices of", [OFFERS, TARIFFS], key="kind", bind="query-params")
        uploads.ask(
            "prices",
            "Your own prices, YAML",
            ["yaml", "yml"],
            fc.parse_prices,
            "One provider's file, laid out as those in pricing/.",
        )
    own = uploads.own()
    catalog = answers.catalog(own)
    with st.sidebar:
        rows: Sequence[fc.Offer | fc.Tariff]
        rows = catalog.offers if kind == OFFERS else catalog.tariffs
        chosen = _filtered(rows, today)
    frame = _offers(chosen, today) if kind == OFFERS else _tariffs(chosen, today)
    st.markdown(show.plain(_said(frame, rows, catalog)))
    _table(frame)
    rows_of = "offers" if kind == OFFERS else "tariffs"
    downloads.offer(
        "prices",
        "price-rows",
        lambda: {rows_of: [row.to_dict() for row in chosen]},
        lambda: frame,
    )
    _edit(chosen)
    if own.prices:
        _moved(today, own)


def _filtered(rows: Sequence[fc.Offer | fc.Tariff], today: dt.date) -> list[fc.Offer | fc.Tariff]:
    goods = _multiselect("GPU or model", "goods", sorted({_good(row) for row in rows}))
    providers = _multiselect("Providers", "providers", sorted({row.provider for row in rows}))
    grade = st.radio(
        "Least grade",
        ["C", "B", "A"],
        horizontal=True,
        key="grade",
        bind="query-params",
        help="A is the vendor's own page, B a dated copy of it, C anything weaker.",
    )
    current = st.toggle(
        "Only prices one can buy at today", value=True, key="current", bind="query-params"
    )
    return [
        row
        for row in rows
        if (not goods or _good(row) in goods)
        and (not providers or row.provider in providers)
        and row.grade <= grade
        and (row.is_plannable(today) or not current)
    ]


def _multiselect(label: str, key: str, options: Iterable[str]) -> list[str]:
    return st.multiselect(
        label, list(options), placeholder="Every one", key=key, bind="query-params"
    )


def _good(row: fc.Offer | fc.Tariff) -> str:
    return row.gpu if isinstance(row, fc.Offer) else row.model


def _common(row: fc.Offer | fc.Tariff, today: dt.date) -> dict[str, Any]:
    return {
        "as_of": row.as_of,
        "age_days": row.age_days(today),
        "grade": row.grade,
        "trust": str(row.trust(today)),
        "yours": row.from_overlay,
        "source": row.source,
        "caveats": "; ".join(row.caveats(today)),
    }


def _bounds(price: fc.Estimate | None) -> dict[str, float | None]:
    # None where no price is published for this: an empty cell, not a 0.
    if price is None:
        return {"price": None, "low": None, "high": None}
    return {"price": price.value, "low": price.low, "high": price.high}


def _offers(rows: Iterable[fc.Offer | fc.Tariff], today: dt.date) -> pd.DataFrame:
    documents = []
    for row in rows:
        assert isinstance(row, fc.Offer)  # noqa: S101 - narrows the type
        price = row.price_estimate(today) if row.price else None
        good = {"gpu": row.gpu, "gpus": row.gpu_count, "sold": str(row.kind)}
        documents.append({"id": row.id, **_bounds(price), **good, **_common(row, today)})
    return pd.DataFrame(documents)


def _tariffs(rows: Iterable[fc.Offer | fc.Tariff], today: dt.date) -> pd.DataFrame:
    shape = fc.Shape(*REFERENCE)
    documents = []
    for row in rows:
        assert isinstance(row, fc.Tariff)  # noqa: S101 - narrows the type
        try:
            price = row.usd_per_image(shape, today)
        except fc.FluxcostError:
            price = None
        good = {"model": row.model}
        documents.append({"id": row.id, **_bounds(price), **good, **_common(row, today)})
    return pd.DataFrame(documents)


def _said(frame: pd.DataFrame, rows: Sequence[object], catalog: fc.Catalog) -> str:
    own = f"; {len(catalog.own)} are your own" if catalog.own else ""
    return f"{len(frame)} of {len(rows)} prices{own}. Bounds hold how far a price may have moved."


def _table(frame: pd.DataFrame) -> None:
    if not len(frame):
        st.info("No price passes these filters; leave one out.")
        return
    number = st.column_config.NumberColumn
    unit = "USD a GPU-hour" if "gpu" in frame else "USD an image, 1024x1024, 4 steps"
    form = "%.4f" if "gpu" in frame else "%.6f"
    columns: dict[str, Any] = {
        "id": st.column_config.TextColumn("Id", width="medium"),
        "gpu": "GPU",
        "model": "Model",
        "gpus": number("GPUs sold together"),
        "sold": "Sold",
        "price": number(unit, format=form),
        "low": number("Low, 5 %", format=form),
        "high": number("High, 95 %", format=form),
        "as_of": st.column_config.DateColumn("As of"),
        "age_days": number("Days old"),
        "grade": "Grade",
        "trust": "Trust",
        "yours": st.column_config.CheckboxColumn("Yours"),
        "source": "Source",
        "caveats": "To know",
    }
    ordered = frame.sort_values("price", na_position="last", ignore_index=True)
    st.dataframe(
        ordered,
        column_config=columns,
        hide_index=True,
        width="stretch",
        height=420,
        alt="Prices, cheapest first, with source, date and grade",
    )


def _edit(rows: Sequence[fc.Offer | fc.Tariff]) -> None:
    with st.expander("Edit a price"):
        if not rows:
            st.caption("No price passes the filters.")
            return
        row_id = st.selectbox("Price to start from", [row.id for row in rows], key="row")
        row = next(each for each in rows if each.id == row_id)
        key = f"text {row_id}"
        st.text_area(
            "Its row, as a price file",
            fc.price_file(row),
            height=360,
            key=key,
            max_chars=20_000,
            help="Change the price, and say where it comes from: source, as_of and grade.",
        )

        def use() -> None:
            try:
                # What was typed with the click; the page is drawn with it only afterwards.
                text = str(st.session_state[key])
                upload = uploads.made(f"{row.provider}-{EDITED}", text.encode())
                uploads.keep("prices", upload, fc.parse_prices)
            except fc.FluxcostError as error:
                st.session_state["edit refused"] = str(error)
            else:
                st.session_state["edit refused"] = None

        st.button("Use this price", on_click=use, key="use", type="primary")
        if said := st.session_state.get("edit refused"):
            st.error(show.plain(said))


def _moved(today: dt.date, own: Own) -> None:
    st.subheader("How answers move")
    with st.sidebar:
        images = controls.count(
            "Images in 8 hours, to see answers move",
            "images",
            default=200_000,
            least=1,
            step=10_000,
        )
    workload = fc.Workload.parse(
        {
            "name": "answers at both prices",
            "model": answers.models(today, own)[0],
            "shapes": [dict(zip(("width", "height", "steps"), REFERENCE, strict=True))],
            "deadline": {"images": images, "hours": 8},
            "utilization": 0.9,
            "startup_minutes": 10,
            "constraints": {"least_grade": "B"},
        },
        "this page",
    )
    shipped = answers.plans(workload, today, Own(calibrations=own.calibrations)).best
    yours = answers.plans(workload, today, own).best
    left, right = st.columns(2)
    with left:
        show.metric(f"At shipped prices, {shipped.total.unit}", shipped.total)
        st.caption(show.plain(shipped.option))
    with right:
        show.metric(f"With yours, {yours.total.unit}", yours.total)
        st.caption(show.plain(yours.option))
    moved = fc.diff(shipped, yours)
    st.markdown(show.plain(f"{moved.sentence} Before: {interval(shipped.total)}."))
    show.evidence({"At shipped prices": shipped.total, "With yours": yours.total})
