"""Datasheet rates of GPUs, from data/gpus.yaml."""

from __future__ import annotations

import functools
from importlib.resources import files
from pathlib import Path
from typing import Literal

from fluxcost.documents import read_yaml
from fluxcost.records import Name, Positive, Record


class GpuRates(Record):
    """Peak rates of one GPU as its datasheet states them; 1 T is 10^12, 1 GB is 10^9 bytes."""

    name: Name
    bf16_tflop_per_s: Positive
    fp8_tflop_per_s: Positive
    memory_tb_per_s: Positive
    memory_gb: Positive
    source: Name


class _GpuFile(Record):
    format: Literal["fluxcost-gpus"]
    version: Literal[1]
    gpus: dict[str, GpuRates]


@functools.cache
def gpu_rates() -> dict[str, GpuRates]:
    """Return the datasheet rates of every GPU known, by key."""
    path = Path(str(files("fluxcost"))) / "data" / "gpus.yaml"
    return _GpuFile.parse(read_yaml(path), str(path)).gpus
