"""What encoding files takes of the CPU cores that replicas share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

import fluxcost as fc
from fluxcost.performance.calibration.extra_measurements import Encoding
from fluxcost.performance.calibration.schema import Calibration
from scripts.scaling.predicted import USUAL
from scripts.scaling.windows import Hosts
from scripts.tables import table


def encoding(records: dict[str, Calibration], hosts: Hosts) -> Iterable[str]:
    """Yield the section on encoding pictures to files."""
    found: dict[str, list[Encoding]] = {}
    for each in _whole(each for record in records.values() for each in record.encodings):
        found.setdefault(hosts.name(each.run), []).append(each)
    rows = []
    for host, parts in sorted(found.items()):
        for kind in dict.fromkeys(map(_kind, parts)):
            same = [each for each in parts if _kind(each) == kind]
            most = max(each.replicas for each in same)
            alone, all_ = (
                np.median([s for each in same if each.replicas == n for s in each.wall_s])
                for n in (1, most)
            )
            rows.append(
                (
                    *(kind[0], f"{same[0].size_bytes / 1e6:.2f}", "yes" if kind[1] else "no"),
                    *(host, f"{1e3 * alone:.0f}", f"{1e3 * all_:.0f} ({most})"),
                )
            )
    image_s = fc.fit(records["compiled-bf16"]).latency(USUAL).value
    slow = max(found.values(), key=lambda parts: _encode_s(parts, "png"))
    png_s, jpeg_s = (_encode_s(slow, kind) for kind in ("png", "jpeg"))
    yield from (
        "## Files",
        "",
        f"Encoding one 1024x1024 image ({slow[0].picture}) on one core, in milliseconds. Runs that",
        "stopped before they had encoded every format are left out.",
        "",
        *table(
            ("format", "MB", "to disk", "timed on", "one replica", "all at once (replicas)"), rows
        ),
        "",
        f"A compiled replica makes an image every {image_s:.2f} s. On the slower host one core",
        f"takes {png_s:.2f} s to encode it as PNG. PNG therefore keeps {png_s / image_s:.1f} cores",
        "busy, and a server that encodes between calls makes only",
        f"{image_s / (image_s + png_s):.0%} of the images. JPEG takes 1/{png_s / jpeg_s:.0f} of",
        "that time. If the host encodes files, encoding decides how many cores a replica needs.",
        "",
    )


def _whole(encodings: Iterable[Encoding]) -> list[Encoding]:
    """Return the encodings of runs that took every format, alone and at once."""
    found: dict[str, list[Encoding]] = {}
    for each in encodings:
        found.setdefault(each.run, []).append(each)
    taken = {
        run: {(_kind(each), each.replicas > 1) for each in parts} for run, parts in found.items()
    }
    every = set().union(*taken.values())
    return [each for run, parts in found.items() if taken[run] == every for each in parts]


def _kind(encoding: Encoding) -> tuple[str, bool]:
    return encoding.image_format, encoding.to_disk


def _encode_s(found: Sequence[Encoding], kind: str) -> float:
    return float(np.median([s for e in found if e.image_format.startswith(kind) for s in e.wall_s]))
