"""The schedule of a load test: when each request is due and which shape it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from fluxcost.capacity.arrivals import Gaps, Stream, constant, poisson
from fluxcost.capacity.trace import read_trace
from fluxcost.errors import InputError
from fluxcost.workload import Shape

PROCESSES: dict[str, Gaps] = {"constant": constant, "poisson": poisson}


@dataclass(frozen=True)
class Schedule:
    """Requests in the order due.

    Attributes:
        arrivals: How the times came about.
        shapes: The distinct shapes.
        shape_of: Position of each request's shape.
        due_s: Seconds since the beginning.
    """

    arrivals: str
    shapes: tuple[Shape, ...]
    shape_of: tuple[int, ...]
    due_s: tuple[float, ...]

    @property
    def requests_per_s(self) -> float:
        """Mean rate: requests over the time until the last is due."""
        return len(self.due_s) / self.due_s[-1]


def drawn(
    process: str, requests_per_s: float, requests: int, shapes: tuple[Shape, ...], seed: int
) -> Schedule:
    """Draw a schedule in which every shape is as likely as another.

    Args:
        process: "poisson" or "constant".
        requests_per_s: Mean rate.
        requests: How many.
        shapes: At least one.
        seed: The same seed gives the same schedule.

    Raises:
        InputError: The rate or the number is not positive, or there is no such process.
    """
    if process not in PROCESSES:
        raise InputError(
            f"--arrivals is {process!r}; expected {' or '.join(sorted(PROCESSES))}, or a CSV file."
        )
    if not 0 < requests_per_s < float("inf"):
        raise InputError(f"--rate is {requests_per_s}; expected requests a second, over 0.")
    if requests < 1:
        raise InputError(f"--requests is {requests}; expected at least 1.")
    shares = (1 / len(shapes),) * len(shapes)
    stream = Stream(requests_per_s, PROCESSES[process], shares)
    chunks = list(stream.chunks(np.random.default_rng(seed), requests))
    due_s = chain.from_iterable(times.tolist() for times, _ in chunks)
    shape_of = chain.from_iterable(lines.tolist() for _, lines in chunks)
    return Schedule(f"{process}, seed {seed}", shapes, tuple(shape_of), tuple(due_s))


def replayed(path: Path) -> Schedule:
    """Return a recorded schedule: timestamp, width, height and steps, such as a server's log.

    Raises:
        DocumentError: The file cannot be used.
    """
    trace = read_trace(path)
    lines, times = trace.lines.tolist(), trace.times_s.tolist()
    return Schedule(f"replay of {path.name}", trace.shapes, tuple(lines), tuple(times))
