"""What each tool calls a GPU; a GPU that is not here is refused rather than guessed.

SkyPilot's are those of its catalog (0.14), in which H100 is the SXM board but for RunPod. Ray's are
constants of `ray.util.accelerators` (2.60) and tell no variants apart. Kubernetes' are the names
that NVIDIA's GPU feature discovery puts on a node as `nvidia.com/gpu.product`: the driver's name
with hyphens for spaces, such as that of the machines in the shipped calibrations.
"""

from __future__ import annotations

from dataclasses import dataclass

from fluxcost.errors import UnknownNameError


@dataclass(frozen=True)
class GpuNames:
    """One GPU in the words of three tools; `runpod` is SkyPilot's word there."""

    skypilot: str
    runpod: str
    ray: str
    kubernetes: str


NAMES = {
    "h100-sxm": GpuNames("H100", "H100-SXM", "H100", "NVIDIA-H100-80GB-HBM3"),
    "h200-sxm": GpuNames("H200", "H200-SXM", "H200", "NVIDIA-H200"),
}


def names_of(gpu: str) -> GpuNames:
    """Return what the tools call a GPU key.

    Raises:
        UnknownNameError: Nobody has looked it up.
    """
    if gpu not in NAMES:
        raise UnknownNameError("a name in other tools for the GPU", gpu, NAMES)
    return NAMES[gpu]
