"""Generates one picture of a suite and stores it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from PIL import Image

from fluxcost.errors import DocumentError
from fluxcost.performance.quality.record import Picture
from measure.bench import Bench
from measure.pipelines.families import call_arguments
from measure.quality.suites import Shot


def draw(bench: Bench, shot: Shot, out: Path) -> Picture:
    """Draw a picture, keep it as PNG in the folder, and return its entry.

    Noise is drawn on the CPU, so that a seed means the same noise on every device.
    """
    image = bench.pipeline(
        prompt=shot.prompt.text,
        width=shot.width,
        height=shot.height,
        num_inference_steps=shot.steps,
        **call_arguments(bench.blueprint.document),
        generator=torch.Generator("cpu").manual_seed(shot.seed),
    ).images[0]
    path = out / shot.file
    path.parent.mkdir(exist_ok=True)
    image.save(path)
    return Picture(
        id=shot.id,
        prompt=shot.prompt.id,
        seed=shot.seed,
        width=shot.width,
        height=shot.height,
        steps=shot.steps,
        file=shot.file,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def kept(picture: Picture, out: Path) -> Image.Image:
    """Return a kept picture.

    Raises:
        DocumentError: Its file is gone, or no longer what was generated.
    """
    path = out / picture.file
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != picture.sha256:
        raise DocumentError(
            f"{path}: gone or changed since it was generated; expected SHA-256 {picture.sha256}: "
            "put it back, or score into another folder."
        )
    with Image.open(path) as image:
        return image.convert("RGB")
