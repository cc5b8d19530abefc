"""The options that several commands share, each defined once, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli.output import show_note, show_text
from fluxcost.economics.price_row import today_utc
from fluxcost.errors import UnknownNameError

Shape = Annotated[
    str,
    typer.Option(
        help="WIDTHxHEIGHTxSTEPS of an image: pixels in multiples of 16, and denoising steps."
    ),
]
SHAPE = "1024x1024x4"
"""Asked for unless another shape is given."""

Batch = Annotated[int, typer.Option(help="Images per call.")]
References = Annotated[int, typer.Option(help="Reference images given with the prompt.")]
Calibration = Annotated[
    str, typer.Option(help="Alias (see `fluxcost calibrations`) or path of a file.")
]
Calibrations = Annotated[
    list[str] | None,
    typer.Option(
        "--calibration",
        help="Alias or path of a file; repeatable. Default: every calibration that ships.",
    ),
]
GpusPerImage = Annotated[
    int, typer.Option(min=1, help="GPUs that work on each image together, where that was measured.")
]
Offer = Annotated[str, typer.Option(help="Id of a GPU offer (see `fluxcost prices`).")]
Utilization = Annotated[
    float, typer.Option(help="Share of rented time in which images are made, such as 0.6.")
]
Prices = Annotated[
    Path | None,
    typer.Option(help="Folder of your own prices; a row replaces the shipped one of its id."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]


def calibrations_of(names: list[str] | None) -> list[fc.Calibration] | None:
    """Return the calibrations named; None, for all that ship, where none is."""
    return [fc.load_calibration(name) for name in names] if names else None


def prices_of(folder: Path | None, *, json: bool) -> fc.Catalog:
    """Return the prices of an answer, and say first where they are old.

    With `--json` it is said on stderr, where progress goes.
    """
    catalog = fc.load_catalog(folder)
    if (note := catalog.age_note(today_utc())) is not None:
        show_note(note) if json else show_text(note)
    return catalog


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
