"""GPU keys of the GPU names that other catalogs use.

Their memory fields are not used where the name says it: some hold another unit, some the node's
total.
"""

from __future__ import annotations

import re

KNOWN = {
    "h200": "h200-sxm",
    "b200": "b200-sxm",
    "gh200": "gh200",
    "mi300x": "mi300x",
    "a10": "a10",
    "a10g": "a10g",
    "l4": "l4",
    "l40": "l40",
    "l40s": "l40s",
    "t4": "t4",
    "rtx4090": "rtx-4090",
    "rtxpro6000": "rtx-pro-6000",
}
"""Names, without spaces and hyphens, of GPUs sold in one variant here."""

ALWAYS_SXM = re.compile(r"^p5|^p4d|^a3-|^a2-|^standard_nd|hgx|dgx", re.IGNORECASE)
"""Instance names that are SXM boards: AWS p4 and p5, Google a2 and a3, Azure ND, HGX and DGX."""


def gpu_key(gpu_name: str, instance: str, memory_gb: float | None) -> tuple[str, bool] | None:
    """Return the GPU key and whether the variant is stated, or None for a GPU not in the table.

    Args:
        gpu_name: What the catalog calls the GPU, such as H100, A100-80GB or H100-80G-PCIe.
        instance: Name of the instance, which is often the only place that names the variant.
        memory_gb: GB of one GPU, where the catalog's number can be trusted; else None.
    """
    name = re.sub(r"[\s_-]", "", gpu_name.lower())
    if name in KNOWN:
        return KNOWN[name], name not in {"h200", "b200"} or _variant(gpu_name, instance) == "sxm"
    if name.startswith("h100"):
        return _h100(name, gpu_name, instance, memory_gb)
    if name.startswith("a100"):
        return _a100(name, gpu_name, instance, memory_gb)
    return None


def _variant(gpu_name: str, instance: str) -> str | None:
    both = f"{gpu_name} {instance}".lower()
    if "pcie" in both:
        return "pcie"
    # NVLink joins boards of any variant; NVL is one.
    if re.search(r"nvl(?!ink)", both):
        return "nvl"
    return "sxm" if ALWAYS_SXM.search(instance) or "sxm" in both else None


def _h100(
    name: str, gpu_name: str, instance: str, memory_gb: float | None
) -> tuple[str, bool] | None:
    if re.fullmatch(r"h100(80gb?)?(sxm\d?|pcie|nvl)?(94gb?)?(nvlink)?", name) is None:
        return None
    variant = _variant(gpu_name, instance)
    if memory_gb is not None and 90 <= memory_gb <= 96:
        variant = "nvl"
    return f"h100-{variant or 'sxm'}", variant is not None


def _a100(
    name: str, gpu_name: str, instance: str, memory_gb: float | None
) -> tuple[str, bool] | None:
    if re.fullmatch(r"a100(40gb?|80gb?)?(sxm\d?|pcie)?(nvlink)?", name) is None:
        return None
    variant = _variant(gpu_name, instance)
    has_80 = "80g" in name or (memory_gb is not None and memory_gb >= 70)
    if not has_80:
        return ("a100-sxm-40gb", variant == "sxm") if variant != "pcie" else None
    return f"a100-{'pcie' if variant == 'pcie' else 'sxm'}-80gb", variant is not None
