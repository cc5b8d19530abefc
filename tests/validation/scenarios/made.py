"""Records of a loaded replica that SimPy serves, written without a line of the simulator."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from fluxcost.validation.scenarios.scenario_record import ScenarioRecord

SHAPE = {"width": 512, "height": 512, "steps": 4}
CALL_S = {1: 0.1, 2: 0.18, 3: 0.26, 4: 0.34}
JITTER = 0.01
"""Standard deviation of a call over its mean, as a warm GPU's."""


def made(
    loads: tuple[float, ...] = (0.5, 0.85, 1.1),
    *,
    slower: float = 1.0,
    pace: float = 1.0,
    requests: int = 250,
    alias: str = "nowhere/flux2-klein-4b/made",
    sizes: tuple[int, ...] = (1, 2, 3, 4),
    more: tuple[dict[str, Any], ...] = (),
) -> ScenarioRecord:
    """Return a record whose calls under load take `slower` times what the warm ones say.

    Warm calls take `pace` times `CALL_S`. Calls are filled up to the next of `sizes`.
    """
    service = Service(sizes, slower * pace)
    random = np.random.default_rng(1)
    runs = []
    for load in loads:
        for max_batch in (1, 4):
            best = max(size / CALL_S[size] for size in range(1, max_batch + 1)) / pace
            times = np.cumsum(random.standard_exponential(requests)) / (load * best)
            runs.append(
                {
                    "name": f"load {load:g}, at most {max_batch}",
                    "scenario": "load",
                    "config": "made",
                    **SHAPE,
                    "batching": {"max_batch": max_batch},
                    "load": load,
                    "rate_per_s": load * best,
                    "seed": 0,
                    **served(times, max_batch, service, random),
                }
            )
    gpu, model, stack = alias.split("/")
    environment = {
        "gpu_name": "none",
        "gpu_memory_gib": 80.0,
        "cpu_model": "none",
        "cpu_cores": 1,
        "host_memory_gib": 1.0,
        "python": "3",
        "packages": {},
        "weights": "none",
    }
    run = {"id": "made", "started_at": dt.datetime(2026, 11, 24, tzinfo=dt.UTC)}
    return ScenarioRecord.parse(
        {
            "gpu": {"key": gpu, "name": gpu, "memory_gib": 80.0},
            "model": model,
            "stack": {"alias": stack, "settings": {}},
            "run": run | {"environment": environment},
            "warm_calls": [
                {
                    **SHAPE,
                    "size": size,
                    "wall_s": pace * call_s * (1 + JITTER * random.normal(size=30)),
                }
                for size, call_s in CALL_S.items()
                if size in sizes
            ],
            "runs": [*runs, *more],
        },
        "the record made",
    )


@dataclass(frozen=True)
class Service:
    """Sizes of calls, and how long they take over what the warm ones say."""

    sizes: tuple[int, ...] = (1, 2, 3, 4)
    slower: float = 1.0

    def size(self, images: int) -> int:
        return next(size for size in self.sizes if size >= images)


def served(
    at_s: np.ndarray, max_batch: int, service: Service, random: np.random.Generator
) -> dict[str, Any]:
    """Serve arrivals with SimPy: one server takes what waits, up to a full batch."""
    times = [round(float(each), 6) for each in at_s]
    env = simpy.Environment()
    waiting = simpy.Store(env)
    calls: dict[str, list[Any]] = {key: [] for key in ("started_s", "finished_s", "images", "size")}
    call = [0] * len(times)

    def arrive():
        for image, at in enumerate(times):
            yield env.timeout(at - env.now)
            yield waiting.put(image)

    def serve():
        for_calls = 0
        while for_calls < len(times):
            taken = [(yield waiting.get())]
            while waiting.items and len(taken) < max_batch:
                taken.append((yield waiting.get()))
            calls["started_s"].append(round(env.now, 6))
            for image in taken:
                call[image] = len(calls["size"])
            size = service.size(len(taken))
            mean_s = service.slower * CALL_S[size]
            yield env.timeout(mean_s * (1 + JITTER * random.normal()))
            calls["finished_s"].append(round(env.now, 6))
            calls["images"].append(len(taken))
            calls["size"].append(size)
            for_calls += len(taken)

    env.process(arrive())
    env.process(serve())
    env.run()
    return {"arrived_s": times, "call": call, "calls": calls}
