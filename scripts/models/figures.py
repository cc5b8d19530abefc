"""Times of one image, and how a section prints them."""

from __future__ import annotations

from collections.abc import Sequence

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


def ratio_text(estimate: fc.Estimate) -> str:
    """Return a ratio with its interval."""
    return f"{estimate.value:.1f} ({estimate.low:.1f} to {estimate.high:.1f})"


def range_text(values: Sequence[float]) -> str:
    """Return the least and the greatest of some ratios."""
    return f"{min(values):.1f} to {max(values):.1f}"
