"""One image on several GPUs, and the links between them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import fluxcost as fc
from fluxcost.performance.calibration.extra_measurements import ContextParallelImage, GpuLink
from fluxcost.performance.calibration.schema import Calibration
from scripts.scaling.windows import Hosts
from scripts.tables import table

OFFER, UTILIZATION = "runpod/h100-sxm-secure", 0.6


def split(record: Calibration) -> Iterable[str]:
    """Yield the section on context parallelism."""
    fitted = fc.fit(record)
    offer = fc.load_catalog().offer(OFFER)
    rows = []
    for each in record.split_images:
        alone, wall = _halves(each)
        usd = fc.cost_per_image(fitted, offer, each.shape, utilization=UTILIZATION).total
        rows.append(
            (
                str(each.shape),
                f"{alone:.3f}",
                f"{wall:.3f}",
                f"{alone / wall:.2f}",
                f"{usd.value:.6f}",
                f"{usd.value * each.gpus * wall / alone:.6f}",
                f"{each.difference:.1%}",
            )
        )
    yield from (
        "## One image on two GPUs",
        "",
        "diffusers' context parallelism (Ulysses attention) in `eager-bf16`: the GPUs share the",
        "tokens of an image, and each encodes the text and decodes the image. USD are for one",
        f"image on `{OFFER}` at {UTILIZATION:.0%} utilization.",
        "",
        *table(
            (
                *("call", "one GPU, s", "two, s", "speedup", "USD, one", "USD, two"),
                "images differ by",
            ),
            rows,
        ),
        "",
        "At 1024x1024 the exchanges around each attention take longer than the time that halving",
        "the arithmetic saves. A plan considers context parallelism only if no single GPU can",
        "meet a latency objective.",
        "",
    )


def _halves(each: ContextParallelImage) -> tuple[float, float]:
    return float(np.median(each.alone_s)), float(np.median(each.wall_s))


def links(records: dict[str, Calibration], hosts: Hosts) -> Iterable[str]:
    """Yield the section on the links between GPUs."""
    found: dict[str, list[GpuLink]] = {}
    for record in records.values():
        for each in record.links:
            found.setdefault(hosts.name(each.run), []).append(each)
    rows = []
    for host, links in sorted(found.items()):
        rates = [each.gb_per_s for each in links]
        rows.append(
            (
                host,
                str(len({(each.source, each.target) for each in links})),
                f"{min(rates):.0f} to {max(rates):.0f}",
                "yes" if all(each.nvlink for each in links) else "no",
                "yes" if all(each.peer_access for each in links) else "no",
            )
        )
    yield from (
        "## Links",
        "",
        "Copies of 1 GiB from one GPU to another, for every pair in both directions:",
        "",
        *table(("between", "pairs", "GB/s", "NVLink", "peer access"), rows),
        "",
    )
