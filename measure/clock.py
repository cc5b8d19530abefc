"""Timing on a device: marks on its timeline, and a synchronized wall clock.

CUDA work is asynchronous, so a stage is timed by events recorded in the stream; on the CPU a mark
is the monotonic clock. Both give the same partition of a call into stages.
"""

from __future__ import annotations

import time
from typing import Protocol

import torch


class Mark(Protocol):
    """A moment on a device's timeline."""

    def seconds_until(self, later: Mark) -> float:
        """Return seconds from this mark to a later one; the device must be idle."""
        ...


class _CpuMark:
    def __init__(self) -> None:
        self.at_s = time.perf_counter()

    def seconds_until(self, later: Mark) -> float:
        assert isinstance(later, _CpuMark)  # noqa: S101 - marks of one clock only meet each other
        return later.at_s - self.at_s


class _CudaMark:
    def __init__(self) -> None:
        self.event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch
        self.event.record()

    def seconds_until(self, later: Mark) -> float:
        assert isinstance(later, _CudaMark)  # noqa: S101 - marks of one clock only meet each other
        return float(self.event.elapsed_time(later.event)) / 1000


class Clock:
    """Marks and synchronized wall time of one device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.is_cuda = device.type == "cuda"

    def mark(self) -> Mark:
        """Return a mark at the device's present position."""
        return _CudaMark() if self.is_cuda else _CpuMark()

    def now_s(self) -> float:
        """Wait until the device is idle, then read the monotonic clock."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
