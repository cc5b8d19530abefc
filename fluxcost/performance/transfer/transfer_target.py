"""The target of a transfer: both GPUs, both models and both launch rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxcost.errors import InputError
from fluxcost.performance.architecture import Architecture, load_architecture
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.performance.roofline import GpuRates, Rates, chip_rates, rates_of


@dataclass(frozen=True)
class TransferTarget:
    """One transfer.

    Attributes:
        here: Datasheet row of the GPU measured.
        there: Datasheet row of the GPU asked for.
        gpu: Key of the GPU asked for.
        measured: The model measured.
        model: The model asked for.
        peak_here: Rates of the GPU measured, as the stack uses them.
        peak_there: Rates of the GPU asked for.
        launches_here: Kernels a second the machine measured launches; None where not recorded.
        launches_there: Of the machine asked for; None where not known.
    """

    here: GpuRates
    there: GpuRates
    gpu: str
    measured: Architecture
    model: Architecture
    peak_here: Rates
    peak_there: Rates
    launches_here: float | None
    launches_there: float | None

    @property
    def same_model(self) -> bool:
        """Whether only the GPU differs."""
        return self.measured == self.model

    @property
    def same_design(self) -> bool:
        """Whether the blocks of both models are made alike, whatever their number and width."""
        here, there = self.measured.transformer, self.model.transformer
        return (here.gated_mlp, here.shared_modulation) == (
            there.gated_mlp,
            there.shared_modulation,
        )

    @property
    def launch_ratio(self) -> float:
        """How many times slower the CPU asked for launches, 1 where nothing is known of it."""
        if self.launches_here is None or self.launches_there is None:
            return 1.0
        return self.launches_here / self.launches_there


def transfer_target(
    fitted: Fit, gpu: str | None, model: str | Architecture | None, launches_per_s: float | None
) -> TransferTarget:
    """Resolve what is asked.

    Raises:
        InputError: Neither GPU nor model is given, or launches_per_s is not a positive number.
        MissingDataError: No datasheet rates for one of the GPUs, or the calibration has no samples.
        UnknownNameError: No such model.
        InfeasibleError: The stack multiplies in FP8 and the chip cannot.
    """
    calibration = fitted.calibration
    if gpu is None and model is None:
        raise InputError("neither gpu nor model is given; name what the fit is transferred to.")
    if launches_per_s is not None and not 0 < launches_per_s < float("inf"):
        raise InputError(
            f"launches_per_s is {launches_per_s!r}; expected a positive number, such as the "
            "ceilings of a run on that machine show."
        )
    fitted.region  # noqa: B018 - refuses a calibration without samples
    here, there = rates_of(calibration.gpu.key), rates_of(gpu or calibration.gpu.key)
    asked = fitted.architecture if model is None else model
    return TransferTarget(
        here=here,
        there=there,
        gpu=gpu or calibration.gpu.key,
        measured=fitted.architecture,
        model=load_architecture(asked) if isinstance(asked, str) else asked,
        peak_here=chip_rates(here, calibration.stack),
        peak_there=chip_rates(there, calibration.stack),
        launches_here=launch_rate(calibration),
        launches_there=launches_per_s,
    )


def launch_rate(calibration: Calibration) -> float | None:
    """Return the median of kernels launched a second over the runs that recorded it."""
    used = {cell.run for cell in calibration.ok_cells}
    rates = [
        run.ceilings.launches_per_s
        for run in calibration.runs
        if run.id in used and run.ceilings is not None and run.ceilings.launches_per_s is not None
    ]
    return float(np.median(rates)) if rates else None
