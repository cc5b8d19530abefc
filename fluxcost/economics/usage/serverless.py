"""Serverless workers and their cold start: pull, load, compile, first call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fluxcost.economics.ledger import Amount, Span
from fluxcost.economics.offers import Offer, Phase
from fluxcost.economics.rental import IDLE_TAIL, ROUNDING, billed_seconds, refuse_less
from fluxcost.errors import InputError, MissingDataError
from fluxcost.performance.calibration.measuring_run import ColdStartRecord as Measured
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.workload.workload import CompileCache

GBIT_PER_GIB = 8 * 2**30 / 1e9
"""Decimal gigabits, as networks count, in a GiB, as files are counted here."""


@dataclass(frozen=True)
class ColdStartSteps:
    """Seconds of each part of a cold start.

    Attributes:
        image_pull_s: Fetching the container image.
        weights_s: Fetching the weights.
        load_s: Loading them into the GPU.
        compile_s: Compiling.
        first_call_s: The first call's time, kernels loading.
    """

    image_pull_s: float
    weights_s: float
    load_s: float
    compile_s: float
    first_call_s: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:
                raise InputError(f"{name} is {value!r}; expected seconds, 0 or more.")

    def parts(self) -> dict[str, float]:
        """Return seconds by the name of a bill's line."""
        return {
            "image pull": self.image_pull_s,
            "weights": self.weights_s,
            "load": self.load_s,
            "compile": self.compile_s,
            "first call": self.first_call_s,
        }

    @property
    def total_s(self) -> float:
        """Seconds from nothing to ready."""
        return sum(self.parts().values())


def transfer_s(gib: float, gbit_per_s: float) -> float:
    """Return the seconds that so many GiB take over a link of so many decimal gigabits a second.

    Raises:
        InputError: The size is negative or the bandwidth is not over 0.
    """
    if not 0 <= gib < math.inf:
        raise InputError(f"gib is {gib!r}; expected GiB, 0 or more.")
    if not 0 < gbit_per_s < math.inf:
        raise InputError(f"gbit_per_s is {gbit_per_s!r}; expected Gbit/s over 0.")
    return gib * GBIT_PER_GIB / gbit_per_s


def cold_start(
    calibration: Calibration,
    *,
    image_gib: float,
    gbit_per_s: float,
    compile_s: float | None = None,
    compile_cache: CompileCache = "empty",
) -> ColdStartSteps:
    """Return a cold start whose load and first call were measured.

    Args:
        calibration: Holds the size of the weights, the load from a cold cache and the first call;
            where several runs measured them, the slowest counts.
        image_gib: Container image to pull, GiB; 0 where the host keeps it.
        gbit_per_s: Bandwidth that image and weights come over. It has no default.
        compile_s: Seconds of compiling; the measured ones unless given, 0 where nothing compiles.
        compile_cache: "shipped" where the image comes with what was compiled before.

    Raises:
        MissingDataError: The calibration measured no cold start, or its stack compiles, compile_s
            is not given and no start with a filled compile cache was measured.
        InputError: A size, bandwidth or time is out of range.
    """
    measured = [run.cold_start for run in calibration.runs if run.cold_start is not None]
    loads = [start.load_cold_cache_s for start in measured if start.load_cold_cache_s is not None]
    sizes = [start.file_gib for start in measured if start.file_gib is not None]
    if not loads or not sizes:
        raise MissingDataError(
            f"calibration {calibration.alias} measured no cold start; choose one that did, or give "
            "the seconds of a ColdStart yourself."
        )
    found = [first_s for start in measured if (first_s := start.first_call_with_s("shipped"))]
    return ColdStartSteps(
        image_pull_s=transfer_s(image_gib, gbit_per_s),
        weights_s=transfer_s(max(sizes), gbit_per_s),
        load_s=max(start.loaded_s for start in measured if start.load_cold_cache_s is not None),
        compile_s=_compile_s(calibration, measured, compile_cache)
        if compile_s is None
        else compile_s,
        first_call_s=max(found or (start.first_call_s for start in measured)),
    )


def _compile_s(
    calibration: Calibration, measured: Sequence[Measured], compile_cache: CompileCache
) -> float:
    """Return what a first call takes longer than one that finds everything compiled."""
    if str(calibration.stack.settings.get("compile", "none")) == "none":
        return 0.0
    saved = [
        start.first_call_s - first_s
        for start in measured
        if (first_s := start.first_call_with_s("shipped")) is not None
    ]
    if not saved:
        raise MissingDataError(
            f"compile_s is missing and the stack {calibration.stack.alias} compiles; give the "
            "seconds it takes on a fresh worker, or measure them with python -m measure cold-start."
        )
    return max(0.0, *saved) if compile_cache == "empty" else 0.0


@dataclass(frozen=True)
class Serverless:
    """Workers started by requests and stopped when idle.

    Attributes:
        cold_starts: Times a month a worker starts.
        cold: What each start takes.
    """

    cold_starts: int
    cold: ColdStartSteps

    def __post_init__(self) -> None:
        refuse_less("cold_starts", self.cold_starts, 1)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return each part of the starts, the runs, the idle tails, and what rounding adds."""
        count, phases = self.cold_starts, offer.billing.billed_phases
        starting = self.cold.parts() if Phase.STARTUP in phases else {}
        tail_s = (offer.billing.idle_timeout_s or 0.0) if Phase.IDLE in phases else 0.0
        run_s = gpu_s / offer.gpu_count
        startup_s = sum(starting.values())
        billed_s = billed_seconds(offer, running_s=run_s / count, startup_s=startup_s) * count
        rounding_s = billed_s - run_s - (startup_s + tail_s) * count
        return (
            *(Span(name, seconds * count) for name, seconds in starting.items()),
            Span("run", run_s),
            Span(IDLE_TAIL, tail_s * count),
            Span(ROUNDING, rounding_s),
        )
