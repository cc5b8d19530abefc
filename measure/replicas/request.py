"""The request for several replicas: a plain record, since it travels to other processes."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field

from fluxcost.errors import InputError
from fluxcost.records import Count, Name, Record
from fluxcost.units import counted
from measure.suites import Quadruple

ALL = "all"
"""Core count that means: every core this process may use, shared by the replicas of its host."""


class FleetRequest(Record):
    """Suites to measure on several replicas, and where."""

    suites: tuple[Name, ...]
    cells: tuple[Quadruple, ...] = Field(
        default=(), description="Stated on the command line: width, height, steps, batch."
    )
    out: Path
    model: Name
    stack: Name
    weights: str | None = None
    device: Name = "cuda"
    seed: int = 0
    gpus: tuple[Count, ...] = Field(min_length=1, description="Counts of replicas, rising.")
    cores: tuple[Count | None, ...] = Field(default=(None,), description="Per replica; None: all.")
    nodes: Count = 1
    node_rank: int = Field(default=0, ge=0)
    rendezvous: str | None = Field(default=None, description="HOST:PORT of node 0.")
    split_image: bool = Field(default=False, description="Also make one image on all GPUs.")
    threads: bool = Field(
        default=False, description="Also time replicas that are threads of one process."
    )

    @property
    def replicas(self) -> int:
        """Return how many processes the largest fleet has, over all hosts."""
        return max(self.gpus)

    @property
    def replicas_per_host(self) -> int:
        """Return how many processes this host starts."""
        return self.replicas // self.nodes


def parse_gpus(text: str) -> tuple[int, ...]:
    """Read counts of GPUs such as '1,2,4'.

    Raises:
        InputError: Not whole numbers from 1 up.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) >= 1 for part in parts):
        raise InputError(f"--gpus is {text!r}; expected counts of GPUs, such as 1,2.")
    return tuple(sorted({int(part) for part in parts}))


def parse_cores(text: str) -> tuple[int | None, ...]:
    """Read core counts per replica such as '1,2,4,all'; all comes first.

    Raises:
        InputError: Neither whole numbers from 1 up nor 'all'.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part == ALL or (part.isdecimal() and int(part) >= 1) for part in parts):
        raise InputError(f"--cores is {text!r}; expected counts or all, such as 1,2,4,all.")
    counts = sorted({int(part) for part in parts if part != ALL}, reverse=True)
    # Efficiency and cells rest on unrestricted replicas, so those are measured whatever is asked.
    return (None, *counts)


def check(request: FleetRequest) -> None:
    """Refuse what this host cannot do, before anything starts.

    Raises:
        InputError: Replicas, hosts or cores that do not add up.
    """
    if request.replicas % request.nodes:
        raise InputError(
            f"--gpus asks for {request.replicas} replicas on --nodes {request.nodes}; expected as "
            "many on every host: use a multiple."
        )
    if request.nodes > 1 and request.rendezvous is None:
        raise InputError("--nodes is above 1 without --rendezvous; give HOST:PORT of node 0.")
    if request.node_rank >= request.nodes:
        raise InputError(
            f"--node-rank is {request.node_rank}; expected 0 to {request.nodes - 1}, one a host."
        )
    if request.threads and (request.nodes > 1 or request.replicas < 2):
        raise InputError(
            f"--threads has {counted(request.replicas, 'GPU')} on {counted(request.nodes, 'host')}"
            "; expected at least 2 GPUs of one host, since a process has only those: see --gpus "
            "and --nodes."
        )
    most = max((count for count in request.cores if count is not None), default=0)
    share = len(os.sched_getaffinity(0)) // request.replicas_per_host
    if most > share:
        raise InputError(
            f"--cores is {most}; expected at most {share}: {request.replicas_per_host} replicas "
            f"share the {len(os.sched_getaffinity(0))} CPUs this process may use."
        )
