"""What there is: `fluxcost prices` and `fluxcost calibrations`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.importing import import_files, refresh
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.economics.importers.found import day_of
from fluxcost.economics.rows import today_utc
from fluxcost.economics.schema import price_file_schema
from fluxcost.errors import FluxcostError, MissingDataError, UnknownNameError
from fluxcost.stated import refuse_beside, refuse_without
from fluxcost.units import usd

REFERENCE = (1024, 1024, 4)
"""Width, height and steps of the image whose price the tariff table shows."""

NOTHING = "-"

SOURCE_WIDTH = 40
"""Characters of a source in a table."""

SPARE = ("source", "days old", "sold", "status")
"""Columns that a narrow terminal does without, first to go first."""


OF_LISTS = ("at", "gpu", "model", "prices")
OF_FILES = ("origin", "as_of")
UNREAD = {
    None: ("origin", "as_of", "out"),
    "import": (*OF_LISTS, "provider"),
    "refresh": (*OF_LISTS, *OF_FILES, "files"),
    "schema": (*OF_LISTS, *OF_FILES, "files", "out", "provider"),
}
"""By what `fluxcost prices` is to do: options that it does not read."""


def prices(
    context: typer.Context,
    action: Annotated[
        Literal["import", "refresh", "schema"] | None,
        typer.Argument(
            help="import: read another catalog's FILES into a folder of prices. refresh: fetch "
            "gpuhunt's of today into one. schema: print the JSON Schema of a price file."
        ),
    ] = None,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files of that catalog, after import.")
    ] = None,
    *,
    origin: Annotated[
        str | None, typer.Option("--from", help="gpuhunt, skypilot or litellm, with import.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Day the files are of, such as 2026-08-18, with import.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to, with import and refresh.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="Prices as they were known on a past day.")] = None,
    gpu: Annotated[str | None, typer.Option(help="Only offers of this GPU key.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    model: Annotated[str | None, typer.Option(help="Only tariffs of this model.")] = None,
    prices: options.Prices = None,
    json: options.Json = False,
) -> None:
    """GPU offers and API tariffs, with age and grade."""
    _refuse_ignored(context, action)
    if action == "import":
        import_files(origin, files or [], as_of, out, json=json)
        return
    if action == "refresh":
        refresh(provider, out, json=json)
        return
    if action == "schema":
        show_json(price_file_schema())
        return
    catalog = fc.load_catalog(prices)
    day = today_utc() if at is None else _past_day(at)
    if at is not None:
        catalog = catalog.at(day)
    everyone = {row.provider for row in (*catalog.offers, *catalog.tariffs)}
    _refuse_unknown("GPU", gpu, {offer.gpu for offer in catalog.offers})
    _refuse_unknown("model", model, {tariff.model for tariff in catalog.tariffs})
    _refuse_unknown("provider", provider, everyone)
    # A filter on one kind of row asks for that kind only.
    offers = [
        offer
        for offer in catalog.offers
        if provider in {None, offer.provider} and (gpu == offer.gpu or (not gpu and not model))
    ]
    tariffs = [
        tariff
        for tariff in catalog.tariffs
        if provider in {None, tariff.provider}
        and (model == tariff.model or (not gpu and not model))
    ]
    if not offers and not tariffs:
        raise MissingDataError(_none_found(at, provider))
    if json:
        show_json({"offers": _documents(offers, day), "tariffs": _documents(tariffs, day)})
        return
    of_offers = [_offer_row(offer, day) for offer in offers]
    for rows in (of_offers, [_tariff_row(tariff, day) for tariff in tariffs]):
        if rows:
            show_table(rows, spare=SPARE)
    if catalog.own:
        show_text(f"{len(catalog.own)} of your own win over the shipped ones.")


def _refuse_ignored(context: typer.Context, action: str | None) -> None:
    if action is None:
        refuse_without(context, "import or refresh", UNREAD[action])
    else:
        refuse_beside(context, f"prices {action}, which does not read that", UNREAD[action])


def _none_found(at: str | None, provider: str | None) -> str:
    known = "" if at is None else f" known on {at}"
    if provider is None:
        return f"no price is{known}; ask for a later day, or for fewer kinds."
    return f"no price{known} is of {provider} and the kind asked for; leave one filter out."


def calibrations(*, json: options.Json = False) -> None:
    """Timings that ship with fluxcost."""
    documents = [
        _summary(entry.alias, fc.load_calibration(entry.alias))
        for entry in fc.shipped_calibrations()
    ]
    if json:
        show_json({"calibrations": documents})
        return
    if not documents:
        show_text("No calibration ships with this version; see python -m measure --help.")
        return
    show_table([{key: str(value) for key, value in document.items()} for document in documents])


def _summary(alias: str, calibration: fc.Calibration) -> dict[str, Any]:
    started = [run.started_at for run in calibration.runs]
    return {
        "alias": alias,
        "source": str(calibration.source),
        "hash": calibration.content_hash[:12],
        "cells": len(calibration.ok_cells),
        "gpu": calibration.gpu.name,
        "measured_on": str(max(started).date()) if started else NOTHING,
    }


def _refuse_unknown(kind: str, name: str | None, known: set[str]) -> None:
    if name is not None and name not in known:
        raise UnknownNameError(kind, name, known)


def _past_day(text: str) -> dt.date:
    day = day_of(text, "--at")
    if day > today_utc():
        raise fc.InputError(f"--at is {text}; expected a day that is past, or leave it out.")
    return day


def _documents(
    rows: Iterable[fc.Offer] | Iterable[fc.Tariff], day: dt.date
) -> list[dict[str, Any]]:
    return [
        row.to_dict()
        | {
            "age_days": row.age_days(day),
            "staleness": row.staleness(day),
            "caveats": list(row.caveats(day)),
        }
        for row in rows
    ]


def _offer_row(offer: fc.Offer, day: dt.date) -> dict[str, str]:
    return {
        "offer": offer.id,
        "GPU": f"{offer.gpu_count} x {offer.gpu}",
        "sold": str(offer.kind),
        "a GPU-hour": usd(offer.usd_per_gpu_hour) if offer.price else str(offer.unpriced),
        **_age(offer, day),
    }


def _tariff_row(tariff: fc.Tariff, day: dt.date) -> dict[str, str]:
    shape = fc.Shape(*REFERENCE)
    try:
        price = usd(tariff.usd_per_image(shape, day).value)
    except FluxcostError:
        price = NOTHING
    return {
        "tariff": tariff.id,
        "model": tariff.model,
        f"an image, {shape}": price,
        **_age(tariff, day),
    }


def _age(row: fc.Offer | fc.Tariff, day: dt.date) -> dict[str, str]:
    return {
        "as of": str(row.as_of),
        "days old": "undated" if row.as_of_kind == "collected" else str(row.age_days(day)),
        "grade": row.grade,
        "status": str(row.status),
        "source": _site(row),
    }


def _site(row: fc.Offer | fc.Tariff) -> str:
    """Return where the price was read, short enough for a table; --json has all of it."""
    text = row.source.removeprefix("https://")
    site = text if len(text) <= SOURCE_WIDTH else f"{text[:SOURCE_WIDTH]}..."
    return f"yours: {site}" if row.from_overlay else site
