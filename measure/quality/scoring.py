"""Scores stored pictures, one judge at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from PIL import Image

from fluxcost.performance.quality.metrics import Metric
from fluxcost.performance.quality.record import Picture, Prompt, Score, passes
from measure.quality.clip import ClipJudge
from measure.quality.drawing import kept
from measure.quality.lpips import LpipsJudge

Judgment = Callable[[], Score]
"""Makes one score when called."""


def clip_judgments(
    metric: Metric,
    judge: ClipJudge,
    pictures: Sequence[Picture],
    prompts: Mapping[str, Prompt],
    out: Path,
) -> Iterator[tuple[tuple[str, ...], Judgment]]:
    """Yield each picture's id and how its score is made: a cosine, or whether foils are further."""

    def judgment(picture: Picture) -> Judgment:
        def make() -> Score:
            prompt = prompts[picture.prompt]
            foils = prompt.foils if metric is Metric.BINDING else ()
            cosines = judge.cosines(kept(picture, out), (prompt.text, *foils))
            if foils:
                value = passes(cosines)
                return Score(metric=metric, pictures=(picture.id,), value=value, cosines=cosines)
            return Score(metric=metric, pictures=(picture.id,), value=cosines[0])

        return make

    for picture in pictures:
        yield (picture.id,), judgment(picture)


def lpips_judgments(
    judge: LpipsJudge, pictures: Sequence[Picture], out: Path
) -> Iterator[tuple[tuple[str, ...], Judgment]]:
    """Yield each pair of pictures of one prompt and how its distance is made."""
    images: dict[str, Image.Image] = {}

    def judgment(pair: tuple[Picture, Picture]) -> Judgment:
        def make() -> Score:
            for each in pair:
                if each.id not in images:
                    images[each.id] = kept(each, out)
            first, second = (images[each.id] for each in pair)
            value = judge.distance(first, second)
            return Score(metric=Metric.LPIPS, pictures=(pair[0].id, pair[1].id), value=value)

        return make

    for first, second in combinations(pictures, 2):
        if (first.prompt, first.steps) == (second.prompt, second.steps):
            yield (first.id, second.id), judgment((first, second))
