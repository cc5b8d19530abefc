"""Errors that all answers of one calibration share: weights' scale, and the machine it ran on."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from fluxcost.performance.calibration import Calibration

ONE_START_SIGMA = 0.035
"""Relative error of every answer that rests on one start of a machine.

Fitted to one start of the shipped H200 eager calibration, 90 % intervals need it to hold nine in
ten of the other start's cells (tests/evidence/test_shipped.py).
"""


def common_sigmas(calibration: Calibration, key: str) -> dict[str, float]:
    """Return the relative errors common to every answer, where the calibration can tell them."""
    found = {
        f"{key}/weights": _weight_sigma(calibration),
        f"{key}/machine": _machine_sigma(calibration),
    }
    return {name: sigma for name, sigma in found.items() if sigma > 0}


def _weight_sigma(calibration: Calibration) -> float:
    """Return how much time moves with the scale of synthetic weights, zeros left out.

    All-zero weights show the effect exists (a power-limited GPU runs them faster) but no checkpoint
    is zero, so only scales above zero say how wrong a checkpoint's scale could make a time.
    """
    if not any(run.environment.weights.startswith("synthetic") for run in calibration.runs):
        return 0.0
    times: dict[tuple[int, ...], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for entry in calibration.weight_scales:
        if entry.scale > 0:
            point = (entry.width, entry.height, entry.steps, entry.batch)
            times[point][entry.scale].extend(entry.wall_s)
    spreads = [
        float(np.var([np.log(np.median(walls)) for walls in by_scale.values()]))
        for by_scale in times.values()
        if len(by_scale) > 1
    ]
    return float(np.sqrt(np.mean(spreads))) if spreads else 0.0


def _machine_sigma(calibration: Calibration) -> float:
    """Return how much runs differ at the cells they share, cell by cell mean removed.

    One run cannot tell, and says what another start has shown to add.
    """
    if len({cell.run for cell in calibration.ok_cells if cell.calls_s}) == 1:
        return ONE_START_SIGMA
    times: dict[str, dict[str, float]] = defaultdict(dict)
    for cell in calibration.ok_cells:
        if cell.calls_s:
            times[cell.label][cell.run] = float(np.log(np.median(cell.calls_s)))
    effects: dict[str, list[float]] = defaultdict(list)
    for by_run in times.values():
        if len(by_run) > 1:
            middle = float(np.mean(list(by_run.values())))
            for run, log_seconds in by_run.items():
                effects[run].append(log_seconds - middle)
    if len(effects) < 2:
        return 0.0
    return float(np.std([np.mean(effect) for effect in effects.values()], ddof=1))
