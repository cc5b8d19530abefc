"""How two plans differ: `fluxcost diff`."""

from __future__ import annotations

from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json
from fluxcost.estimate import interval
from fluxcost.units import usd


def diff(
    *,
    first: Annotated[
        str, typer.Argument(help="WORKLOAD.yaml for its best plan, or WORKLOAD.yaml#OPTION.")
    ],
    second: Annotated[
        str, typer.Argument(help="Likewise, or #OPTION for another plan of the first workload.")
    ],
    prices: options.Prices = None,
    calibration: options.Calibrations = None,
    json: options.Json = False,
) -> None:
    """Difference of two plans in cost, with an interval in which shared errors cancel."""
    catalog = options.prices_of(prices, json=json)
    timed = options.calibrations_of(calibration)
    where = first.partition("#")[0]
    names = (first, where + second if second.startswith("#") else second)
    one, other = (options.plan_named(name, catalog, timed) for name in names)
    result = fc.diff(one, other)
    if json:
        show_json("diff", result.to_dict())
        return
    show_fields(
        {
            **{name: f"{a} -> {b}" for name, (a, b) in result.changed.items()},
            "total": f"{usd(one.total.value)} -> {usd(other.total.value)}",
            "difference": interval(result.total),
            "an image": interval(result.usd_per_image),
            "verdict": result.sentence,
        }
    )
