"""Prices out of other projects' catalogs: `fluxcost prices import` and `prices refresh`."""

from __future__ import annotations

from pathlib import Path

from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.economics.importers.found import Found, day_of
from fluxcost.economics.importers.live import refresh_prices
from fluxcost.economics.importers.writing import import_prices
from fluxcost.errors import InputError


def import_files(
    origin: str | None, files: list[Path], as_of: str | None, out: Path | None, *, json: bool
) -> None:
    """Import and show how many rows were kept, and why the others were not.

    Raises:
        InputError: An option is missing.
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
    _show(import_prices(origin, files, day_of(as_of), out), out, json=json)


def refresh(provider: str | None, out: Path | None, *, json: bool) -> None:
    """Fetch and show how many rows were kept, and why the others were not.

    Raises:
        InputError: An option is missing.
    """
    if out is None:
        raise InputError("prices refresh needs --out; such as fluxcost prices refresh --out mine/.")
    _show(refresh_prices(out, () if provider is None else (provider,)), out, json=json)


def _show(found: Found, out: Path, *, json: bool) -> None:
    if json:
        show_json(
            {
                "imported": {provider: len(rows) for provider, rows in found.rows.items()},
                "refused": found.reasons,
                "folder": str(out),
            }
        )
        return
    show_text(f"{found.count} rows in {out}; use them with --prices {out}")
    if found.refused:
        show_table(
            [{"rows": str(count), "not imported": why} for why, count in found.reasons.items()]
        )
