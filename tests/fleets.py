"""Calibrations of replicas made from known efficiency and CPU work, with seeded noise."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fluxcost.performance.calibration.extra_measurements import Replica
from fluxcost.performance.calibration.measured_cell import Samples
from fluxcost.performance.calibration.schema import Calibration
from tests.synthetic import make_calibration

POINTS = ((512, 512), (1024, 1024))
CALLS = 12
GPU_S = 0.5
NOISE = 0.002
ALL_CORES = 32


def fleet_calibration(
    *,
    loss: float,
    second_gpu: float = 1.0,
    cpu_s: float = 0.0,
    cores: tuple[int, ...] = (),
    loss_of_threads: float | None = None,
    pace_of_threads: float = 1.0,
    seed: int = 5,
) -> Calibration:
    """Return a calibration in which two replicas together lose a share of their solo rates.

    Args:
        loss: Share of the solo rates that two replicas lose.
        second_gpu: Seconds of the second GPU's calls over the first's.
        cpu_s: CPU seconds of a call on one core; they divide over the cores.
        cores: Core counts measured beside all.
        loss_of_threads: What two lose as threads of one process; None where those were not run.
        pace_of_threads: Seconds of a call in the start of the threads over that in the processes'.
        seed: Of the noise.
    """
    random = np.random.default_rng(seed)
    replicas = []

    def run(
        size: tuple[int, int], ranks: tuple[int, ...], call_s: float, count: int | None = None
    ) -> list[Replica]:
        done = []
        for rank in ranks:
            noise = np.exp(NOISE * random.standard_normal(CALLS))
            walls = call_s * (second_gpu if rank else 1.0) * noise
            done.append(_replica(size, count, rank, len(ranks), walls))
        return done

    for size in POINTS:
        for count in (None, *cores):
            for ranks in ((0,), (1,), (0, 1)):
                call_s = GPU_S + cpu_s / (count or ALL_CORES // 2)
                call_s *= 1.0 if len(ranks) == 1 else 1 / (1 - loss)
                replicas += run(size, ranks, call_s, count)
        for ranks in () if loss_of_threads is None else ((0,), (1,), (0, 1)):
            call_s = (GPU_S + cpu_s / (ALL_CORES // 2)) * pace_of_threads
            call_s *= 1.0 if len(ranks) == 1 else 1 / (1 - (loss_of_threads or 0.0))
            replicas += [_threads(part) for part in run(size, ranks, call_s)]
    return make_calibration().model_copy(update={"replicas": tuple(replicas)})


def on_another_host(made: Calibration, *, pace: float, began: str = "other") -> Calibration:
    """Return what a calibration holds as if timed by a run on a host of another size and pace.

    Args:
        made: A calibration of one run.
        pace: Seconds of a call there over those of the calibration.
        began: Name of the start and of its run.
    """
    (run,) = made.runs
    larger = run.environment.model_copy(update={"gpu_count": 4, "cpu_cores": 64})
    return made.model_copy(
        update={
            "runs": (run.model_copy(update={"id": began, "environment": larger}),),
            "replicas": tuple(_renamed(part, began, pace) for part in made.replicas),
        }
    )


def in_a_start(made: Calibration, began: str, hours: float, *, pace: float = 1.0) -> Calibration:
    """Return what a calibration holds as if timed by a start on its host hours later."""
    (run,) = made.runs
    later = {"id": began, "started_at": run.started_at + timedelta(hours=hours)}
    return made.model_copy(
        update={
            "runs": (run.model_copy(update=later),),
            "replicas": tuple(_renamed(part, began, pace) for part in made.replicas),
        }
    )


def merged(*each: Calibration) -> Calibration:
    """Return the runs and replicas of several calibrations in one."""
    return each[0].model_copy(
        update={
            "runs": tuple(run for one in each for run in one.runs),
            "replicas": tuple(part for one in each for part in one.replicas),
        }
    )


def kept(made: Calibration, replicas: int) -> Calibration:
    """Return a calibration with the windows of so many replicas only."""
    parts = tuple(part for part in made.replicas if part.replicas == replicas)
    return made.model_copy(update={"replicas": parts})


def _renamed(part: Replica, began: str, pace: float) -> Replica:
    walls = tuple(pace * wall for wall in part.samples.wall_s)
    return part.model_copy(
        update={
            "window": part.window.replace("start/", f"{began}/"),
            "run": began,
            "elapsed_s": pace * part.elapsed_s,
            "samples": part.samples.model_copy(update={"wall_s": walls}),
        }
    )


def _threads(part: Replica) -> Replica:
    """Return what a replica did as a thread of one process, in another start."""
    window = part.window.replace("start/", "another start/") + " in one process"
    return part.model_copy(update={"window": window, "in_one_process": True})


def _replica(
    size: tuple[int, int], cores: int | None, rank: int, replicas: int, walls: np.ndarray
) -> Replica:
    who = f"{replicas} replicas" if replicas > 1 else f"replica {rank} alone"
    return Replica(
        window=f"start/{size}, {who}, {cores or 'all'} cores",
        run="run-1",
        rank=rank,
        replicas=replicas,
        width=size[0],
        height=size[1],
        steps=4,
        batch=1,
        cores=cores,
        cpus=tuple(range(cores or ALL_CORES)),
        threads=1,
        elapsed_s=float(walls.sum()),
        seeds=tuple(range(CALLS)),
        samples=Samples(
            wall_s=tuple(walls),
            text_encode_s=(0.02,) * CALLS,
            denoise_step_s=((0.1,) * 4,) * CALLS,
            vae_decode_s=(0.03,) * CALLS,
        ),
    )
