"""Replicas timed at once: their efficiency by count, and what fewer CPU cores cost.

Efficiency is relative to the same GPUs alone in the same launch of the measuring program wherever
they were timed alone in it, so that differences between launches and GPUs cancel. Where they were
not, the nearest launch on the same host is used; windows of different hosts are never compared.
Efficiencies of several hosts are repeats of one count, and their scatter is an error.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fluxcost.errors import MissingDataError
from fluxcost.estimate import Draws, Estimate, Source, derive, standard_normal
from fluxcost.performance.calibration.extra_measurements import Replica
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.noise.run_effects import Hosts
from fluxcost.performance.noise.sampling import sigma_of
from fluxcost.performance.scaling.scaling_law import ReplicaLaw
from fluxcost.workload.shape import Shape

SAME_RATE_CORES = 0.99
"""Share of the rate with all cores from which a core count no longer limits."""

ShapeAndBatch = tuple[Shape, int]
"""A shape and batch."""


@dataclass(frozen=True)
class ReplicaWindow:
    """Replicas that ran at once."""

    parts: tuple[Replica, ...]

    @functools.cached_property
    def ranks(self) -> tuple[int, ...]:
        """Return which replicas ran."""
        return tuple(part.rank for part in self.parts)

    @property
    def cores(self) -> int | None:
        """Cores each replica was held to; None for all."""
        return self.parts[0].cores

    @property
    def in_one_process(self) -> bool:
        """Whether its replicas were threads of one process."""
        return self.parts[0].in_one_process

    @property
    def run(self) -> str:
        """Return the run of its first replica."""
        return self.parts[0].run

    @property
    def cores_each(self) -> int:
        """Return the CPU cores that a replica had for itself, all of the window at work."""
        if self.cores is not None:
            return self.cores
        sharing = sum(part.run == self.run for part in self.parts)  # other hosts have others' runs
        return max(1, len(self.parts[0].cpus) // sharing)

    @functools.cached_property
    def asked(self) -> ShapeAndBatch:
        """Return what each call was."""
        return self.parts[0].shape, self.parts[0].batch

    @property
    def launch(self) -> str:
        """Name of the launch of the measuring program, which several hosts share."""
        return self.parts[0].window.partition("/")[0]

    @property
    def images_per_s(self) -> float:
        """Return images a second until the slowest was done."""
        images = sum(len(part.samples.wall_s) * part.batch for part in self.parts)
        return images / max(part.elapsed_s for part in self.parts)

    def rate(self, key: str, moment: float) -> Estimate:
        """Return images a second with their error.

        Args:
            key: Name of the record in the keys of error draws.
            moment: Relative error that the drift between moments adds.
        """
        own = max(sigma_of(part.samples.wall_s, "mean") for part in self.parts)
        sigmas = {f"{key}/window/{self.parts[0].window}": max(own, moment)}
        evidence = f"{key}: {self.parts[0].window}"
        return Estimate.spread(self.images_per_s, sigmas, "images/s", Source.MEASURED, evidence)


class ReplicaWindows:
    """The windows of a calibration, by what was asked.

    Args:
        calibration: With replicas, or without any.
        key: Name of the calibration in the keys of error draws.
        work: Tokens x batch of a shape and batch.
        moment: Relative error between moments of a shape and batch.
    """

    def __init__(
        self,
        calibration: Calibration,
        key: str,
        work: Callable[[Shape, int], float],
        moment: Callable[[Shape, int], float],
    ) -> None:
        self._alias, self._key = calibration.alias, key
        self._work, self._moment = work, moment
        self._hosts = Hosts(calibration.runs)
        self._all_windows = windows_of(calibration.replicas)
        # Plans give every replica a process, so no law rests on threads of one.
        self._windows = tuple(each for each in self._all_windows if not each.in_one_process)
        self._by_point: dict[tuple[ShapeAndBatch, int | None], dict[int, Estimate]] = {}
        self._laws: dict[ShapeAndBatch | Source, ReplicaLaw] = {}

    def law(self, shape: Shape, batch: int) -> ReplicaLaw:
        """Return the law at a shape and batch: its own windows, or what all others' agree on.

        Raises:
            MissingDataError: No two replicas were ever timed at once.
        """
        together = self._together
        if not together:
            raise MissingDataError(
                f"{self._alias}: no replicas were timed at once; measure with --suite scaling "
                "--gpus 1,2."
            )
        if (shape, batch) in together:
            return self._law((shape, batch), lambda: self._efficiencies((shape, batch)))
        work = [self._work(*asked) for asked in together]
        inside = min(work) <= self._work(shape, batch) <= max(work)
        source = Source.INTERPOLATED if inside else Source.EXTRAPOLATED
        return self._law(source, lambda: self._pooled(source))

    def _law(
        self, known_as: ShapeAndBatch | Source, make: Callable[[], dict[int, Estimate]]
    ) -> ReplicaLaw:
        """Return a law, made once: plans ask for the same ones at every offer, shape and batch."""
        if known_as not in self._laws:
            self._laws[known_as] = ReplicaLaw(make(), self._key)
        return self._laws[known_as]

    @functools.cached_property
    def _together(self) -> tuple[ShapeAndBatch, ...]:
        """What replicas with all their cores were asked at once."""
        found = {w.asked for w in self._windows if len(w.parts) > 1 and w.cores is None}
        return tuple(sorted(found))

    def core_factor(self, shape: Shape, batch: int, cores: int) -> Estimate:
        """Return the rate of a replica held to some cores over that of one with all.

        Between counts that were measured the time of a call is taken as a + b / cores, Amdahl's
        law in cores; from the most a replica could use on, it is 1.

        Raises:
            MissingDataError: Fewer cores than ever measured, or cores were never varied.
        """
        swept = self._swept(shape, batch)
        known = self._core_ratios(swept)
        counts = sorted(known)
        if cores < counts[0]:
            raise MissingDataError(
                f"{self._alias}: {cores} cores a replica asked; expected at least {counts[0]}, the "
                "fewest measured: measure with --cores."
            )
        most = self._cores_of_all(swept)
        if cores >= most:
            evidence = f"{self._key}: {most} cores a replica are all"
            return Estimate.exact(1.0, "", Source.MEASURED, evidence)
        if cores in known and swept == (shape, batch):
            return known[cores]
        return self._between(known, cores, most)

    def cores_needed(self, shape: Shape, batch: int) -> int:
        """Return the fewest measured cores a replica that reach 99 % of its rate with all.

        Raises:
            MissingDataError: Cores were never varied.
        """
        swept = self._swept(shape, batch)
        enough = [
            n for n, ratio in self._core_ratios(swept).items() if ratio.value >= SAME_RATE_CORES
        ]
        return min([*enough, self._cores_of_all(swept)])

    def efficiency(self, window: ReplicaWindow) -> Estimate | None:
        """Return a window's rate over the sum of its replicas' solo rates; None without those."""
        known = self._solo_windows(window)
        if len(known) < len(window.parts):
            return None
        moment = self._moment_of(window)
        return derive(
            lambda rate, *alone: rate / sum(alone),
            window.rate(self._key, moment),
            *(solo.rate(self._key, moment) for solo in known),
            unit="",
        )

    def solos(self, window: ReplicaWindow) -> tuple[Replica, ...]:
        """Return the window's replicas as each ran alone with the same cores, where it did."""
        return tuple(solo.parts[0] for solo in self._solo_windows(window))

    @property
    def windows(self) -> tuple[ReplicaWindow, ...]:
        """Every window, those of threads in one process too, in the order taken."""
        return self._all_windows

    def _efficiencies(self, asked: ShapeAndBatch, cores: int | None = None) -> dict[int, Estimate]:
        """Return the efficiency by replicas at a point; computed once."""
        if (asked, cores) not in self._by_point:
            self._by_point[asked, cores] = self._found_efficiencies(asked, cores)
        return self._by_point[asked, cores]

    def _found_efficiencies(self, asked: ShapeAndBatch, cores: int | None) -> dict[int, Estimate]:
        found: dict[int, list[Estimate]] = defaultdict(list)
        for window in self._windows:
            if window.asked == asked and window.cores == cores and len(window.parts) > 1:
                efficiency = self.efficiency(window)
                if efficiency is not None:
                    found[len(window.parts)].append(efficiency)
        label = f"{asked[0]}, batch {asked[1]}, cores {cores}"
        return {n: _mean(each, f"{self._key}/{label}/{n}") for n, each in found.items()}

    def _pooled(self, source: Source) -> dict[int, Estimate]:
        """Return what the measured points agree on; where they do not is the interval."""
        found: dict[int, list[Estimate]] = defaultdict(list)
        for asked in self._together:
            for n, efficiency in self._efficiencies(asked).items():
                found[n].append(efficiency)
        return {n: _other_point(each, f"{self._key}/any/{n}", source) for n, each in found.items()}

    def _solo_windows(self, window: ReplicaWindow) -> list[ReplicaWindow]:
        found = (self._solo(window, rank) for rank in window.ranks)
        return [solo for solo in found if solo is not None]

    def _solo(self, window: ReplicaWindow, rank: int) -> ReplicaWindow | None:
        """Return a replica alone: in the same launch, or else the nearest on the same host."""
        run = next(part.run for part in window.parts if part.rank == rank)
        among = self._all_windows if window.in_one_process else self._windows
        fitting = [
            each
            for each in among
            if each.ranks == (rank,)
            and each.asked == window.asked
            and each.cores == window.cores
            and self._hosts.alike(each.run, run)
        ]
        return min(
            fitting,
            key=lambda each: (
                each.launch != window.launch,
                self._hosts.apart_s(each.run, run),
                each.in_one_process != window.in_one_process,
            ),
            default=None,
        )

    def _beside(self, window: ReplicaWindow) -> list[ReplicaWindow]:
        """Return the windows of the same call on the same host, itself too."""
        return [
            each
            for each in self._windows
            if each.asked == window.asked and self._hosts.alike(each.run, window.run)
        ]

    def _swept(self, shape: Shape, batch: int) -> ShapeAndBatch:
        """Return the point nearest in work at which cores were varied."""
        points = sorted({window.asked for window in self._windows if window.cores is not None})
        if not points:
            raise MissingDataError(
                f"{self._alias}: CPU cores were never varied; measure with --gpus 1,2 "
                "--cores 1,2,4,all."
            )
        if (shape, batch) in points:
            return shape, batch
        target = np.log(self._work(shape, batch))
        return min(points, key=lambda asked: abs(np.log(self._work(*asked)) - target))

    def _core_ratios(self, asked: ShapeAndBatch) -> dict[int, Estimate]:
        """Return the rate over that with all cores, by cores, over windows of the same replicas."""
        found: dict[int, list[Estimate]] = defaultdict(list)
        for window in self._held(asked):
            free = {w.ranks: w for w in self._beside(window) if w.cores is None}
            if window.cores is None or window.ranks not in free:
                continue
            moment = self._moment_of(window)
            rates = (window.rate(self._key, moment), free[window.ranks].rate(self._key, moment))
            found[window.cores].append(derive(lambda held, all_: held / all_, *rates, unit=""))
        label = f"{asked[0]}, batch {asked[1]}"
        return {n: _mean(each, f"{self._key}/{label}/cores {n}") for n, each in found.items()}

    def _cores_of_all(self, asked: ShapeAndBatch) -> int:
        """Return how many cores a replica had where none was held back, all replicas at work."""
        beside = (each for held in self._held(asked) for each in self._beside(held))
        return min(each.cores_each for each in beside if each.cores is None)

    def _held(self, asked: ShapeAndBatch) -> list[ReplicaWindow]:
        """Return the windows of a point whose replicas were held to some cores."""
        return [each for each in self._windows if each.asked == asked and each.cores is not None]

    def _between(self, known: dict[int, Estimate], cores: int, most: int) -> Estimate:
        counts = sorted(n for n in known if n < most)
        knots = np.array([1 / most, *(1 / n for n in reversed(counts))])
        ratios = [known[n] for n in reversed(counts)]

        def at(*held: Draws | float) -> object:
            times = [np.ones_like(np.atleast_1d(held[0])), *(1 / np.atleast_1d(r) for r in held)]
            rows = np.stack(times, axis=-1)
            return np.array([1 / np.interp(1 / cores, knots, row) for row in rows]).squeeze()

        found = derive(at, *ratios, unit="")
        source = Source.weakest((found.source, Source.INTERPOLATED))
        return Estimate(found.value, "", source, found.evidence, found.draws)

    def _moment_of(self, of: ReplicaWindow) -> float:
        """Return how far a window's rate moves between moments, the most that any of three says.

        Soaks; a window's own halves, half their difference being the error of its mean where calls
        are independent, and more where speed drifts; and replicas that made more together than
        alone, which nothing but drift between windows can do. The last two are pooled over the
        windows of a point on the window's host.
        """
        windows = self._beside(of)
        halves = [
            np.log(np.mean(walls[: len(walls) // 2]) / np.mean(walls[len(walls) // 2 :])) / 2
            for window in windows
            for part in window.parts
            if len(walls := part.samples.wall_s) > 1
        ]
        own = float(np.sqrt(np.mean(np.square(halves)))) if halves else 0.0
        return max(own, self._excess(windows), self._moment(*of.asked))

    def _excess(self, windows: Sequence[ReplicaWindow]) -> float:
        """Return the drift of one window that explains efficiencies above one; 0 without such."""
        squares = []
        for window in windows:
            alone = [solo.images_per_s for solo in self._solo_windows(window)]
            if len(window.parts) < 2 or len(alone) < len(window.parts):
                continue
            over = float(np.log(window.images_per_s / sum(alone)))
            if over > 0:
                squares.append(over**2 / (1 + 1 / len(alone)))  # its own error, and the solos'
        return float(np.sqrt(np.mean(squares))) if squares else 0.0


def windows_of(replicas: Sequence[Replica]) -> tuple[ReplicaWindow, ...]:
    """Group replicas by the window they share; one that some replica never finished is left out."""
    found: dict[str, list[Replica]] = defaultdict(list)
    for part in replicas:
        found[part.window].append(part)
    return tuple(
        ReplicaWindow(tuple(sorted(parts, key=lambda part: part.rank)))
        for parts in found.values()
        if len(parts) == parts[0].replicas
    )


def _mean(each: Sequence[Estimate], key: str) -> Estimate:
    """Return the geometric mean of repeats; how they scatter is an error too."""
    logs = [np.log(one.value) for one in each]
    spread = float(np.std(logs, ddof=1) / np.sqrt(len(logs))) if len(logs) > 1 else 0.0
    middle = derive(lambda *values: np.exp(np.mean(np.log(values), axis=0)), *each, unit="")
    return _widened(middle, spread, key, middle.source)


def _other_point(each: Sequence[Estimate], key: str, source: Source) -> Estimate:
    """Return what points agree on, as wide as they differ; one alone may lose all or nothing."""
    logs = [np.log(one.value) for one in each]
    spread = float(np.std(logs, ddof=1)) if len(logs) > 1 else abs(float(logs[0]))
    middle = derive(lambda *values: np.exp(np.mean(np.log(values), axis=0)), *each, unit="")
    return _widened(middle, spread, key, Source.weakest((source, middle.source)))


def _widened(estimate: Estimate, sigma: float, key: str, source: Source) -> Estimate:
    draws = estimate.draws * np.exp(sigma * standard_normal(key))
    return Estimate(estimate.value, estimate.unit, source, estimate.evidence, draws)
