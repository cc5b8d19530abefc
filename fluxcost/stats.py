"""Arrays and normal intervals, as all rooms use them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


_erf = np.frompyfunc(math.erf, 1, 1)


def normal_cdf(z: Array) -> Array:
    """Return the standard normal distribution function, in the shape of `z`.

    Unlike scipy's it takes no quarter of a second to import; it takes a tenth of a microsecond a
    number.
    """
    return 0.5 * (1.0 + np.asarray(_erf(z / math.sqrt(2.0)), dtype=np.float64))


NORMAL_90 = 1.645
"""Half-width of a normal's 90 % interval, in standard deviations."""
