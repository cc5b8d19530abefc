"""The environment of a measurement: host, device, driver and package versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import torch

from fluxcost.performance.calibration.measuring_run import Environment, GpuIdentity
from measure.telemetry import GIB, Instruments

_KEYS = {
    "NVIDIA H100 80GB HBM3": "h100-sxm",
    "NVIDIA H100 PCIe": "h100-pcie",
    "NVIDIA H100 NVL": "h100-nvl",
    "NVIDIA H200": "h200-sxm",
    "NVIDIA H200 NVL": "h200-nvl",
}
"""The driver's names of GPUs whose variant it does not spell out, to the keys prices use."""

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "numpy", "safetensors")


def describe_environment(
    device: torch.device, instruments: Instruments, weights: str
) -> Environment:
    """Return the environment record of this process."""
    gpu = describe_gpu(device)
    return Environment(
        gpu_name=gpu.name,
        gpu_memory_gib=gpu.memory_gib,
        power_limit_w=instruments.power_limit_w(),
        driver=instruments.driver(),
        cuda=torch.version.cuda if device.type == "cuda" else None,
        cpu_model=_cpu_model(),
        cpu_cores=len(os.sched_getaffinity(0)),
        host_memory_gib=_host_memory_gib(),
        python=platform.python_version(),
        packages={name: version for name in PACKAGES if (version := _version(name))},
        weights=weights,
        git_revision=_git_revision(),
    )


def describe_gpu(device: torch.device) -> GpuIdentity:
    """Return which GPU this is; on the CPU, key `cpu` and the host's memory."""
    if device.type != "cuda":
        return GpuIdentity(key="cpu", name=_cpu_model(), memory_gib=_host_memory_gib())
    properties = torch.cuda.get_device_properties(device)
    return GpuIdentity(
        key=gpu_key(properties.name),
        name=properties.name,
        memory_gib=properties.total_memory / GIB,
    )


def gpu_key(driver_name: str) -> str:
    """Return the key of a GPU by the name its driver reports, such as h100-sxm or rtx-4090."""
    if driver_name in _KEYS:
        return _KEYS[driver_name]
    words = driver_name.removeprefix("NVIDIA ").removeprefix("GeForce ").lower().split()
    return "-".join(words)


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _host_memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    """Return the revision of the checkout measure runs from, '+' if it has changes; else None."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 - fixed command
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
