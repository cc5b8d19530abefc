"""What the device's own instruments said: its state, its energy, its memory."""

from __future__ import annotations

from pydantic import Field

from fluxcost.records import Count, Finite, NonNegative, Positive, Record


class Telemetry(Record):
    """The device's state at one moment."""

    sm_clock_mhz: NonNegative | None = None
    memory_clock_mhz: NonNegative | None = None
    temperature_c: Finite | None = None
    power_w: NonNegative | None = None
    throttle_reasons: tuple[str, ...] = ()


class Energy(Record):
    """Energy over one window of back-to-back calls, from the device's counter."""

    joules: Positive
    window_s: Positive
    calls: Count


class Memory(Record):
    """Peak memory of one cell."""

    allocated_gib: Positive | None = Field(
        default=None, description="Peak the allocator handed out."
    )
    reserved_gib: Positive | None = Field(default=None, description="Peak the allocator held.")
    device_gib: Positive | None = Field(
        default=None, description="Used as the driver sees it (NVML)."
    )
