"""How far each start of the measuring program moves a stage, as random effects of its fit.

A start lands on a machine with a CPU and a GPU of its own pace, so that it moves a stage by the
share that waits for the CPU and by the rest: two effects a start and stage, of which `START_SIGMAS`
says how large they are apt to be. Starts that measured different cells would otherwise be mistaken
for a difference between the cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxcost.performance.common import START_SIGMAS
from fluxcost.performance.groups import Stage
from fluxcost.performance.kriging import Array
from fluxcost.performance.waiting import Waiting


class Starts:
    """The starts that timed some cells, and how they move what was measured of a stage.

    Args:
        names: Of the runs, each once.
        waiting: Which share of a stage waits for the CPU, by a fit that knows no starts.
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
            names: The start of each point.

        Returns:
            Shape (points, effects); two effects a start.
        """
        share = self._waiting.share(stage, pixels, batch)
        found = np.zeros((pixels.size, 2 * len(self._columns)))
        rows = np.arange(pixels.size)
        columns = np.array([self._columns[name] for name in names], dtype=np.intp)
        for part, own in enumerate((share, 1 - share)):
            found[rows, columns + part] = START_SIGMAS[part] * own
        return found

    def moment(self, stage: Stage, pixels: int, batch: int) -> float:
        """Return how far a stage moves between moments of one start."""
        return self._waiting.cpu * self._waiting.share_at(stage, pixels, batch)
