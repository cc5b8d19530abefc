"""Progress of a run of several replicas: a line after each window, with the time left."""

from __future__ import annotations

import statistics

from fluxcost.performance.library import load_calibration, shipped_calibrations
from fluxcost.performance.measured.replicas import Replica
from measure.forecast import Forecast, known_cells
from measure.replicas.windows import Window
from measure.suites import Protocol


class Progress:
    """Windows done, and the seconds the rest should take.

    Each window's length is foretold from the model's shipped calls; what the windows so far took
    over that scales the rest. A model nobody timed is foretold once a window of it is done.
    """

    def __init__(self, model: str, protocol: Protocol, windows: list[Window]) -> None:
        calibrations = (load_calibration(entry.alias) for entry in shipped_calibrations())
        forecast = Forecast(known_cells(model, calibrations))
        self._guess = {
            window: forecast.cell_s(window.point, protocol) or float(window.point.pixel_steps)
            for window in windows
        }
        self._known = forecast.call_s(windows[0].point) is not None if windows else False
        self._over: list[float] = []
        self._left = list(windows)
        self._total = len(windows)

    def line(self, window: Window, parts: list[Replica], took_s: float) -> str:
        """Return one line on a window that has just ended."""
        self._left.remove(window)
        self._over.append(took_s / self._guess[window])
        images = sum(len(part.samples.wall_s) * part.batch for part in parts)
        rate = images / max(part.elapsed_s for part in parts)
        left_s = statistics.median(self._over) * sum(self._guess[each] for each in self._left)
        done = self._total - len(self._left)
        return f"[{done}/{self._total}] {window}: {rate:.3f} images/s; {_duration(left_s)} left"

    @property
    def expected_s(self) -> float | None:
        """Seconds of all windows left, or None for a model nobody timed."""
        return sum(self._guess[each] for each in self._left) if self._known else None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
