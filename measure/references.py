"""Reference images for timing an edit: fixed noise of the size of the image made.

Their content does not affect time: they are resized, encoded and appended as tokens like any other.
"""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

from fluxcost.workload import Shape


@functools.lru_cache(maxsize=8)
def references(shape: Shape) -> tuple[Image.Image, ...]:
    """Return the reference images of a shape, none for text to image."""
    generator = np.random.default_rng(shape.reference_images)
    size = (shape.height, shape.width, 3)
    return tuple(
        Image.fromarray(generator.integers(0, 256, size, dtype=np.uint8))
        for _ in range(shape.reference_images)
    )
