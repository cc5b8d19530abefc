"""Between-run random effects: how far each run of the measuring program moves a stage.

Each run has a machine whose CPU and GPU are a little faster or slower than average. It moves the
launch-bound share of a stage by one effect and the rest by another: two effects a run and stage,
with standard deviations `RUN_SIGMAS`. Without them, runs that measured different cells would be
mistaken for a difference between the cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxcost.performance.common import START_SIGMAS
from fluxcost.performance.groups import Stage
from fluxcost.performance.kriging import Array
from fluxcost.performance.waiting import Waiting


class Starts:
    """The runs that timed some cells, and the effects of each on a stage.

    Args:
        names: Of the runs, each once.
        waiting: Which share of a stage waits for the CPU, by a fit without run effects.
    """

    def __init__(self, names: Sequence[str], waiting: Waiting) -> None:
        self._columns = {name: 2 * at for at, name in enumerate(names)}
        self._waiting = waiting

    def moves(self, stage: Stage, pixels: Array, batch: Array, names: Sequence[str]) -> Array:
        """Return how far each effect, one standard deviation of it, moves the log of a stage.

        Args:
            stage: Which.
            pixels: Of an image, one a point.
            batch: Images, one a point.
            names: The run of each point.

        Returns:
            Shape (points, effects); two effects a run.
        """
        share = self._waiting.share(stage, pixels, batch)
        found = np.zeros((pixels.size, 2 * len(self._columns)))
        rows = np.arange(pixels.size)
        columns = np.array([self._columns[name] for name in names], dtype=np.intp)
        for part, own in enumerate((share, 1 - share)):
            found[rows, columns + part] = START_SIGMAS[part] * own
        return found

    def moment(self, stage: Stage, pixels: int, batch: int) -> float:
        """Return the relative drift of a stage within one run."""
        return self._waiting.cpu * self._waiting.share_at(stage, pixels, batch)
