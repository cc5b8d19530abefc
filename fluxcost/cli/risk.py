"""What if it turns out otherwise: `fluxcost sensitivity` and `fluxcost diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json, show_table, show_text
from fluxcost.errors import InputError, UnknownNameError
from fluxcost.planning.risks import Bar, OptionRisk
from fluxcost.planning.sensitivity import SCENARIOS
from fluxcost.units import interval, percent, usd

Timings = Annotated[
    list[str] | None,
    typer.Option(
        "--calibration",
        help="Alias or path; repeatable, each counts once; every shipped one unless given.",
    ),
]


def sensitivity(
    *,
    workload: Annotated[Path, typer.Argument(help="A workload file; see examples/.")],
    price: Annotated[
        str | None, typer.Option(help="Factor on every price, LOW:HIGH such as 0.8:1.3.")
    ] = None,
    utilization: Annotated[
        str | None, typer.Option(help="Share of rented time that makes images, LOW:HIGH.")
    ] = None,
    steps: Annotated[str | None, typer.Option(help="Denoising steps, LOW:HIGH.")] = None,
    batch: Annotated[str | None, typer.Option(help="Images per call, LOW:HIGH.")] = None,
    growth: Annotated[
        str | None, typer.Option(help="Growth of the volume, LOW:HIGH such as -0.2:1.0.")
    ] = None,
    scenarios: Annotated[int, typer.Option(help="Scenarios drawn.")] = SCENARIOS,
    seed: Annotated[int, typer.Option(help="The same seed draws the same scenarios.")] = 0,
    prices: options.Prices = None,
    calibration: Timings = None,
    top: Annotated[int, typer.Option(min=1, help="Options to print.")] = 10,
    json: options.Json = False,
) -> None:
    """What a workload may cost over thousands of scenarios, and what moves it most."""
    given = {
        "price": price,
        "utilization": utilization,
        "steps": steps,
        "batch": batch,
        "growth": growth,
    }
    drivers = fc.Drivers(
        **{name: _range(name, text) for name, text in given.items() if text is not None}
    )
    result = fc.sensitivity(
        fc.load_workload(workload),
        fc.load_catalog(prices),
        [fc.load_calibration(name) for name in calibration] if calibration else None,
        drivers=drivers,
        scenarios=scenarios,
        seed=seed,
    )
    if json:
        show_json(result.to_dict())
        return
    show_text(f"{result.workload}: {result.scenarios:,} scenarios, {result.unit}")
    show_table([_row(option) for option in result.options[:top]])
    safest = result.options[0]
    if safest.tornado:
        show_text(f"{safest.option}, one driver at a time from {usd(safest.base_usd)}:")
        show_table([_bar(bar) for bar in safest.tornado])
    show_text(result.sentence)


def diff(
    *,
    first: Annotated[str, typer.Argument(help="WORKLOAD.yaml, its best plan, or WORKLOAD#OPTION.")],
    second: Annotated[str, typer.Argument(help="The same, or #OPTION of the first workload.")],
    prices: options.Prices = None,
    calibration: Timings = None,
    json: options.Json = False,
) -> None:
    """How two plans differ, with the errors they share canceled."""
    catalog = fc.load_catalog(prices)
    timed = [fc.load_calibration(name) for name in calibration] if calibration else None
    where = first.partition("#")[0]
    names = (first, where + second if second.startswith("#") else second)
    one, other = (plan_named(name, catalog, timed) for name in names)
    result = fc.diff(one, other)
    if json:
        show_json(result.to_dict())
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


def plan_named(name: str, catalog: fc.Catalog, timed: list[fc.Calibration] | None) -> fc.Plan:
    """Return the plan that WORKLOAD.yaml, WORKLOAD.yaml#OPTION or that with :MODE names.

    Raises:
        UnknownNameError: No plan of the workload uses the option.
    """
    path, _, chosen = name.partition("#")
    option, _, mode = chosen.partition(":")
    plans = fc.plan(fc.load_workload(path), catalog=catalog, calibrations=timed)
    if not option:
        return plans.best
    for each in plans.leaders:
        if each.option == option and mode in {"", each.mode}:
            return each
    known = {f"{each.option}:{each.mode}" if mode else each.option for each in plans.leaders}
    raise UnknownNameError("option", chosen, known)


def _range(name: str, text: str) -> fc.Range:
    ends = text.split(":")
    try:
        low, high = (float(end) for end in ends)
        return fc.Range(low, high)
    except (ValueError, InputError):
        raise InputError(
            f"--{name} is {text!r}; expected LOW:HIGH, LOW at most HIGH, such as 0.8:1.3."
        ) from None


def _row(option: OptionRisk) -> dict[str, str]:
    return {
        "option": option.option,
        "bought": option.mode,
        "as planned": usd(option.base_usd),
        "5 %": usd(option.p5_usd),
        "50 %": usd(option.p50_usd),
        "95 %": usd(option.p95_usd),
        "cheapest in": percent(option.cheapest_share),
        "cannot in": percent(option.infeasible_share),
    }


def _bar(bar: Bar) -> dict[str, str]:
    low, high = ("cannot" if end is None else usd(end) for end in (bar.low_usd, bar.high_usd))
    return {
        "driver": bar.driver,
        "from": bar.inputs[0],
        "to": bar.inputs[1],
        "low": low,
        "high": high,
    }
