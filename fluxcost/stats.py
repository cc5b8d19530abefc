"""Arrays and normal intervals, as all rooms use them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


NORMAL_90 = 1.645
"""Half-width of a normal's 90 % interval, in standard deviations."""
