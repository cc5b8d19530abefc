"""Datasheet rates of GPUs, from data/gpus.yaml."""

from __future__ import annotations

import functools
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import Field

from fluxcost.documents import read_yaml
from fluxcost.errors import MissingDataError
from fluxcost.records import FirstVersion, Name, Positive, Record


class GpuRates(Record):
    """Peak rates of one GPU as its datasheet states them; 1 T is 10^12, 1 GB is 10^9 bytes."""

    name: Name
    generation: Literal["ampere", "ada", "hopper", "blackwell"]
    bf16_tflop_per_s: Positive = Field(description="Dense, products summed in FP32.")
    fp8_tflop_per_s: Positive | None = Field(default=None, description="None without FP8.")
    memory_tb_per_s: Positive
    memory_gb: Positive
    board_power_w: Positive
    source: Name = Field(description="The vendor's document.")
    seen: Name | None = Field(default=None, description="Page read in its place.")
    as_of: date

    @property
    def memory_gib(self) -> float:
        """Memory that is there whether the datasheet's GB are decimal or binary, GiB."""
        return self.memory_gb * 1e9 / 2**30


class _GpuFile(Record):
    format: Literal["fluxcost-gpus"]
    version: FirstVersion
    gpus: dict[str, GpuRates]


@functools.cache
def gpu_rates() -> dict[str, GpuRates]:
    """Return the datasheet rates of every GPU known, by key."""
    path = Path(str(files("fluxcost"))) / "data" / "gpus.yaml"
    return _GpuFile.parse(read_yaml(path), str(path)).gpus


def rates_of(gpu: str) -> GpuRates:
    """Return the datasheet rates of a GPU.

    Raises:
        MissingDataError: data/gpus.yaml has no row for it.
    """
    if gpu not in gpu_rates():
        known = ", ".join(sorted(gpu_rates()))
        raise MissingDataError(
            f"no datasheet rates for GPU {gpu!r}; known: {known}; add its row to data/gpus.yaml."
        )
    return gpu_rates()[gpu]
