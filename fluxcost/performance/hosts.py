"""Which runs of the measuring program were on one host, as far as their records tell.

Rates of different hosts differ by their GPUs and CPUs, so a window is compared with another only
where both have the same machine and software. The git revision is not compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from fluxcost.performance.measured.run import Run


class Hosts:
    """The runs of a calibration, by what they ran on.

    Args:
        runs: All of them.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._on = {
            run.id: run.environment.model_copy(update={"git_revision": None}) for run in runs
        }
        self._began = {run.id: run.started_at for run in runs}

    def alike(self, one: str, other: str) -> bool:
        """Say whether two runs are one, or name the same machine and software."""
        if one == other:
            return True
        return one in self._on and self._on[one] == self._on.get(other)

    def apart_s(self, one: str, other: str) -> float:
        """Return the seconds between the beginnings of two runs on alike hosts."""
        if one == other:
            return 0.0
        return abs((self._began[one] - self._began[other]).total_seconds())
