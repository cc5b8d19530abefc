"""Finding quality records: those that ship, and your own by the path of a file."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from fluxcost.documents import YAML_SUFFIXES
from fluxcost.errors import MissingDataError, UnknownNameError
from fluxcost.estimate import Estimate
from fluxcost.performance.quality.quality_figures import figure, figures
from fluxcost.performance.quality.quality_metrics import Metric
from fluxcost.performance.quality.quality_record import Quality, read_quality

SUFFIXES = {".json", *YAML_SUFFIXES}


def load_quality(name: str | Path) -> Quality:
    """Load a quality record by its shipped name or by path.

    Args:
        name: Such as `inferencebench/flux2-klein-4b`, or the path of a .json or .yaml file.

    Raises:
        UnknownNameError: No shipped record has this name; carries the nearest.
        DocumentError: The file cannot be read, or was edited or damaged.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or out of range.
    """
    path = Path(name)
    if path.suffix in SUFFIXES:
        return read_quality(path)
    if str(name) not in _paths():
        raise UnknownNameError("quality record", str(name), _paths())
    return _read_shipped(_paths()[str(name)])


def shipped_qualities() -> tuple[Quality, ...]:
    """Return every quality record that ships with fluxcost, by name."""
    return tuple(_read_shipped(path) for _, path in sorted(_paths().items()))


def quality(
    model: str,
    metric: Metric | str,
    steps: int,
    *,
    category: str | None = None,
    records: Iterable[Quality] | None = None,
) -> Estimate:
    """Return what is known of a model's pictures at a step count.

    Args:
        model: Such as flux2-klein-4b.
        metric: One of `clip`, `clip_by_steps`, `lpips`, `binding`, `accepted`.
        steps: Denoising steps.
        category: Kind of prompts; the mean over all unless given.
        records: Where to look; the shipped ones unless given. The strongest source answers, and of
            equals the last.

    Raises:
        UnknownNameError: No such metric.
        MissingDataError: No record holds it. Nothing is guessed from another model or step count.
    """
    wanted = metric_of(metric)
    known = shipped_qualities() if records is None else tuple(records)
    mine = [each for each in known if each.model == model and wanted in each.metrics]
    if not mine:
        raise MissingDataError(no_record(model, wanted))
    holding = [each for each in mine if _holds(each, wanted, steps)] or mine
    best = min(reversed(holding), key=lambda each: each.source.rank)
    return figure(best, wanted, steps, category)


def no_record(model: str, metric: Metric) -> str:
    """Return the sentence for a model without a record."""
    return (
        f"no quality record of {model} holds {metric}; score its pictures with `python -m measure "
        "quality`, or add a record of your own."
    )


def metric_of(name: Metric | str) -> Metric:
    """Return the metric of a name.

    Raises:
        UnknownNameError: No such metric.
    """
    if name not in set(Metric):
        raise UnknownNameError("metric", str(name), set(Metric))
    return Metric(name)


def _holds(record: Quality, metric: Metric, steps: int) -> bool:
    return any(each.metric is metric and each.steps == steps for each in figures(record))


@functools.cache
def _read_shipped(path: Path) -> Quality:
    return read_quality(path)


@functools.cache
def _paths() -> dict[str, Path]:
    root = Path(str(files("fluxcost"))) / "data" / "quality"
    found = (path for path in root.rglob("*") if path.suffix in SUFFIXES)
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in found}
