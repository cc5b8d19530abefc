"""Times of one image, and how a section prints them."""

from __future__ import annotations

import fluxcost as fc


def latency_of(fitted: fc.Fit, shape: fc.Shape) -> fc.Estimate:
    """Return the time of one image, however wide its interval is."""
    try:
        return fitted.latency(shape)
    except fc.UntrustworthyError as error:
        return error.estimate


def seconds_text(estimate: fc.Estimate) -> str:
    """Return a time with its interval."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
