"""How much: `fluxcost cost` and `fluxcost breakeven`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json
from fluxcost.economics.breakeven import BreakEven
from fluxcost.economics.verdict import SINGLE
from fluxcost.errors import InputError
from fluxcost.stated import refuse_beside, refuse_without
from fluxcost.units import interval, percent

MOST_SHOWN = 9
"""Changes of side in the table; the rest are in the JSON."""


def cost(
    context: typer.Context,
    *,
    calibration: options.Calibration,
    offer: Annotated[
        str | None, typer.Option(help="Id of a GPU offer (see `fluxcost prices`).")
    ] = None,
    utilization: options.Utilization,
    width: options.Width = 1024,
    height: options.Height = 1024,
    steps: options.Steps = 4,
    mix: Annotated[
        Path | None,
        typer.Option(help="Workload file whose shapes and weights to take, in place of one shape."),
    ] = None,
    batch: options.Batch = 1,
    gpus_per_image: options.GpusPerImage = 1,
    extras: Annotated[
        Path | None,
        typer.Option(
            help="File of what is beside the model: failures, stages, storage, people, your own "
            "machine; see examples/costs/."
        ),
    ] = None,
    prices: options.Prices = None,
    json: options.Json = False,
) -> None:
    """USD of one image on a rented GPU."""
    if mix is not None:
        refuse_beside(context, "--mix, whose file states the shapes", ("width", "height", "steps"))
    if offer is None:
        refuse_without(context, "--offer", ("prices",))
    beside = fc.Extras() if extras is None else fc.load_extras(extras)
    rented = _offer_or_machine(offer, beside, prices)
    fitted = fc.fit(fc.load_calibration(calibration))
    timed = fitted if gpus_per_image == 1 else fitted.split(gpus_per_image)
    if mix is not None:
        shapes = fc.load_workload(mix).mix
        mixed = fc.cost_of_mix(
            timed, rented, shapes, batch=batch, utilization=utilization, extras=beside
        )
        _show_mix(mixed, json=json)
        return
    shape = fc.Shape(width, height, steps)
    result = fc.cost_per_image(
        timed, rented, shape, batch=batch, utilization=utilization, extras=beside
    )
    if json:
        show_json(result.to_dict())
        return
    show_fields(
        {
            "offer": f"{rented.id}, {rented.gpu}",
            "call": f"{shape}, batch {batch}",
            **{line.name: interval(line.usd_per_image) for line in result.lines},
            **_total(result),
            **_caveats(result.caveats),
        }
    )


def _offer_or_machine(
    offer: str | None, extras: fc.Extras, prices: Path | None
) -> fc.Offer | fc.OwnedMachine:
    if offer is None and extras.machine is None:
        raise InputError(
            "neither an offer nor a machine is given; add --offer of what is rented, or --extras "
            "with the machine that is yours."
        )
    if offer is not None and extras.machine is not None:
        raise InputError(
            f"--offer is {offer} and --extras hold a machine that is yours; give one of the two."
        )
    if extras.machine is not None:
        return extras.machine
    assert offer is not None  # noqa: S101 - narrows the type; checked above
    return fc.load_catalog(prices).offer(offer)


def _show_mix(result: fc.CostOfMix, *, json: bool) -> None:
    if json:
        show_json(result.to_dict())
        return
    first = result.shapes[0]
    show_fields(
        {
            "offer": first.offer,
            **{
                f"{percent(share)} {cost.shape}": interval(cost.total)
                for share, cost in zip(result.shares, result.shapes, strict=True)
            },
            **{line.name: interval(line.usd_per_image) for line in result.lines},
            **_total(result),
            **_caveats(first.caveats),
        }
    )


def _total(result: fc.CostPerImage | fc.CostOfMix) -> dict[str, str]:
    return {
        "total": interval(result.total),
        "images per dollar": interval(result.images_per_usd),
        "source": str(result.total.source),
        "evidence": "; ".join(result.total.evidence),
    }


def breakeven(
    *,
    calibration: options.Calibration,
    offer: options.Offer,
    tariff: Annotated[str, typer.Option(help="Id of an API tariff (see `fluxcost prices`).")],
    utilization: options.Utilization,
    width: options.Width = 1024,
    height: options.Height = 1024,
    steps: options.Steps = 4,
    batch: options.Batch = 1,
    starts_per_month: Annotated[
        int | None, typer.Option(help="Rent only while there is work, so often a month.")
    ] = None,
    startup_minutes: Annotated[
        float | None, typer.Option(help="Before the first image of each start.")
    ] = None,
    images_per_month: Annotated[
        int | None, typer.Option(help="Images of the first month, to find the month to switch.")
    ] = None,
    growth: Annotated[
        float | None, typer.Option(help="Growth of that volume a month, such as 0.1; 0.")
    ] = None,
    months: Annotated[int | None, typer.Option(help="Months looked ahead; 12.")] = None,
    prices: options.Prices = None,
    json: options.Json = False,
) -> None:
    """Images a month from which renting beats an API."""
    shape = fc.Shape(width, height, steps)
    sessions = _sessions(starts_per_month, startup_minutes)
    horizon = _horizon(images_per_month, growth, months, sessions)
    catalog = fc.load_catalog(prices)
    fitted = fc.fit(fc.load_calibration(calibration))
    rented, api = catalog.offer(offer), catalog.tariff(tariff)
    result = fc.break_even(
        fitted,
        rented,
        api,
        shape,
        batch=batch,
        utilization=utilization,
        sessions=sessions,
    )
    switch = None
    if horizon is not None:
        switch = fc.switch_month(
            fitted, rented, api, shape, horizon=horizon, batch=batch, utilization=utilization
        )
    if json:
        show_json(result.to_dict() | ({} if switch is None else {"switch": switch.to_dict()}))
        return
    only = len(result.crossings) < 2 and result.verdict in SINGLE
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
            **_caveats(result.caveats),
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
                f"--growth is {growth} and --months {months} without --images-per-month; expected "
                "the images of the first month beside them."
            )
        return None
    if sessions is not None:
        raise InputError(
            "--images-per-month is given with --starts-per-month; the month to switch is that to "
            "instances kept all month: ask for one of the two."
        )
    return fc.Horizon(images, growth or 0.0, 12 if months is None else months)


def _caveats(caveats: tuple[str, ...]) -> dict[str, str]:
    return {"note": "; ".join(caveats)} if caveats else {}
