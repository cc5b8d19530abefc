"""How long a new replica takes until it serves, as a calibration measured it."""

from __future__ import annotations

from fluxcost.errors import MissingDataError
from fluxcost.performance.calibration import Calibration


def measured_cold_start_s(calibration: Calibration) -> float:
    """Return the seconds a replica takes to load its weights and make its first call.

    Loading is with a cold page cache where that was measured, else the build. Kernels load in the
    first call, and a stack that compiles does so then, for that call's shape. Where several runs
    measured it, the slowest counts. Finding a GPU and fetching image and weights are not in it.

    Raises:
        MissingDataError: No run of the calibration measured its cold start.
    """
    measured = [run.cold_start for run in calibration.runs if run.cold_start is not None]
    if not measured:
        raise MissingDataError(
            f"calibration {calibration.alias} measured no cold start; state cold_start_s."
        )
    return max(
        (start.load_cold_cache_s or start.build_s) + start.first_call_s for start in measured
    )
