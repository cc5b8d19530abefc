"""When renting beats an API: `fluxcost breakeven`."""

from __future__ import annotations

from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json
from fluxcost.economics.break_even.break_even import ONE_VOLUME, BreakEven
from fluxcost.errors import InputError
from fluxcost.estimate import interval
from fluxcost.units import percent
from fluxcost.workload.shape import parse_shape

MOST_SHOWN = 9
"""Crossings in the table; the rest are in the JSON."""


def breakeven(
    *,
    calibration: options.Calibration,
    offer: options.Offer,
    tariff: Annotated[str, typer.Option(help="Id of an API tariff (see `fluxcost prices`).")],
    utilization: options.Utilization,
    shape: options.Shape = options.SHAPE,
    batch: options.Batch = 1,
    starts_per_month: Annotated[
        int | None, typer.Option(help="Rent in sessions instead of all month: how many a month.")
    ] = None,
    startup_minutes: Annotated[
        float | None, typer.Option(help="Minutes before the first image of each session.")
    ] = None,
    images_per_month: Annotated[
        int | None, typer.Option(help="Images of the first month; also finds the month to switch.")
    ] = None,
    growth: Annotated[
        float | None, typer.Option(help="Monthly growth of that volume, such as 0.1; default 0.")
    ] = None,
    months: Annotated[int | None, typer.Option(help="Months looked ahead; default 12.")] = None,
    prices: options.Prices = None,
    json: options.Json = False,
) -> None:
    """Monthly volume from which renting is cheaper than an API."""
    asked = parse_shape(shape)
    sessions = _sessions(starts_per_month, startup_minutes)
    horizon = _horizon(images_per_month, growth, months, sessions)
    catalog = options.prices_of(prices, json=json)
    fitted = fc.fit(fc.load_calibration(calibration))
    rented, api = catalog.offer(offer), catalog.tariff(tariff)
    result = fc.break_even(
        fitted,
        rented,
        api,
        asked,
        batch=batch,
        utilization=utilization,
        sessions=sessions,
    )
    switch = None
    if horizon is not None:
        switch = fc.month_to_switch(
            fitted, rented, api, asked, horizon=horizon, batch=batch, utilization=utilization
        )
    if json:
        more = {} if switch is None else {"switch": switch.to_dict()}
        show_json("breakeven", result.to_dict() | more)
        return
    only = len(result.crossings) < 2 and result.verdict in ONE_VOLUME
    volume = {"images a month": interval(result.images_per_month)} if only else {}
    show_fields(
        {
            "rented": result.offer,
            "instead of": f"{result.tariff}, {interval(result.tariff_usd_per_image)}",
            "verdict": f"{result.verdict}: {result.reason}",
            **volume,
            **_crossings(result),
            "needed utilization": percent(result.required_utilization.value),
            "one instance makes": interval(result.capacity_images_per_month),
            "rent stays cheaper": f"in {percent(result.probability)} of draws",
            **({} if switch is None else {"switch": switch.sentence}),
            **({"note": "; ".join(result.caveats)} if result.caveats else {}),
        }
    )


def _crossings(result: BreakEven) -> dict[str, str]:
    """Return every change of side, where there are several."""
    if len(result.crossings) < 2:
        return {}
    changes = [
        f"{crossing.becomes} from {interval(crossing.images_per_month)}"
        for crossing in result.crossings[:MOST_SHOWN]
    ]
    if len(result.crossings) > MOST_SHOWN:
        changes.append(f"{len(result.crossings) - MOST_SHOWN} more; see --json")
    return {"cheaper": "; ".join(changes)}


def _sessions(starts_per_month: int | None, startup_minutes: float | None) -> fc.Sessions | None:
    if starts_per_month is None and startup_minutes is None:
        return None
    if starts_per_month is None or startup_minutes is None:
        raise InputError(
            f"--starts-per-month is {starts_per_month} and --startup-minutes {startup_minutes}; "
            "expected both or neither: add the missing one."
        )
    return fc.Sessions(starts_per_month, startup_minutes * 60)


def _horizon(
    images: int | None, growth: float | None, months: int | None, sessions: fc.Sessions | None
) -> fc.Horizon | None:
    if images is None:
        if growth is not None or months is not None:
            raise InputError(
                f"--growth is {growth} and --months {months} without --images-per-month; add "
                "--images-per-month, the images of the first month."
            )
        return None
    if sessions is not None:
        raise InputError(
            "--images-per-month is given with --starts-per-month; the month to switch is known for "
            "instances rented all month only: give one of the two."
        )
    return fc.Horizon(images, growth or 0.0, 12 if months is None else months)
