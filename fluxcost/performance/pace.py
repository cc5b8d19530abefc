"""What repeats at other moments of a start, and so shows how far the CPU's pace and the GPU's move.

A soak makes one call hundreds of times: its blocks repeat one another. A prompt's encoding is the
same work at every size of image and number of steps, so the cells of one start and batch, which are
taken minutes apart in shuffled order, repeat it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fluxcost.performance.groups import Group
from fluxcost.performance.measured.probes import Soak

BLOCK = 20
"""Calls of a soak taken together, about as many as a cell has."""

FEWEST = 3
"""Repeats needed to speak of their scatter."""


@dataclass(frozen=True)
class Repeats:
    """How far medians of the same work moved between moments.

    Attributes:
        pixels: Of an image.
        batch: Images.
        steps: Of the call that repeats; 0 where its encoding of prompts does.
        scatter: Standard deviation of the medians' logarithms.
        freedom: Degrees of freedom of it.
    """

    pixels: int
    batch: int
    steps: int
    scatter: float
    freedom: int


def soaks_repeat(soaks: Iterable[Soak]) -> list[Repeats]:
    """Return what soaks show, without those of too few calls."""
    found = []
    for soak in soaks:
        medians = block_medians(soak.wall_s)
        if len(medians) >= FEWEST:
            pixels = soak.width * soak.height
            found.append(_repeats(pixels, soak.batch, soak.steps, medians))
    return found


def encodings_repeat(groups: Sequence[Group]) -> list[Repeats]:
    """Return what the prompts' encodings in the cells of each start and batch show.

    Args:
        groups: Of one start each.
    """
    medians: dict[tuple[str, int], list[float]] = {}
    for group in groups:
        for cell in group.cells:
            if cell.samples is not None:
                own = medians.setdefault((cell.run, cell.batch), [])
                own.append(float(np.median(cell.samples.text_encode_s)))
    return [
        _repeats(groups[0].pixels, batch, 0, own)
        for (_, batch), own in medians.items()
        if len(own) >= FEWEST and min(own) > 0
    ]


def block_medians(wall_s: Sequence[float]) -> list[float]:
    """Return the medians of successive blocks of calls."""
    size = max(3, min(BLOCK, len(wall_s) // 4))
    blocks = [wall_s[at : at + size] for at in range(0, len(wall_s) - size + 1, size)]
    return [float(np.median(block)) for block in blocks]


def _repeats(pixels: int, batch: int, steps: int, medians: Sequence[float]) -> Repeats:
    scatter = float(np.std(np.log(medians), ddof=1))
    return Repeats(pixels, batch, steps, scatter, len(medians) - 1)
