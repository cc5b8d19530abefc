"""One launch of the measuring program: the machine it found, and its cold start."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from fluxcost.performance.cold_start import ColdStart
from fluxcost.performance.measured.ceilings import Ceilings
from fluxcost.records import Count, Name, Positive, Record


class Environment(Record):
    """What the samples of one run were taken on."""

    gpu_name: Name
    gpu_count: Count = 1
    gpu_memory_gib: Positive
    power_limit_w: Positive | None = Field(
        default=None, description="None where the driver hides it."
    )
    driver: str | None = None
    cuda: str | None = None
    cpu_model: Name
    cpu_cores: Count
    host_memory_gib: Positive
    python: Name
    packages: dict[str, str] = Field(description="Package to version: torch, diffusers, ...")
    weights: Name = Field(description="'synthetic (seed N, scale S)' or the checkpoint's name.")
    git_revision: str | None = None


class Run(Record):
    """One launch of the measuring program on one machine."""

    id: Name
    started_at: datetime
    environment: Environment
    ceilings: Ceilings | None = None
    cold_start: ColdStart | None = None
