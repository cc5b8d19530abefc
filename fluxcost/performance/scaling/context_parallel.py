"""Context parallelism: several GPUs on one image, a fit's answers times the gain measured there.

It lowers the latency of an image and raises its price, unlike replicas, which only add throughput.
The gain depends on attention, tokens and links at once, and no law is fitted to it: a shape and
batch that was timed on so many GPUs is answered, any other is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np

from fluxcost.checks import refuse_outside
from fluxcost.errors import MissingDataError
from fluxcost.estimate import Estimate, derive
from fluxcost.performance.calibration.extra_measurements import ContextParallelImage
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.noise.sampling import Statistic, sigma_of
from fluxcost.stats import Array
from fluxcost.workload.shape import Shape


class AnyFit(Protocol):
    """Answers about calls on one GPU (`Fit`), or on several (`ContextParallelFit`)."""

    calibration: Calibration
    key: str
    gpus_per_image: int

    @property
    def batches(self) -> tuple[int, ...]:
        """Images a call, of the calls that were timed."""
        ...

    def latency(self, shape: Shape, batch: int = 1, statistic: Statistic = "median") -> Estimate:
        """Return the seconds of a whole call."""
        ...

    def occupancy(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the mean GPU seconds of a call."""
        ...

    def throughput(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return images a second of one GPU with a next call always waiting."""
        ...

    def calls_of(self, shapes: Iterable[Shape]) -> list[Array]:
        """Return the wall seconds of the calls timed at some shapes, one array a cell."""
        ...


def context_parallel_counts(calibration: Calibration) -> tuple[int, ...]:
    """Return the measured degrees of context parallelism, rising; empty where none was."""
    return tuple(sorted({each.gpus for each in calibration.split_images}))


class ContextParallelFit:
    """Answers about one GPU type, model and stack where several GPUs make each image together.

    Tails are those of one GPU: the context-parallel calls are too few to show their own. Intervals
    cover machines whose GPUs are linked as the measured ones were; see `calibration.links`.

    Args:
        fit: The answers of one GPU.
        gpus: How many make each image.
        moment: Relative error that within-run drift adds at a shape and batch.

    Raises:
        InputError: gpus is not a whole number from 2 up.
        MissingDataError: So many never made an image together.
    """

    def __init__(self, fit: AnyFit, gpus: int, moment: Callable[[Shape, int], float]) -> None:
        refuse_outside("gpus", gpus, 2)
        self.calibration, self.key, self.gpus_per_image = fit.calibration, fit.key, gpus
        self._fit, self._moment = fit, moment
        self._records: dict[tuple[Shape, int], list[ContextParallelImage]] = {}
        for each in self.calibration.split_images:
            if each.gpus == gpus:
                self._records.setdefault((each.shape, each.batch), []).append(each)
        if not self._records:
            raise MissingDataError(
                f"{self.calibration.alias}: {gpus} GPUs never made an image together; measure with "
                "--suite scaling --gpus 1,2 --split-image."
            )

    @property
    def batches(self) -> tuple[int, ...]:
        """Images a call, of the calls timed."""
        return tuple(sorted({batch for _, batch in self._records}))

    def gain(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the seconds of a call on all the GPUs over those of it on one of them alone.

        Raises:
            MissingDataError: This shape and batch was never timed so.
        """
        timed = self._timed(shape, batch)
        each = [self._gain_of(one) for one in timed]
        return derive(lambda *gains: np.exp(np.mean(np.log(gains), axis=0)), *each, unit="")

    def latency(self, shape: Shape, batch: int = 1, statistic: Statistic = "median") -> Estimate:
        """Return the seconds of a whole call; see `Fit.latency`.

        Raises:
            MissingDataError: This shape and batch was never timed so.
        """
        gain = self.gain(shape, batch)
        alone = self._fit.latency(shape, batch, statistic)
        return derive(lambda seconds, share: seconds * share, alone, gain, unit="s")

    def occupancy(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return the GPU seconds a call takes: every GPU is kept until the call ends.

        Raises:
            MissingDataError: This shape and batch was never timed so.
        """
        return self.latency(shape, batch, "mean").scaled(self.gpus_per_image, "s")

    def throughput(self, shape: Shape, batch: int = 1) -> Estimate:
        """Return images a second of each of the GPUs, with a next call always waiting.

        Raises:
            MissingDataError: This shape and batch was never timed so.
        """
        occupancy = self.occupancy(shape, batch)
        return derive(lambda seconds: batch / seconds, occupancy, unit="images/s")

    def calls_of(self, shapes: Iterable[Shape]) -> list[Array]:
        """Return the wall seconds of the calls timed at some shapes, one array a record."""
        asked = set(shapes)
        return [
            np.array(each.wall_s)
            for (shape, _), records in self._records.items()
            if shape in asked
            for each in records
        ]

    def _timed(self, shape: Shape, batch: int) -> Sequence[ContextParallelImage]:
        found = self._records.get((shape, batch))
        if found is None:
            known = "; ".join(f"{each}, batch {n}" for each, n in self._records)
            raise MissingDataError(
                f"{self.calibration.alias}: {shape}, batch {batch} was never made by "
                f"{self.gpus_per_image} GPUs together; expected one of: {known}."
            )
        return found

    def _gain_of(self, record: ContextParallelImage) -> Estimate:
        label = f"{record.shape}, batch {record.batch}"
        value = float(np.median(record.wall_s) / np.median(record.alone_s))
        moment = self._moment(record.shape, record.batch)
        errors = {
            f"{self.key}/split/{label}/{record.gpus}/{record.run}/{name}": max(
                moment, half_drift(walls), sigma_of(walls, "median")
            )
            for name, walls in (("together", record.wall_s), ("alone", record.alone_s))
        }
        evidence = (
            f"{self.calibration.alias} ({self.key}): {label} by {record.gpus} GPUs together "
            f"({record.method}), {value:.3f} of one GPU's time"
        )
        return Estimate.spread(value, errors, "", self.calibration.source, evidence)


def half_drift(walls: Sequence[float]) -> float:
    """Return half the log difference between the medians of both halves: drift within the calls."""
    middle = len(walls) // 2
    if middle == 0:
        return 0.0
    return float(abs(np.log(np.median(walls[:middle]) / np.median(walls[middle:]))) / 2)
