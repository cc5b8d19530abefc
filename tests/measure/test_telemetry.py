"""Telemetry against a stand-in for NVML's module: units, refusals, what is not supported."""

import sys
from types import SimpleNamespace

import pytest
import torch

from measure.bench import open_instruments
from measure.environment import gpu_key
from measure.errors import MeasurementError
from measure.telemetry import NvmlTelemetry


class NotSupportedError(Exception):
    """What NVML raises for a counter the GPU lacks."""


def fake_nvml(**overrides):
    def unsupported(*_):
        raise NotSupportedError

    answers = {
        "NVMLError_NotSupported": NotSupportedError,
        "NVMLError_NoPermission": PermissionError,
        "NVML_CLOCK_SM": 1,
        "NVML_CLOCK_MEM": 2,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetComputeRunningProcesses": lambda _: [],
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda _: 0x4 | 0x1,
        "nvmlDeviceGetPowerUsage": lambda _: 640_000,
        "nvmlDeviceGetClockInfo": lambda _, which: {1: 1980, 2: 3201}[which],
        "nvmlDeviceGetTemperature": lambda *_: 51,
        "nvmlDeviceGetTotalEnergyConsumption": lambda _: 2_500,
        "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(used=3 * 2**30),
        "nvmlDeviceGetEnforcedPowerLimit": unsupported,
    }
    return SimpleNamespace(**(answers | overrides))


def telemetry(monkeypatch, **overrides):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(**overrides))
    return NvmlTelemetry(0)


def test_readings_come_in_the_units_of_their_names(monkeypatch):
    gpu = telemetry(monkeypatch)
    state = gpu.snapshot()
    assert (state.sm_clock_mhz, state.memory_clock_mhz) == (1980, 3201)
    assert (state.temperature_c, state.power_w) == (51, 640)
    assert state.throttle_reasons == ("power_cap",)
    assert (gpu.energy_j(), gpu.used_gib()) == (2.5, 3.0)


def test_a_process_of_the_own_fleet_there_beforehand_is_no_company(monkeypatch):
    there = [["theirs"]]
    monkeypatch.setitem(
        sys.modules, "pynvml", fake_nvml(nvmlDeviceGetComputeRunningProcesses=lambda _: there[0])
    )
    with pytest.raises(MeasurementError, match=r"computing on this GPU: 1; expected none"):
        NvmlTelemetry(0)
    gpu = NvmlTelemetry(0, among_own=True)
    there[0] = ["theirs", "own"]
    gpu.refuse_company()
    there[0] = ["theirs", "own", "a stranger"]
    with pytest.raises(MeasurementError, match=r"computing on this GPU: 1; expected none"):
        gpu.refuse_company()


def test_what_the_gpu_does_not_support_is_none(monkeypatch):
    assert telemetry(monkeypatch).power_limit_w() is None


def test_a_gpu_in_use_is_refused_before_anything_starts(monkeypatch):
    with pytest.raises(MeasurementError, match="computing on this GPU: 1; expected none"):
        telemetry(monkeypatch, nvmlDeviceGetComputeRunningProcesses=lambda _: ["another"])


def test_company_that_comes_later_is_refused_too(monkeypatch):
    processes: list[str] = []
    gpu = telemetry(monkeypatch, nvmlDeviceGetComputeRunningProcesses=lambda _: processes)
    processes.append("own")
    gpu.refuse_company()
    processes.append("another")
    with pytest.raises(MeasurementError, match="expected none"):
        gpu.refuse_company()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H200", "h200-sxm"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA L40S", "l40s"),
    ],
)
def test_driver_names_become_the_keys_prices_use(name, key):
    assert gpu_key(name) == key


def test_the_gpu_read_is_the_one_cuda_visible_devices_leaves(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "pynvml", fake_nvml(nvmlDeviceGetPowerUsage=lambda i: i * 1000)
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    for index, physical in enumerate((3, 1)):
        gpu = open_instruments(torch.device("cuda", index))
        assert gpu.snapshot().power_w == physical
