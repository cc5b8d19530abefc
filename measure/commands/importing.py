"""`python -m measure import`: calls that another tool timed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fluxcost.errors import InputError
from measure.commands import options
from measure.commands.output import OUT


def import_timings(
    *,
    file: Annotated[
        Path,
        typer.Argument(help="Calls as CSV, aiperf's profile_export.jsonl, or SGLang's JSON."),
    ],
    gpu: Annotated[str, typer.Option(help="GPU key, such as h100-sxm.")],
    gpu_name: Annotated[str, typer.Option(help="Name the driver reports.")],
    memory_gib: Annotated[float, typer.Option(help="Device memory, GiB.")],
    model: Annotated[str, typer.Option(help="Model name, such as flux2-klein-4b.")],
    stack: Annotated[str, typer.Option(help="What the stack is to be called.")],
    out: options.NewFile,
    tool: Annotated[
        str, typer.Option("--from", help="csv (width,height,steps,batch,latency_s), aiperf, sglang")
    ] = "csv",
    width: Annotated[int | None, typer.Option(help="Pixels, where the file does not say.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels, where the file does not say.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, where the file does not say.")] = None,
) -> None:
    """Turn calls that another tool timed into a calibration, answered where they were timed."""
    from fluxcost.performance.measured.identity import GpuIdentity
    from measure.importers.choice import Told, Tool, read_timings
    from measure.importers.record import Ran

    if tool not in set(Tool):
        raise InputError(f"--from is {tool!r}; expected one of {', '.join(Tool)}.")
    device = {"key": gpu, "name": gpu_name, "memory_gib": memory_gib}
    ran = Ran(GpuIdentity.parse(device, "the GPU given"), model, stack)
    calibration = read_timings(Tool(tool), file, ran, Told(width, height, steps))
    calibration.save(out)
    OUT.print(f"{len(calibration.cells)} cells in {out}")
