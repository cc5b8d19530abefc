"""Pins a process to some CPU cores, so that the number of cores can be varied.

Affinity belongs to threads: a process that has started has many, and each must be told. Threads
made later inherit it from their maker.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Held:
    """What a replica was held to: logical CPUs, and threads of one operator."""

    cpus: tuple[int, ...]
    threads: int


class Cores:
    """The CPUs of this host as one replica gets them.

    Args:
        local_rank: Position of the replica on its host.
        local_size: Replicas on this host.
    """

    def __init__(self, local_rank: int, local_size: int) -> None:
        self._all = Held(tuple(sorted(os.sched_getaffinity(0))), torch.get_num_threads())
        self._own = own_share(self._all.cpus, local_rank, local_size)

    def hold(self, count: int | None) -> Held:
        """Hold the whole process to its first `count` own CPUs, or set it free; return which."""
        held = self._all if count is None else Held(self._own[:count], count)
        for thread in Path("/proc/self/task").iterdir():
            try:
                os.sched_setaffinity(int(thread.name), held.cpus)
            except ProcessLookupError:
                continue  # it ended meanwhile
        torch.set_num_threads(held.threads)
        return held


def own_share(cpus: Sequence[int], part: int, parts: int) -> tuple[int, ...]:
    """Return the part-th of equal runs of CPUs, disjoint from every other part's."""
    each = len(cpus) // parts
    return tuple(cpus[part * each : (part + 1) * each])
