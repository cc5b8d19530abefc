"""Log a GPU's clock, power, energy, temperature and throttle reasons to CSV until stopped.

    python -m benchmarks.gpu_effects.gpu_log --out gpu.csv &

It runs in a process of its own, so that reading takes no time from the calls it is laid beside.
Only settings that can be read are read; none is changed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COLUMNS = (
    "unix_s",
    "sm_clock_mhz",
    "power_w",
    "average_power_w",
    "energy_j",
    "temperature_c",
    "memory_temperature_c",
    "throttle_bits",
)
"""`power_w` is the driver's instantaneous reading, `average_power_w` its mean over about 1 s."""


def main() -> None:
    """Write a row every so many seconds, each flushed, until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="CSV to write.")
    parser.add_argument("--every-s", type=float, default=0.1, help="Seconds between rows.")
    parser.add_argument("--index", type=int, default=0, help="Of the GPU, as the driver counts.")
    options = parser.parse_args()

    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(options.index)
    with options.out.open("w", encoding="utf-8") as stream:
        stream.write(",".join(COLUMNS) + "\n")
        while True:
            stream.write(",".join(_row(pynvml, handle)) + "\n")
            stream.flush()
            time.sleep(options.every_s)


def _row(nvml: Any, handle: Any) -> list[str]:  # noqa: ANN401 - pynvml is untyped
    """Return one row as text; what this driver does not tell is empty."""

    def read(query: Callable[[], object]) -> str:
        try:
            return str(query())
        except nvml.NVMLError:
            return ""

    def field(name: str, divisor: int) -> object:
        value = nvml.nvmlDeviceGetFieldValues(handle, [getattr(nvml, name)])[0]
        return "" if value.nvmlReturn else value.value.uiVal / divisor

    return [
        f"{time.time():.3f}",
        read(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
        read(lambda: field("NVML_FI_DEV_POWER_INSTANT", 1000)),
        read(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        read(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000),
        read(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        read(lambda: field("NVML_FI_DEV_MEMORY_TEMP", 1)),
        read(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)),
    ]


if __name__ == "__main__":
    main()
