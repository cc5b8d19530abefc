"""What a model's license forbids on rented GPUs; an API sells its model licensed."""

from __future__ import annotations

from fluxcost.errors import UnknownNameError
from fluxcost.performance.architecture import load_architecture
from fluxcost.workload import Constraints


def broken_license(model: str, constraints: Constraints) -> str | None:
    """Return why a model's weights may not be run for a workload, or None.

    A model without an architecture file is its user's own, whose license is theirs to know.
    """
    if constraints.non_commercial:
        return None
    try:
        architecture = load_architecture(model)
    except UnknownNameError:
        return None
    if architecture.commercial_use:
        return None
    return (
        f"the license of {model} ({architecture.license}) allows no commercial use; say "
        "non_commercial: true in constraints if yours is none, or buy it from an API."
    )
