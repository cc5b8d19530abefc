"""Figures of a record with intervals: raw scores by the bootstrap, printed ones by their rounding.

Pictures of one prompt resemble each other, so whole prompts are drawn, not pictures; where a
category has one prompt, its seeds are. Each category is drawn by itself and counts alike. A mean of
n draws with replacement varies by (n-1)/n less than the mean of n new ones would, so deviations are
widened by the root of n/(n-1). Draws over the same prompts are the same draws, so that the
difference between two models or step counts scored on one set of prompts has a paired interval.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fluxcost.errors import InputError, MissingDataError
from fluxcost.estimate import DRAWS, Draws, Estimate, Source
from fluxcost.performance.quality.quality_metrics import MEANINGS, Metric
from fluxcost.performance.quality.quality_record import Quality, Reported, Score, ScoredPicture

ALL = "all"
"""Stands for every category in tables."""


@dataclass(frozen=True, eq=False)
class QualityFigure:
    """One figure of a record.

    Attributes:
        metric: What was scored.
        category: Kind of prompts; `ALL` for the mean over categories.
        steps: Denoising steps; None where a table in print does not say.
        pictures: Pictures behind it; 0 for a figure in print.
        value: The figure.
    """

    metric: Metric
    category: str
    steps: int | None
    pictures: int
    value: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return the figure as plain values."""
        return {
            "metric": str(self.metric),
            "category": self.category,
            "steps": self.steps,
            "pictures": self.pictures,
            "value": self.value.to_dict(),
        }


def figures(record: Quality) -> tuple[QualityFigure, ...]:
    """Return every figure of a record: each metric and step count, over all and by category."""
    if record.source is not Source.MEASURED:
        return tuple(_printed(record, row) for row in record.reported)
    found = []
    for metric in record.metrics:
        for steps, scored in _by_steps(record, metric).items():
            categories = _by_category(record, scored)
            if len(categories) > 1:
                found.append(_measured(record, metric, steps, categories))
            found += [
                _measured(record, metric, steps, {name: categories[name]}) for name in categories
            ]
    return tuple(found)


def figure(
    record: Quality, metric: Metric, steps: int | None, category: str | None = None
) -> Estimate:
    """Return one figure of a record.

    Args:
        record: Where to look.
        metric: What was scored.
        steps: Denoising steps; None for a figure whose table does not say.
        category: Kind of prompts; None for the mean over all.

    Raises:
        MissingDataError: The record has no such figure; says which it has.
    """
    held = [each for each in figures(record) if each.metric is metric]
    over = {each.category for each in held}
    wanted = category or (ALL if ALL in over or len(over) != 1 else next(iter(over)))
    for each in held:
        if each.steps == steps and each.category == wanted:
            return each.value
    steps_held = {each.steps or "unstated" for each in held if each.category == wanted}
    has = f"steps {', '.join(map(str, sorted(steps_held, key=str)))}" if steps_held else ""
    raise MissingDataError(
        f"the {record.source} quality record of {record.model} has no {metric} of {wanted} at "
        f"{steps or 'unstated'} steps; it has {has or ', '.join(sorted(over)) or 'none'}."
    )


def _printed(record: Quality, row: Reported) -> QualityFigure:
    key = f"{record.model}/{row.metric}/{row.category}/{row.steps}"
    spread = np.asarray(_rng(key).uniform(-row.half_width, row.half_width, DRAWS))
    unit, evidence = MEANINGS[row.metric].unit, f"quality of {record.model}: {record.reference}"
    draws = _possible(row.metric, row.value + spread)
    value = Estimate(row.value, unit, record.source, (evidence,), draws)
    return QualityFigure(row.metric, row.category or ALL, row.steps, 0, value)


def _by_steps(record: Quality, metric: Metric) -> dict[int, list[tuple[ScoredPicture, Score]]]:
    pictures = {each.id: each for each in record.pictures}
    found: dict[int, list[tuple[ScoredPicture, Score]]] = {}
    for score in record.scores:
        if score.metric is metric:
            first = pictures[score.pictures[0]]
            found.setdefault(first.steps, []).append((first, score))
    return dict(sorted(found.items()))


