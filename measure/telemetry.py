"""The GPU's telemetry by NVML: clocks, temperature, power, energy, memory, processes.

Nothing here changes a setting. On the CPU, `NullTelemetry` returns no readings.
"""

from __future__ import annotations

from typing import Any, Protocol

from fluxcost.performance.calibration.measured_cell import Telemetry
from measure.errors import MeasurementError

GIB = 2**30

# Bits of nvmlDeviceGetCurrentClocksEventReasons (nvml.h); 0x1 (idle) says nothing about a limit.
_THROTTLE_REASONS = {
    0x2: "applications_clocks",
    0x4: "power_cap",
    0x8: "hardware_slowdown",
    0x10: "sync_boost",
    0x20: "software_thermal",
    0x40: "hardware_thermal",
    0x80: "power_brake",
    0x100: "display_clocks",
}


class Instruments(Protocol):
    """What a device can be asked."""

    def snapshot(self) -> Telemetry:
        """Return the device's state now."""
        ...

    def energy_j(self) -> float | None:
        """Return joules since the driver started counting, or None without a counter."""
        ...

    def used_gib(self) -> float | None:
        """Return device memory in use by everyone, or None where it is not known."""
        ...

    def power_limit_w(self) -> float | None:
        """Return the enforced power limit, or None where it is not known."""
        ...

    def driver(self) -> str | None:
        """Return the driver's version, or None."""
        ...

    def refuse_company(self) -> None:
        """Raise MeasurementError if another process computes on the device."""
        ...


class NullTelemetry:
    """The CPU: no instruments, and no claim to have read any."""

    def snapshot(self) -> Telemetry:
        """Return an empty record."""
        return Telemetry()

    def energy_j(self) -> float | None:
        """Return None."""
        return None

    def used_gib(self) -> float | None:
        """Return None."""
        return None

    def power_limit_w(self) -> float | None:
        """Return None."""
        return None

    def driver(self) -> str | None:
        """Return None."""
        return None

    def refuse_company(self) -> None:
        """Do nothing: a CPU is always shared."""


class NvmlTelemetry:
    """One NVIDIA GPU.

    Create it before this process first computes on the GPU: every process seen then is another's.
    Comparing process ids would not do, since a container's differ from the driver's.

    Args:
        index: Of the GPU, as the driver counts.
        among_own: Whether the fleet this process belongs to holds the GPU already, having refused
            everyone else: whoever is there now waits, and computes nothing meanwhile.

    Raises:
        MeasurementError: Another process is there, and it is not of the own fleet.
    """

    def __init__(self, index: int, *, among_own: bool = False) -> None:
        import pynvml

        self._nvml: Any = pynvml
        pynvml.nvmlInit()
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        self._known_processes = self._count_processes() if among_own else 0
        self.refuse_company()
        self._known_processes += 1

    def snapshot(self) -> Telemetry:
        """Return clocks (MHz), temperature (°C), power (W) and throttle reasons now."""
        nvml, handle = self._nvml, self._handle
        bits = self._read(lambda: int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))) or 0
        milliwatts = self._read(lambda: float(nvml.nvmlDeviceGetPowerUsage(handle)))
        return Telemetry(
            sm_clock_mhz=self._read(
                lambda: float(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM))
            ),
            memory_clock_mhz=self._read(
                lambda: float(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM))
            ),
            temperature_c=self._read(
                lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
            ),
            power_w=None if milliwatts is None else milliwatts / 1000,
            throttle_reasons=tuple(name for bit, name in _THROTTLE_REASONS.items() if bits & bit),
        )

    def energy_j(self) -> float | None:
        """Return joules since the driver loaded."""
        millijoules = self._read(
            lambda: float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        )
        return None if millijoules is None else millijoules / 1000

    def used_gib(self) -> float | None:
        """Return device memory in use by everyone, GiB."""
        used = self._read(lambda: float(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used))
        return None if used is None else used / GIB

    def power_limit_w(self) -> float | None:
        """Return the enforced power limit, watts."""
        milliwatts = self._read(
            lambda: float(self._nvml.nvmlDeviceGetEnforcedPowerLimit(self._handle))
        )
        return None if milliwatts is None else milliwatts / 1000

    def driver(self) -> str | None:
        """Return the driver's version."""
        version: str | None = self._read(lambda: str(self._nvml.nvmlSystemGetDriverVersion()))
        return version

    def refuse_company(self) -> None:
        """Raise MeasurementError if another process computes on the GPU."""
        others = self._count_processes() - self._known_processes
        if others > 0:
            raise MeasurementError(
                f"other processes computing on this GPU: {others}; expected none; stop them or "
                "choose an idle GPU with CUDA_VISIBLE_DEVICES."
            )

    def _count_processes(self) -> int:
        processes = self._read(
            lambda: self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        )
        return len(processes or ())

    def _read(self, query: Any) -> Any:  # noqa: ANN401 - pynvml is untyped
        """Answer None for what this GPU or driver does not support, and only for that."""
        try:
            return query()
        except (self._nvml.NVMLError_NotSupported, self._nvml.NVMLError_NoPermission):
            return None
