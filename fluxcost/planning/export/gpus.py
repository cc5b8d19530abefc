"""What each tool calls a GPU; a GPU that is not here is refused rather than guessed.

SkyPilot's are those of its catalog (0.14), which tells boards of one name apart for RunPod only;
elsewhere H100 may be a PCIe board, and the exported file says so. Kubernetes' are the names that
NVIDIA's GPU feature discovery puts on a node as `nvidia.com/gpu.product`: the driver's name, as in
the shipped calibrations, with hyphens for spaces. Ray's are those of `ray.util.accelerators`
(2.60), which tells boards of one name apart no more than SkyPilot does.
"""

from __future__ import annotations

from dataclasses import dataclass

from fluxcost.errors import UnknownNameError


@dataclass(frozen=True)
class GpuNames:
    """One GPU in the words of other tools; `runpod` is SkyPilot's word there."""

    skypilot: str
    runpod: str
    kubernetes: str
    ray: str


NAMES = {
    "h100-sxm": GpuNames("H100", "H100-SXM", "NVIDIA-H100-80GB-HBM3", "H100"),
    "h200-sxm": GpuNames("H200", "H200-SXM", "NVIDIA-H200", "H200"),
}


def names_of(gpu: str) -> GpuNames:
    """Return what the tools call a GPU key.

    Raises:
        UnknownNameError: Nobody has looked it up.
    """
    if gpu not in NAMES:
        raise UnknownNameError("a name in other tools for the GPU", gpu, NAMES)
    return NAMES[gpu]
