"""Seconds a CPU takes to encode a picture, by one replica alone and by all at once."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from fluxcost.performance.calibration.extra_measurements import Encoding
from measure.replicas.process_group import ReplicaGroup
from measure.replicas.process_window import FleetRun

REPEATS = 5

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "png level 6": ("PNG", {"compress_level": 6}),
    "jpeg quality 90": ("JPEG", {"quality": 90}),
    "webp quality 90": ("WEBP", {"quality": 90}),
}
"""Name to Pillow's format and settings: Pillow's own level for PNG, a usual quality elsewhere."""

PICTURE = "seeded dead leaves"
"""What is encoded: no photograph comes with the packages used here, and noise compresses like none.

Disks of every size that hide one another, radii falling as their cube, give the edges, flat parts
and spectrum of natural scenes (Lee, Mumford and Huang 2001, doi:10.1023/A:1011109015675); light
that falls off, a lens and a sensor do the rest.
"""

LEAVES = 12000
SMALLEST_RADIUS = 3.0
"""Pixels; smaller leaves would be the lens's to blur."""

SENSOR_NOISE = 1.2
"""Standard deviation of a pixel in levels of 255, as a camera has in good light."""


def natural_picture(width: int, height: int, seed: int) -> Image.Image:
    """Return an RGB picture with the statistics of a natural scene."""
    random = np.random.default_rng(seed)
    made = Image.new("RGB", (width, height), (120, 120, 120))
    pen = ImageDraw.Draw(made)
    for _ in range(LEAVES):
        radius = min(SMALLEST_RADIUS / np.sqrt(1 - random.random()), max(width, height) / 3)
        x, y = random.uniform(0, width), random.uniform(0, height)
        brightness = random.normal(118, 48)
        color = tuple(int(each) for each in np.clip(brightness + random.normal(0, 16, 3), 0, 255))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    levels = np.asarray(made.filter(ImageFilter.GaussianBlur(1.0)), dtype=np.float64)
    light = (
        np.linspace(0.75, 1.1, width)[None, :, None] * np.linspace(1, 0.85, height)[:, None, None]
    )
    levels = levels * light + random.normal(0, SENSOR_NOISE, levels.shape)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8), "RGB")


@dataclass(frozen=True)
class EncodingRound:
    """One size encoded by some replicas at once."""

    width: int
    height: int
    ranks: tuple[int, ...]


def encoding_rounds(sizes: tuple[tuple[int, int], ...], size: int) -> list[EncodingRound]:
    """Return each size with the first replica alone, and with all at once where there are more."""
    groups = dict.fromkeys([(0,), tuple(range(size))])
    return [EncodingRound(*each, ranks) for each in sizes for ranks in groups]


def measure_encodings(
    fleet: ReplicaGroup, asked: EncodingRound, scratch: Path, seed: int, fleet_run: FleetRun
) -> Iterator[Encoding]:
    """Yield the time of each format, in memory and to a file; replicas not in the round wait."""
    takes_part = fleet.rank in asked.ranks
    made = natural_picture(asked.width, asked.height, seed + fleet.rank) if takes_part else None
    with tempfile.TemporaryDirectory(dir=scratch, prefix="pictures-") as folder:
        for name, (kind, settings) in FORMATS.items():
            for to_disk in (False, True):
                fleet.meet(None)
                if made is None:
                    continue
                wall_s, size = _time(made, kind, settings, Path(folder) if to_disk else None)
                yield Encoding(
                    window=f"{fleet_run.name}/{name}, {len(asked.ranks)} at once",
                    run=fleet_run.run,
                    rank=fleet.rank,
                    replicas=len(asked.ranks),
                    width=asked.width,
                    height=asked.height,
                    picture=PICTURE,
                    image_format=name,
                    to_disk=to_disk,
                    size_bytes=size,
                    wall_s=wall_s,
                )
    fleet.meet(None)


def _time(
    made: Image.Image, kind: str, settings: dict[str, Any], folder: Path | None
) -> tuple[tuple[float, ...], int]:
    seconds = []
    size = 0
    for index in range(REPEATS):
        started_s = time.perf_counter()
        stream = io.BytesIO()
        made.save(stream, kind, **settings)
        if folder is not None:
            (folder / f"{index}.{kind.lower()}").write_bytes(stream.getvalue())
        seconds.append(round(time.perf_counter() - started_s, 6))
        size = stream.tell()
    return tuple(seconds), size
