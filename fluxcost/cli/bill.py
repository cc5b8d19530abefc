"""What a month is billed: `fluxcost bill`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json, show_table, show_text
from fluxcost.documents import refuse_unwritable, write_atomically
from fluxcost.estimate import interval
from fluxcost.units import significant, usd
from fluxcost.workload.shape import parse_shape


def bill(
    *,
    use: Annotated[
        Path,
        typer.Argument(help="Use file: how the GPUs are rented and used; see examples/costs/."),
    ],
    calibration: options.Calibration,
    offer: options.Offer,
    images: Annotated[int, typer.Option(help="Images made in the month.")],
    shape: options.Shape = options.SHAPE,
    batch: options.Batch = 1,
    focus: Annotated[
        Path | None,
        typer.Option(help="Also write the lines to this CSV, in the FOCUS billing format."),
    ] = None,
    prices: options.Prices = None,
    json: options.Json = False,
) -> None:
    """Bill of one month for rented GPUs, line by line."""
    if focus is not None:
        refuse_unwritable(focus)
    catalog, timed, given = (
        options.prices_of(prices, json=json),
        fc.load_calibration(calibration),
        fc.load_use(use),
    )
    result = fc.bill(
        fc.fit(timed),
        catalog.offer(offer),
        parse_shape(shape),
        given.use.use(catalog.offer, timed),
        images=images,
        batch=batch,
        terms=given.terms,
    )
    if focus is not None:
        write_atomically(focus, result.invoice.to_csv())
    if json:
        show_json("bill", result.to_dict())
        return
    show_table(
        [
            {
                "line": line.name,
                "quantity": f"{significant(float(line.quantity))} {line.unit}",
                "USD": interval(result.lines[line.name]),
                "billed": usd(float(line.billed_usd)),
            }
            for line in result.invoice.lines
        ]
    )
    show_fields(
        {
            "billed": interval(result.billed),
            "in effect": interval(result.effective),
            "an image": interval(result.usd_per_image),
            "source": str(result.billed.source),
            **({"note": "; ".join(result.caveats)} if result.caveats else {}),
        }
    )
    if focus is not None:
        show_text(f"FOCUS lines in {focus}; `fluxcost reconcile` reads such a bill.")
