"""The process group of the replicas: rank, device, and messages between them.

Ranks, devices and messages are accelerate's. Messages go over gloo on a GPU too: while one replica
is timed alone, waiting in a collective of NCCL would keep the others' GPUs busy.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, TypeVar

import torch

from measure.errors import MeasurementError

T = TypeVar("T")

LONGEST_WAIT = timedelta(minutes=30)
"""Longest one replica waits for another: more than a compilation, less than a forgotten rental."""


class LostReplicaError(MeasurementError):
    """Another replica went away in mid-run."""


class ReplicaGroup:
    """One process among those torchrun started."""

    def __init__(self, device_type: str) -> None:
        from accelerate import PartialState

        on_cpu = device_type == "cpu"
        backend = {} if on_cpu else {"backend": "cpu:gloo,cuda:nccl"}
        self._state: Any = PartialState(cpu=on_cpu, timeout=LONGEST_WAIT, **backend)
        self.rank: int = self._state.process_index
        self.size: int = self._state.num_processes
        self.local_rank: int = self._state.local_process_index
        self.local_size = int(os.environ["LOCAL_WORLD_SIZE"])
        self.device: torch.device = self._state.device

    @property
    def node(self) -> int:
        """Which host this is, counted from 0."""
        return self.rank // self.local_size

    def meet(self, word: T) -> list[T]:
        """Wait for every replica, and return what each brought, by rank.

        Raises:
            LostReplicaError: One of them is gone.
        """
        from accelerate.utils import gather_object

        try:
            words: list[T] = gather_object([word])
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise LostReplicaError(
                f"replica {self.rank} lost contact with another replica ({reason}); see the "
                "host it ran on."
            ) from None
        return words

    def close(self) -> None:
        """Leave the group."""
        self._state.destroy_process_group()


def local_device(device_type: str, local_rank: int | None = None) -> torch.device:
    """Return the device of a replica of this host, by default of this process; touches none."""
    if device_type == "cpu":
        return torch.device("cpu")
    own = int(os.environ["LOCAL_RANK"])
    return torch.device("cuda", own if local_rank is None else local_rank)


def shard(calls: int, part: int, parts: int) -> tuple[int, ...]:
    """Return which of parts x calls jobs are this part's: none twice, none left out."""
    return tuple(range(part, parts * calls, parts))
