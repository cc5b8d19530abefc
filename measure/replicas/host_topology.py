"""A host as replicas share it: the CPU cores a process is held to, and the links between GPUs.

Affinity belongs to threads: a process that has started has many, and each must be told. Threads
made later inherit it from their maker.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import torch

from fluxcost.performance.calibration.extra_measurements import GpuLink


@dataclass(frozen=True)
class CpuAffinity:
    """What a replica was held to: logical CPUs, and threads of one operator."""

    cpus: tuple[int, ...]
    threads: int


class HostCores:
    """The CPUs of this host as one replica gets them.

    Args:
        local_rank: Position of the replica on its host.
        local_size: Replicas on this host.
    """

    def __init__(self, local_rank: int, local_size: int) -> None:
        self._all = CpuAffinity(tuple(sorted(os.sched_getaffinity(0))), torch.get_num_threads())
        self._own = own_share(self._all.cpus, local_rank, local_size)

    def hold(self, count: int | None) -> CpuAffinity:
        """Hold the whole process to its first `count` own CPUs, or set it free; return which."""
        held = self._all if count is None else CpuAffinity(self._own[:count], count)
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


COPY_BYTES = 2**30
REPEATS = 5


def measure_links(gpus: int, run: str) -> Iterator[GpuLink]:
    """Yield the link of every ordered pair of this host's first GPUs.

    It computes on all of them, so it comes after whatever wants a GPU for itself.
    """
    for source, target in permutations(range(gpus), 2):
        yield GpuLink(
            run=run,
            source=source,
            target=target,
            peer_access=torch.cuda.can_device_access_peer(source, target),
            nvlink=_nvlink(source, target),
            gb_per_s=_gpu_copy_gb_per_s(source, target),
        )
    torch.cuda.empty_cache()


def _gpu_copy_gb_per_s(source: int, target: int) -> float:
    data = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=f"cuda:{source}")
    there = torch.empty_like(data, device=f"cuda:{target}")
    seconds = []
    for _ in range(REPEATS + 1):
        torch.cuda.synchronize(source)
        torch.cuda.synchronize(target)
        started_s = time.perf_counter()
        there.copy_(data)
        torch.cuda.synchronize(source)
        torch.cuda.synchronize(target)
        seconds.append(time.perf_counter() - started_s)
    return COPY_BYTES / statistics.median(seconds[1:]) / 1e9  # the first sets up the peer mapping


def _nvlink(source: int, target: int) -> bool | None:
    """Say whether the driver reports NVLink between two GPUs, None where it does not say."""
    import pynvml

    pynvml.nvmlInit()
    index = torch.cuda._get_nvml_device_index  # noqa: SLF001 - no public way
    try:
        one, other = (pynvml.nvmlDeviceGetHandleByIndex(index(each)) for each in (source, target))
        status = pynvml.nvmlDeviceGetP2PStatus(one, other, pynvml.NVML_P2P_CAPS_INDEX_NVLINK)
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_NoPermission):
        return None
    return bool(status == pynvml.NVML_P2P_STATUS_OK)
