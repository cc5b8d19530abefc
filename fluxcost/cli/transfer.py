"""How fast on a GPU that was not measured: `fluxcost transfer`."""

from __future__ import annotations

from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json
from fluxcost.estimate import interval
from fluxcost.units import percent
from fluxcost.workload.shape import parse_shape


def transfer(
    *,
    calibration: Annotated[
        str, typer.Argument(help="Alias or path of a measured calibration to start from.")
    ],
    gpu: Annotated[
        str | None,
        typer.Option(help="Key of the GPU to predict, such as l40s; default: the GPU measured."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model to predict, one that ships; default: the model measured."),
    ] = None,
    launches_per_s: Annotated[
        float | None,
        typer.Option(help="Kernel launches per second of the other machine's CPU, where known."),
    ] = None,
    shape: options.Shape = options.SHAPE,
    batch: options.Batch = 1,
    json: options.Json = False,
) -> None:
    """Predict seconds, memory and energy of a call on a GPU or model that was not measured."""
    asked = parse_shape(shape)
    fitted = fc.fit(fc.load_calibration(calibration))
    moved = fc.transfer(fitted, gpu=gpu, model=model, launches_per_s=launches_per_s)
    found = _answers(moved, asked, batch)
    if json:
        show_json("transfer", {name: estimate.to_dict() for name, estimate in found.items()})
        return
    latency = found["latency"]
    show_fields(
        {
            "call": f"{moved.alias}: {asked}, batch {batch}",
            **{_TITLES[name]: interval(estimate) for name, estimate in found.items()},
            "level": percent(latency.level),
            "source": str(latency.source),
            "basis": "; ".join(latency.evidence),
        }
    )


_TITLES = {
    "latency": "median",
    "throughput": "one GPU, busy",
    "memory": "peak memory",
    "energy": "an image takes",
}


def _answers(moved: fc.Transferred, shape: fc.Shape, batch: int) -> dict[str, fc.Estimate]:
    """Return what the record can tell; one without memory or energy readings tells the times."""
    found = {
        "latency": moved.latency(shape, batch),
        "throughput": moved.throughput(shape, batch),
    }
    for name, ask in (("memory", moved.memory), ("energy", moved.energy)):
        try:
            found[name] = ask(shape, batch)
        except fc.MissingDataError:
            continue
    return found