def _by_category(
    record: Quality, scored: Sequence[tuple[ScoredPicture, Score]]
) -> dict[str, dict[str, list[Score]]]:
    """Return category to prompt id to scores, in the order of the record's prompts."""
    found: dict[str, dict[str, list[Score]]] = {}
    asked = {each.id: each for each in record.prompts}
    order = {each.id: place for place, each in enumerate(record.prompts)}
    for picture, score in sorted(scored, key=lambda each: order[each[0].prompt]):
        category = asked[picture.prompt].category
        found.setdefault(category, {}).setdefault(picture.prompt, []).append(score)
    return found


def _measured(
    record: Quality, metric: Metric, steps: int, categories: dict[str, dict[str, list[Score]]]
) -> QualityFigure:
    means, draws = zip(*(_category(each) for each in categories.values()), strict=True)
    name = next(iter(categories)) if len(categories) == 1 else ALL
    scores = [each for prompts in categories.values() for each in _flat(prompts)]
    pictures = {picture for score in scores for picture in score.pictures}
    judge = record.judges[metric]
    evidence = (
        f"quality of {record.model} ({record.content_hash[:12]}): {metric}, {name}, {steps} steps, "
        f"{len(pictures)} pictures, judged by {judge.name} ({judge.revision[:19]})"
    )
    value = Estimate(
        float(np.mean(means)),
        MEANINGS[metric].unit,
        record.source,
        (evidence,),
        _possible(metric, np.mean(draws, axis=0)),
    )
    return QualityFigure(metric, name, steps, len(pictures), value)


def _category(prompts: dict[str, list[Score]]) -> tuple[float, Draws]:
    """Return the mean of a category and its bootstrap draws."""
    if len(prompts) > 1:
        values = np.array([np.mean([score.value for score in each]) for each in prompts.values()])
        return float(values.mean()), _resampled(values, "/".join(prompts))
    ((prompt, scores),) = prompts.items()
    if len(scores[0].pictures) == 2:
        return _pairs(prompt, scores)
    values = np.array([score.value for score in scores])
    return float(values.mean()), _resampled(values, prompt)


def _resampled(values: Draws, key: str) -> Draws:
    count = len(values)
    if count < 2:
        raise InputError(
            f"{key}: one picture says nothing of how far the next would be from it; expected two "
            "prompts or two seeds at least."
        )
    taken = values[_rng(key).integers(count, size=(DRAWS, count))].mean(axis=1)
    return np.asarray(values.mean() + (taken - values.mean()) * np.sqrt(count / (count - 1)))


def _pairs(prompt: str, scores: Sequence[Score]) -> tuple[float, Draws]:
    """Return the mean distance over pairs of seeds, and its draws over seeds.

    A draw with replacement holds a picture twice; that pair has no distance and is left out.
    """
    names = sorted({name for score in scores for name in score.pictures})
    count = len(names)
    if count < 3:
        raise InputError(f"{prompt}: {count} seeds; expected three at least for an interval.")
    place = {name: i for i, name in enumerate(names)}
    distance = np.zeros((count, count))
    for score in scores:
        a, b = (place[name] for name in score.pictures)
        distance[a, b] = distance[b, a] = score.value
    mean = float(distance.sum() / (count * (count - 1)))
    taken = _rng(prompt).integers(count, size=(DRAWS, count))
    chosen = distance[taken[:, :, None], taken[:, None, :]]
    differ = taken[:, :, None] != taken[:, None, :]
    pairs = differ.sum(axis=(1, 2))
    # A draw of one seed over and over has no pair; at n seeds its probability is n^(1-n).
    means = np.where(pairs > 0, chosen.sum(axis=(1, 2)) / np.maximum(pairs, 1), mean)
    return mean, np.asarray(mean + (means - mean) * np.sqrt(count / (count - 1)))


def _possible(metric: Metric, draws: Draws) -> Draws:
    """Keep the draws of a share within 0 and 1."""
    return np.clip(draws, 0.0, 1.0) if MEANINGS[metric].is_share else draws


def _flat(prompts: dict[str, list[Score]]) -> Iterator[Score]:
    for scores in prompts.values():
        yield from scores


def _rng(key: str) -> np.random.Generator:
    digest = hashlib.sha256(f"quality/{key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
