"""Ragged tiles against counts by hand, and against what must hold at every size."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.performance.stage_formulas import RAGGED, TILE_ROWS, filled_pixels


def filled(pixels: float, sequences: float) -> float:
    return float(filled_pixels(np.array([pixels]), np.array([sequences]))[0])


def test_whole_tiles_cost_their_rows():
    """1024x1024 is 4096 tokens, 32 tiles; two of 896x1152 are 8064 tokens, 63 tiles."""
    assert filled(1024 * 1024, 1) == 1024 * 1024
    assert filled(896 * 1152, 2) == 896 * 1152


def test_a_ragged_tile_costs_half_of_what_it_lacks():
    """896x1152 is 4032 tokens: 31 tiles and 64 rows, so that 64 are lacking."""
    assert filled(896 * 1152, 1) == 896 * 1152 + RAGGED * 64 * 256


SIDES = st.integers(16, 128).map(lambda count: 16 * count)


@given(width=SIDES, height=SIDES, batch=st.integers(1, 64))
def test_more_pixels_or_images_never_cost_fewer_rows(width: int, height: int, batch: int):
    pixels = width * height
    rows = filled(pixels, batch) * batch / 256
    assert 0 <= rows - pixels * batch / 256 <= RAGGED * TILE_ROWS
    assert filled(pixels + 256, batch) * batch / 256 >= rows - 1e-6
    assert filled(pixels, batch + 1) * (batch + 1) / 256 >= rows - 1e-6
