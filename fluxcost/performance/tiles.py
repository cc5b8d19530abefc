"""Whole tiles: products take rows in tiles, and a ragged last one costs more than its rows."""

from __future__ import annotations

import numpy as np

from fluxcost.performance.architecture import PIXELS_PER_TOKEN
from fluxcost.performance.kriging import Array

TILE_ROWS = 128
"""Rows of a tile of the matrix products of a Hopper GPU: two warpgroups of 64 rows, the height of
a wgmma instruction (NVIDIA, Parallel Thread Execution ISA, section on wgmma)."""


RAGGED = 0.5
"""Share of a tile's missing rows that is paid for.

Steps of klein-4B on an H100 and an H200 pay between none (1280x720, 28.1 tiles, eager) and twice
that (896x1152, 31.5 tiles, compiled), since a last wave of tiles may be hidden or not (2026-11-28).
"""


def filled_pixels(pixels: Array, sequences: Array) -> Array:
    """Return the pixels that images would have, were what a ragged tile costs more of them.

    The tokens of all sequences of a call are the rows of its products together.

    Args:
        pixels: Of an image, one a point.
        sequences: That one call of the denoiser takes, one a point.
    """
    rows = pixels / PIXELS_PER_TOKEN * sequences
    whole = np.ceil(rows / TILE_ROWS - 1e-9) * TILE_ROWS  # what divides evenly may not by rounding
    paid = rows + RAGGED * (whole - rows)
    return np.asarray(paid / sequences * PIXELS_PER_TOKEN)
