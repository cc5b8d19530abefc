"""GPU offers and API tariffs: `fluxcost prices`, its `import`, `refresh` and `schema`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_schema, show_table, show_text
from fluxcost.command_line import refuse_beside, refuse_without
from fluxcost.economics.importers.imported_rows import day_of
from fluxcost.economics.importers.price_import import import_prices
from fluxcost.economics.importers.price_match import PriceChange
from fluxcost.economics.importers.price_refresh import PriceRefresh, refresh_prices
from fluxcost.economics.price_files import price_file_schema
from fluxcost.economics.price_row import today_utc
from fluxcost.errors import FluxcostError, InputError, MissingDataError, UnknownNameError
from fluxcost.units import usd

REFERENCE = (1024, 1024, 4)
"""Width, height and steps of the image whose price the tariff table shows."""

NOTHING = "-"

SOURCE_WIDTH = 40
"""Characters of a source in a table."""

SPARE = ("source", "days old", "sold", "status")
"""Columns that a narrow terminal does without, first to go first."""


MOST_SHOWN = 20
"""New rows and reasons that a table shows; `--json` has all."""

OF_LISTS = ("at", "gpu", "model", "prices")
OF_FILES = ("origin", "as_of", "out")
UNREAD = {
    None: (*OF_FILES, "write"),
    "import": (*OF_LISTS, "provider", "write"),
    "refresh": OF_LISTS,
    "schema": (*OF_LISTS, *OF_FILES, "files", "provider", "write"),
}
"""Options that each action does not read."""


def prices(
    context: typer.Context,
    action: Annotated[
        Literal["import", "refresh", "schema"] | None,
        typer.Argument(
            help="import: read FILES of another catalog into a folder of prices. refresh: read "
            "today's prices from the network, or FILES saved earlier, and show what would change; "
            "with --write, write it. schema: print the JSON Schema of a price file."
        ),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="With import and refresh: files of the catalog that --from names."),
    ] = None,
    *,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="With import: gpuhunt, skypilot or litellm. With refresh: gpuhunt, "
            "gpurentalprices or litellm, all unless given; may be given several times.",
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="With FILES: their day, such as 2026-08-18, which gpurentalprices' say."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="With import and refresh: folder to write to; an earlier refresh's too."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="With refresh: write the prices into --out.")
    ] = False,
    at: Annotated[
        str | None, typer.Option(help="Prices as known on this past day, such as 2026-08-18.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="Only offers of this GPU key.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only prices of this provider.")] = None,
    model: Annotated[str | None, typer.Option(help="Only tariffs of this model.")] = None,
    prices: options.Prices = None,
    json: options.Json = False,
) -> None:
    """GPU offers and API tariffs, with age and grade."""
    _refuse_ignored(context, action)
    if action == "import":
        _import(origin, files or [], as_of, out, json=json)
        return
    if action == "refresh":
        _refresh(origin, files, as_of, provider, out, write=write, json=json)
        return
    if action == "schema":
        show_schema(price_file_schema())
        return
    day = today_utc() if at is None else _past_day(at)
    catalog = fc.load_catalog(prices).at(day)
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
        rows = {"offers": _documents(offers, day), "tariffs": _documents(tariffs, day)}
        show_json("price-list", rows)
        return
    of_offers = [_offer_row(offer, day) for offer in offers]
    for table in (of_offers, [_tariff_row(tariff, day) for tariff in tariffs]):
        if table:
            show_table(table, spare=SPARE)
    if catalog.own:
        count = len(catalog.own)
        show_text(f"Your own prices: {count}; each replaces the shipped price of its id.")


def _refuse_ignored(context: typer.Context, action: str | None) -> None:
    if action is None:
        refuse_without(context, "import or refresh", UNREAD[action])
    else:
        refuse_beside(context, f"prices {action}, where that has no meaning", UNREAD[action])


def _none_found(at: str | None, provider: str | None) -> str:
    known = "" if at is None else f" known on {at}"
    if provider is None:
        return f"no price is{known}; ask for a later day, or for fewer kinds."
    return f"no price{known} is of {provider} and the kind asked for; leave one filter out."


def _import(
    origin: list[str] | None, files: list[Path], as_of: str | None, out: Path | None, *, json: bool
) -> None:
    """Import and show how many rows were kept, and why the others were not.

    Raises:
        InputError: An option is missing, or `--from` is given twice.
    """
    given = {"--from": origin, "FILE": files or None, "--as-of": as_of, "--out": out}
    if missing := [name for name, value in given.items() if value is None]:
        raise InputError(
            f"prices import needs {', '.join(missing)}; such as fluxcost prices import --from "
            "gpuhunt aws.csv --as-of 2026-08-18 --out mine/."
        )
    assert origin is not None  # noqa: S101 - checked above, as are the next two
    assert as_of is not None  # noqa: S101
    assert out is not None  # noqa: S101
    if len(origin) > 1:
        raise InputError(
            f"--from is {' and '.join(origin)}; prices import reads one catalog at a time."
        )
    found = import_prices(origin[0], files, day_of(as_of), out)
    if json:
        counts = {provider: len(rows) for provider, rows in found.rows.items()}
        answer = {"imported": counts, "refused": found.reasons, "folder": str(out)}
        show_json("price-import", answer)
        return
    show_text(f"{found.count} rows in {out}; use them with --prices {out}")
    _show_reasons(found.reasons, "not imported")


def _refresh(
    origin: list[str] | None,
    files: list[Path] | None,
    as_of: str | None,
    provider: str | None,
    out: Path | None,
    *,
    write: bool,
    json: bool,
) -> None:
    """Read prices anew and show what was found; write it where that is asked for.

    Raises:
        InputError: The folder to write to, or the files that a day is of, are missing.
    """
    if write and out is None:
        raise InputError("--write is given without --out, the folder to write to; add --out.")
    if as_of is not None and not files:
        raise InputError("--as-of is given without the FILES that it is the day of; add them.")
    day = None if as_of is None else day_of(as_of)
    found = refresh_prices(origin or (), files=files or (), as_of=day, provider=provider, out=out)
    written = found.write(out) if write and out is not None else None
    _show_refresh(found, written, out, json=json)


def _show_reasons(reasons: dict[str, int], title: str) -> None:
    shown = list(reasons.items())[:MOST_SHOWN]
    if shown:
        show_table([{"rows": str(count), title: why} for why, count in shown])
    if len(reasons) > len(shown):
        show_text(f"{len(reasons) - len(shown)} more reasons; --json has all.")


def _show_refresh(
    found: PriceRefresh, written: tuple[Path, ...] | None, out: Path | None, *, json: bool
) -> None:
    """Show what was read, what of it is new, and what was written.

    Args:
        found: What the refresh found.
        written: Files written; None where nothing was to be written.
        out: Folder of the prices.
        json: Whether to print one JSON object.
    """
    if json:
        show_json("price-refresh", _refresh_answer(found, written))
        return
    for origin, why in found.failed.items():
        show_text(f"{origin} was not read: {why}")
    for origin, count in found.read.items():
        show_text(f"{origin}: {count} rows read")
    if found.moved or found.new:
        show_text("USD a GPU-hour of an offer; of a tariff, an image or the unit of its price:")
    if found.moved:
        show_table([_change_row(each) for each in found.moved], spare=("source",))
    if found.new:
        show_table([_new_row(row) for row in found.new[:MOST_SHOWN]], spare=("source",))
    if len(found.new) > MOST_SHOWN:
        show_text(f"{len(found.new) - MOST_SHOWN} more new rows; --json has all.")
    show_text(
        f"Prices that differ: {len(found.moved)}. Seen again, the same or older: "
        f"{len(found.changes) - len(found.moved) + found.known_already}. New: {len(found.new)}. "
        f"Not found any more and left as they are: {len(found.not_found)}."
    )
    _show_reasons(found.reasons, "not used")
    if written is None:
        show_text("Nothing was written; --write --out DIR writes these prices into a folder.")
    else:
        show_text(f"{len(written)} files written in {out}; use them with --prices {out}")


def _refresh_answer(found: PriceRefresh, written: tuple[Path, ...] | None) -> dict[str, Any]:
    return {
        "read": dict(found.read),
        "failed": dict(found.failed),
        "changed": [
            {
                "id": each.id,
                "usd_before": each.usd_before,
                "day_before": str(each.day_before),
                "was_dated": each.was_dated,
                "usd_now": each.usd_now,
                "day_now": str(each.day_now),
                "change": each.share,
                "becomes": each.becomes,
                "source": each.source,
            }
            for each in found.moved
        ],
        "seen_again": len(found.changes) - len(found.moved) + found.known_already,
        "new": [row.id for row in found.new],
        "not_found": list(found.not_found),
        "refused": found.reasons,
        "written": None if written is None else [str(path) for path in written],
    }


def _change_row(change: PriceChange) -> dict[str, str]:
    kept = "added to the history; of unknown age" if change.becomes == "observation" else "used"
    return {
        "row": change.id,
        "seen before": f"{usd(change.usd_before)} on {change.day_before}"
        + ("" if change.was_dated else ", age unknown"),
        "seen now": f"{usd(change.usd_now)} on {change.day_now}",
        "change": f"{change.share:+.1%}",
        "price now": kept,
        "source": change.source[:SOURCE_WIDTH],
    }


def _new_row(row: fc.Offer | fc.Tariff) -> dict[str, str]:
    shown = _offer_row(row, row.as_of) if isinstance(row, fc.Offer) else _tariff_row(row, row.as_of)
    price = shown.get("a GPU-hour") or shown[f"an image, {fc.Shape(*REFERENCE)}"]
    return {"new row": row.id, "price": price, "as of": str(row.as_of), "source": _site(row)}


def _refuse_unknown(kind: str, name: str | None, known: set[str]) -> None:
    if name is not None and name not in known:
        raise UnknownNameError(kind, name, known)


def _past_day(text: str) -> dt.date:
    day = day_of(text, "--at")
    if day > today_utc():
        raise InputError(f"--at is {text}; expected a day that is past, or leave it out.")
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
        "days old": str(row.age_days(day)) if row.as_of_kind.is_dated else "unknown",
        "grade": row.grade,
        "status": str(row.status),
        "source": _site(row),
    }


def _site(row: fc.Offer | fc.Tariff) -> str:
    """Return where the price was read, short enough for a table; --json has all of it."""
    text = row.source.removeprefix("https://")
    site = text if len(text) <= SOURCE_WIDTH else f"{text[:SOURCE_WIDTH]}..."
    return f"yours: {site}" if row.from_overlay else site
