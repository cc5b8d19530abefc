"""Repeated work within a run, which shows the drift of the CPU's launch rate and of the GPU.

A soak makes one call hundreds of times: its blocks are repeats. A prompt's encoding is the same
work at every image size and number of steps, so the cells of one run and batch, which are taken
minutes apart in shuffled order, are repeats of it too.
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
"""Repeats needed to estimate their scatter."""


@dataclass(frozen=True)
class Repeats:
    """Scatter of the medians of the same work at different times of a run.

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
    """Return the scatter within each soak that has calls enough."""
    found = []
    for soak in soaks:
        medians = block_medians(soak.wall_s)
        if len(medians) >= FEWEST:
            pixels = soak.width * soak.height
            found.append(_repeats(pixels, soak.batch, soak.steps, medians))
    return found


def encodings_repeat(groups: Sequence[Group]) -> list[Repeats]:
    """Return the scatter of prompt encoding over the cells of each run and batch.

    Args:
        groups: Of one run each.
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
