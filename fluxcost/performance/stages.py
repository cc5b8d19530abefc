"""Answers stage by stage: text_encode, denoise, vae_decode, host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from fluxcost.estimate import Estimate, Source, derive
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.exact import Exact
from fluxcost.performance.groups import LEAST_SECONDS, Stage
from fluxcost.performance.kriging import Array
from fluxcost.performance.latency import CallTimes
from fluxcost.performance.sampling import median_sigma
from fluxcost.workload import Shape

StageName = Literal["text_encode", "reference_encode", "denoise", "vae_decode", "host"]
"""`reference_encode` only in calls with reference images."""


Shared = Callable[[Stage], dict[str, float]]
"""The relative errors that a stage shares with the calibration's other answers, by source."""

_FITTED: dict[StageName, Stage] = {
    "text_encode": "text_encode",
    "denoise": "later_step",
    "vae_decode": "vae_decode",
    "host": "host",
    "reference_encode": "vae_decode",
}
"""The fitted stage that waits for the CPU as a measured one does."""


def exact_stages(
    exact: Exact, calibration: Calibration, key: str, common: Shared
) -> dict[StageName, Estimate]:
    """Return the median of each stage as measured."""
    label = exact.cells[0].label
    found: dict[StageName, Estimate] = {}
    for stage, spans in _spans(exact).items():
        sigmas = {f"{key}/cell/{label}/{stage}": median_sigma(spans)} | common(_FITTED[stage])
        evidence = f"{calibration.alias} ({key}): {label}, median {stage}"
        seconds = float(np.median(spans))
        found[stage] = Estimate.spread(seconds, sigmas, "s", calibration.source, evidence)
    return found


def _spans(exact: Exact) -> dict[StageName, Array]:
    samples = [cell.samples for cell in exact.cells if cell.samples is not None]
    rows: dict[StageName, list[float]] = {
        "text_encode": [span for part in samples for span in part.text_encode_s],
        "denoise": [sum(steps) for part in samples for steps in part.denoise_step_s],
        "vae_decode": [span for part in samples for span in part.vae_decode_s],
        "host": [span for part in samples for span in part.host_s],
        "reference_encode": [span for part in samples for span in part.reference_encode_s],
    }
    rows = {stage: spans for stage, spans in rows.items() if spans}
    return {stage: np.maximum(np.array(spans), LEAST_SECONDS) for stage, spans in rows.items()}


def fitted_stages(
    times: CallTimes,
    shape: Shape,
    batch: int,
    source: Source,
    evidence: str,
    common: Shared,
) -> dict[StageName, Estimate]:
    """Return the median of each stage by its formula and correction."""

    def one(stage: Stage) -> Estimate:
        seconds = times.stage_seconds(stage, shape.pixels, batch)
        sigmas = times.stage_sigmas(stage, shape.pixels, batch) | common(stage)
        return Estimate.spread(seconds, sigmas, "s", source, evidence)

    first = one("first_step")
    denoise = first
    if shape.steps > 1:
        later = shape.steps - 1
        lost_s = times.within_call_drift_s(shape.pixels, batch, shape.steps)
        denoise = derive(lambda a, b: a + later * b + lost_s, first, one("later_step"), unit="s")
    return {
        "text_encode": one("text_encode"),
        "denoise": denoise,
        "vae_decode": one("vae_decode"),
        "host": one("host"),
    }
