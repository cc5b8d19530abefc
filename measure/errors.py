"""Errors of measuring, beyond those of fluxcost.

FluxcostError
└── MeasurementError        a sample that cannot be trusted, or a machine that cannot be measured on
"""

from __future__ import annotations

from fluxcost.errors import FluxcostError


class MeasurementError(FluxcostError):
    """A sample that cannot be trusted, or a machine that cannot be measured on."""
