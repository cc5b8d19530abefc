"""What an image costs on rented GPUs or a machine of one's own: `fluxcost cost`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json
from fluxcost.command_line import refuse_beside, refuse_without
from fluxcost.errors import InputError
from fluxcost.estimate import interval
from fluxcost.units import percent
from fluxcost.workload.shape import parse_shape


def cost(
    context: typer.Context,
    *,
    calibration: options.Calibration,
    offer: Annotated[
        str | None, typer.Option(help="Id of a GPU offer (see `fluxcost prices`).")
    ] = None,
    utilization: options.Utilization,
    shape: options.Shape = options.SHAPE,
    mix: Annotated[
        Path | None,
        typer.Option(help="Workload file whose shapes and weights replace --shape."),
    ] = None,
    batch: options.Batch = 1,
    gpus_per_image: options.GpusPerImage = 1,
    extras: Annotated[
        Path | None,
        typer.Option(
            help="File of other costs (failures, stages, storage, people) or of a machine you own; "
            "see examples/costs/."
        ),
    ] = None,
    prices: options.Prices = None,
    json: options.Json = False,
) -> None:
    """USD of one image on a rented GPU or a machine you own."""
    if mix is not None:
        refuse_beside(context, "--mix, whose file states the shapes", ("shape",))
    if offer is None:
        refuse_without(context, "--offer", ("prices",))
    beside = fc.Extras() if extras is None else fc.load_extras(extras)
    rented = _offer_or_machine(offer, beside, prices, json=json)
    fitted = fc.fit(fc.load_calibration(calibration))
    timed = fitted if gpus_per_image == 1 else fitted.context_parallel(gpus_per_image)
    if mix is not None:
        shapes = fc.load_workload(mix).mix
        mixed = fc.cost_of_mix(
            timed, rented, shapes, batch=batch, utilization=utilization, extras=beside
        )
        _show_mix(mixed, json=json)
        return
    asked = parse_shape(shape)
    result = fc.cost_per_image(
        timed, rented, asked, batch=batch, utilization=utilization, extras=beside
    )
    if json:
        show_json("cost", result.to_dict())
        return
    show_fields(
        {
            "offer": f"{rented.id}, {rented.gpu}",
            "call": f"{asked}, batch {batch}",
            **{line.name: interval(line.usd_per_image) for line in result.lines},
            **_total(result),
            **_caveats(result.caveats),
        }
    )


def _offer_or_machine(
    offer: str | None, extras: fc.Extras, prices: Path | None, *, json: bool
) -> fc.Offer | fc.OwnedMachine:
    if offer is None and extras.machine is None:
        raise InputError(
            "neither --offer nor a machine is given; add --offer for a rented GPU, or --extras "
            "with a file that states a machine you own."
        )
    if offer is not None and extras.machine is not None:
        raise InputError(
            f"--offer is {offer} and --extras states a machine you own; give one of the two."
        )
    if extras.machine is not None:
        return extras.machine
    assert offer is not None  # noqa: S101 - narrows the type; checked above
    return options.prices_of(prices, json=json).offer(offer)


def _show_mix(result: fc.CostOfMix, *, json: bool) -> None:
    if json:
        show_json("cost-of-mix", result.to_dict())
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


def _caveats(caveats: tuple[str, ...]) -> dict[str, str]:
    return {"note": "; ".join(caveats)} if caveats else {}
