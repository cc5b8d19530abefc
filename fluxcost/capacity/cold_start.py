"""How long a new replica takes until it serves, as a calibration measured it."""

from __future__ import annotations

from fluxcost.errors import MissingDataError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.workload.workload import CompileCache, Workload


def measured_cold_start_s(calibration: Calibration, compile_cache: CompileCache = "empty") -> float:
    """Return the seconds a replica takes to load its weights and make its first call.

    Loading is with a cold page cache where that was measured, else the build; the import of the
    libraries is in it where processes were started to measure it. Kernels load in the first call,
    and a stack that compiles does so then, for that call's shape. Where several runs measured it,
    the slowest counts. Finding a GPU and fetching image and weights are not in it.

    Args:
        calibration: Holds what was measured.
        compile_cache: "shipped" where images come with what was compiled before.

    Raises:
        MissingDataError: No run of the calibration measured its cold start, or none with a compile
            cache that was filled.
    """
    measured = [run.cold_start for run in calibration.runs if run.cold_start is not None]
    if not measured:
        raise MissingDataError(
            f"calibration {calibration.alias} measured no cold start; state cold_start_s."
        )
    known = [
        start.loaded_s + first_s
        for start in measured
        if (first_s := start.first_call_with_s(compile_cache)) is not None
    ]
    if not known:
        raise MissingDataError(
            f"compile_cache is shipped and calibration {calibration.alias} measured no start that "
            "found one; measure it with python -m measure cold-start, or state cold_start_s."
        )
    return max(known)


def startup_s(workload: Workload, calibration: Calibration) -> tuple[float, str]:
    """Return the seconds from renting a GPU until its first image, and where they come from.

    They are the workload's, but never less than the replica's own start takes as measured: the
    stated time holds that start and the machine's besides. A calibration that measured none leaves
    the workload's.
    """
    stated_s = (workload.startup_minutes or 0.0) * 60
    try:
        measured_s = measured_cold_start_s(calibration, workload.compile_cache)
    except MissingDataError:
        measured_s = 0.0
    if measured_s <= stated_s:
        return stated_s, f"start-up {stated_s / 60:g} min, stated in the workload"
    return measured_s, (
        f"start-up {measured_s / 60:.2g} min, measured for {calibration.alias} with its compile "
        f"cache {workload.compile_cache}; {stated_s / 60:g} stated in the workload"
    )
