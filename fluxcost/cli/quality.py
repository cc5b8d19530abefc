"""How good a model's images are: `fluxcost quality`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.documents import files_in, is_folder
from fluxcost.errors import InputError
from fluxcost.performance.quality.quality_figures import figures
from fluxcost.performance.quality.quality_lookup import SUFFIXES
from fluxcost.performance.quality.quality_metrics import MEANINGS

Records = Annotated[
    list[str] | None,
    typer.Option(
        "--quality", help="Quality record, or folder of records, in addition to those that ship."
    ),
]


def quality(
    record: Annotated[
        str | None, typer.Argument(help="Name or file of a record; default: all that ship.")
    ] = None,
    *,
    json: options.Json = False,
) -> None:
    """Recorded image quality of models, metric by metric."""
    records = (fc.load_quality(record),) if record is not None else fc.shipped_qualities()
    if json:
        show_json("quality-list", {"records": [_document(each) for each in records]})
        return
    for each in records:
        show_text(f"{each.model}, {each.source}: {each.reference or 'python -m measure quality'}")
        show_table(
            [
                {
                    "metric": str(row.metric),
                    "prompts": row.category,
                    "steps": str(row.steps or "not stated"),
                    "pictures": str(row.pictures or "not stated"),
                    "value": f"{row.value.value:.3f} ({row.value.low:.3f} to {row.value.high:.3f})",
                    "judge": each.judges[row.metric].name,
                }
                for row in figures(each)
            ]
        )
        for metric in each.metrics:
            show_text(f"{metric}: {MEANINGS[metric].reads}.")


def _document(record: fc.Quality) -> dict[str, object]:
    return {
        "model": record.model,
        "source": str(record.source),
        "reference": record.reference,
        "judges": {str(metric): judge.to_dict() for metric, judge in record.judges.items()},
        "figures": [each.to_dict() for each in figures(record)],
    }


def with_shipped(names: list[str] | None) -> tuple[fc.Quality, ...] | None:
    """Return the shipped records and those named, a folder's by file name; None where none is.

    One that is named twice, or that ships and is named, counts once.
    """
    if not names:
        return None
    paths: list[str | Path] = []
    for name in names:
        folder = Path(name)
        inside = [each for each in files_in(folder, "*") if each.suffix in SUFFIXES]
        if not inside and is_folder(folder):
            raise InputError(f"--quality {name}: no record in it; expected .json or .yaml files.")
        paths += inside or [name]
    records = (*fc.shipped_qualities(), *(fc.load_quality(each) for each in paths))
    return tuple({each.content_hash: each for each in records}.values())
