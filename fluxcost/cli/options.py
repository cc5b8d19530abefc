"""The options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Width = Annotated[int, typer.Option(help="Pixels, a multiple of 16.")]
Height = Annotated[int, typer.Option(help="Pixels, a multiple of 16.")]
Steps = Annotated[int, typer.Option(help="Denoising steps.")]
Batch = Annotated[int, typer.Option(help="Images per call.")]
References = Annotated[int, typer.Option(help="Reference images given with the prompt.")]
Calibration = Annotated[
    str, typer.Option(help="Alias (see `fluxcost calibrations`) or path of a file.")
]
GpusPerImage = Annotated[
    int, typer.Option(min=1, help="GPUs that make each image together, where that was measured.")
]
Offer = Annotated[str, typer.Option(help="Id of a GPU offer (see `fluxcost prices`).")]
Utilization = Annotated[
    float, typer.Option(help="Share of rented time that makes images, such as 0.6.")
]
Prices = Annotated[
    Path | None, typer.Option(help="Folder of your own prices; they win over the shipped ones.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
