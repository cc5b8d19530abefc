"""How fast where nobody measured: `fluxcost transfer`."""

from __future__ import annotations

from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_fields, show_json
from fluxcost.units import interval, percent


def transfer(
    *,
    calibration: Annotated[
        str, typer.Argument(help="Alias or path of a measured calibration to start from.")
    ],
    gpu: Annotated[
        str | None, typer.Option(help="Key of a GPU in data/gpus.yaml; default: the one measured.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A model that ships; default: the one measured.")
    ] = None,
    launches_per_s: Annotated[
        float | None,
        typer.Option(help="Kernels a second the other machine launches, where a run shows it."),
    ] = None,
    width: options.Width = 1024,
    height: options.Height = 1024,
    steps: options.Steps = 4,
    batch: options.Batch = 1,
    json: options.Json = False,
) -> None:
    """Seconds, memory and energy of a call on a GPU or model nobody measured."""
    shape = fc.Shape(width, height, steps)
    fitted = fc.fit(fc.load_calibration(calibration))
    moved = fc.transfer(fitted, gpu=gpu, model=model, launches_per_s=launches_per_s)
    found = _answers(moved, shape, batch)
    if json:
        show_json({name: estimate.to_dict() for name, estimate in found.items()})
        return
    latency = found["latency"]
    show_fields(
        {
            "call": f"{moved.alias}: {shape}, batch {batch}",
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
