"""The links between the GPUs of a host: direct access, NVLink, and the rate of a copy."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from itertools import permutations

import torch

from fluxcost.performance.measured.together import Link

COPY_BYTES = 2**30
REPEATS = 5


def measure_links(gpus: int, run: str) -> Iterator[Link]:
    """Yield the link of every ordered pair of this host's first GPUs.

    It computes on all of them, so it comes after whatever wants a GPU for itself.
    """
    for source, target in permutations(range(gpus), 2):
        yield Link(
            run=run,
            source=source,
            target=target,
            peer_access=torch.cuda.can_device_access_peer(source, target),
            nvlink=_nvlink(source, target),
            gb_per_s=_copy_gb_per_s(source, target),
        )
    torch.cuda.empty_cache()


def _copy_gb_per_s(source: int, target: int) -> float:
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
