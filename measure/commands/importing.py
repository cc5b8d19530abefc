"""`python -m measure import`: calls that another tool timed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fluxcost.errors import InputError
from measure.commands import shared
from measure.commands.shared import OUT


def import_timings(
    *,
    file: Annotated[
        Path,
        typer.Argument(help="CSV of calls, aiperf's profile_export.jsonl, or SGLang's JSON."),
    ],
    gpu: Annotated[str, typer.Option(help="GPU key, such as h100-sxm.")],
    gpu_name: Annotated[str, typer.Option(help="Name that the driver reports.")],
    memory_gib: Annotated[float, typer.Option(help="Device memory, GiB.")],
    model: Annotated[str, typer.Option(help="Model name, such as flux2-klein-4b.")],
    stack: Annotated[str, typer.Option(help="Name for the stack.")],
    out: shared.NewFile,
    tool: Annotated[
        str, typer.Option("--from", help="csv (width,height,steps,batch,latency_s), aiperf, sglang")
    ] = "csv",
    shape: Annotated[
        str | None,
        typer.Option(help="With --from sglang: WIDTHxHEIGHTxSTEPS of the requests."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="With --from aiperf: steps, where the file has none.")
    ] = None,
) -> None:
    """Turn calls timed by another tool into a calibration that answers where they were timed."""
    from fluxcost.performance.calibration.measuring_run import GpuIdentity
    from fluxcost.workload.shape import parse_shape
    from measure.importers.import_tool import ImportOptions, Tool, read_timings
    from measure.importers.imported_record import ImportedRun

    if tool not in set(Tool):
        raise InputError(f"--from is {tool!r}; expected one of {', '.join(Tool)}.")
    device = {"key": gpu, "name": gpu_name, "memory_gib": memory_gib}
    ran = ImportedRun(GpuIdentity.parse(device, "the GPU given"), model, stack)
    calibration = read_timings(
        Tool(tool), file, ran, ImportOptions(None if shape is None else parse_shape(shape), steps)
    )
    calibration.save(out)
    OUT.print(f"{len(calibration.cells)} cells in {out}")
