"""What a plan costs where its inputs turn out otherwise: `fluxcost sensitivity`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.errors import InputError
from fluxcost.planning.sensitivity.analysis import SCENARIOS
from fluxcost.planning.sensitivity.tornado import OptionRisk, TornadoBar
from fluxcost.units import percent, usd


def sensitivity(
    *,
    workload: Annotated[Path, typer.Argument(help="A workload file; see examples/.")],
    price: Annotated[
        str | None, typer.Option(help="Range of a factor on every price, LOW:HIGH such as 0.8:1.3.")
    ] = None,
    utilization: Annotated[
        str | None,
        typer.Option(help="Range of the share of rented time in which images are made, LOW:HIGH."),
    ] = None,
    steps: Annotated[str | None, typer.Option(help="Range of denoising steps, LOW:HIGH.")] = None,
    batch: Annotated[str | None, typer.Option(help="Range of images per call, LOW:HIGH.")] = None,
    growth: Annotated[
        str | None,
        typer.Option(help="Range of the growth of the volume, LOW:HIGH such as -0.2:1.0."),
    ] = None,
    scenarios: Annotated[int, typer.Option(help="Number of scenarios drawn.")] = SCENARIOS,
    seed: Annotated[int, typer.Option(help="The same seed draws the same scenarios.")] = 0,
    prices: options.Prices = None,
    calibration: options.Calibrations = None,
    top: Annotated[int, typer.Option(min=1, help="Options to print.")] = 10,
    json: options.Json = False,
) -> None:
    """Cost of a workload over thousands of scenarios, and which input moves it most."""
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
        options.prices_of(prices, json=json),
        options.calibrations_of(calibration),
        drivers=drivers,
        scenarios=scenarios,
        seed=seed,
    )
    if json:
        show_json("sensitivity", result.to_dict())
        return
    show_text(f"{result.workload}: {result.scenarios:,} scenarios, {result.unit}")
    show_table([_row(option) for option in result.options[:top]])
    safest = result.options[0]
    if safest.tornado:
        show_text(f"{safest.option}, one driver at a time from {usd(safest.base_usd)}:")
        show_table([_bar(bar) for bar in safest.tornado])
    show_text(result.sentence)


def _range(name: str, text: str) -> fc.Interval:
    ends = text.split(":")
    try:
        low, high = (float(end) for end in ends)
        return fc.Interval(low, high)
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


def _bar(bar: TornadoBar) -> dict[str, str]:
    low, high = ("cannot" if end is None else usd(end) for end in (bar.low_usd, bar.high_usd))
    return {
        "driver": bar.driver,
        "from": bar.inputs[0],
        "to": bar.inputs[1],
        "low": low,
        "high": high,
    }
