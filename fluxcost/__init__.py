"""What a generated image costs and how many GPUs to rent, from real measurements.

This is the public door. Names load on first use, so that `import fluxcost` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fluxcost.capacity.fleet import Batching, Fleet, Scaling
    from fluxcost.capacity.simulate import Simulation, simulate
    from fluxcost.economics.bills import bill
    from fluxcost.economics.breakeven import break_even
    from fluxcost.economics.catalog import Catalog, load_catalog
    from fluxcost.economics.cost import cost_per_image
    from fluxcost.economics.electricity import electricity_per_image
    from fluxcost.economics.offers import Offer
    from fluxcost.economics.tariffs import Tariff
    from fluxcost.errors import (
        DocumentError,
        FluxcostError,
        FormatVersionError,
        InfeasibleError,
        InputError,
        MissingDataError,
        UnknownNameError,
        UntrustworthyError,
    )
    from fluxcost.estimate import Estimate, Source
    from fluxcost.evidence.against import validate_against
    from fluxcost.evidence.audit import audit
    from fluxcost.evidence.batch_choice import choose_batches
    from fluxcost.evidence.claims.report import AuditReport
    from fluxcost.evidence.report import ValidationReport
    from fluxcost.evidence.validation import validate, validate_all
    from fluxcost.performance.calibration import Calibration
    from fluxcost.performance.fit import Fit, fit
    from fluxcost.performance.library import load_calibration, shipped_calibrations
    from fluxcost.performance.room import largest_batch
    from fluxcost.performance.transfer.transferred import Transferred, transfer
    from fluxcost.planning.diff import diff
    from fluxcost.planning.explain import explain
    from fluxcost.planning.largest import largest_volume
    from fluxcost.planning.plans import Plan, Plans, Rejected
    from fluxcost.planning.reconciling import reconcile
    from fluxcost.planning.replay import replay
    from fluxcost.planning.search import plan
    from fluxcost.planning.sensitivity import sensitivity
    from fluxcost.workload import Shape, Workload, load_workload

__all__ = [
    "AuditReport",
    "Batching",
    "Calibration",
    "Catalog",
    "DocumentError",
    "Estimate",
    "Fit",
    "Fleet",
    "FluxcostError",
    "FormatVersionError",
    "InfeasibleError",
    "InputError",
    "MissingDataError",
    "Offer",
    "Plan",
    "Plans",
    "Rejected",
    "Scaling",
    "Shape",
    "Simulation",
    "Source",
    "Tariff",
    "Transferred",
    "UnknownNameError",
    "UntrustworthyError",
    "ValidationReport",
    "Workload",
    "audit",
    "bill",
    "break_even",
    "choose_batches",
    "cost_per_image",
    "diff",
    "electricity_per_image",
    "explain",
    "fit",
    "largest_batch",
    "largest_volume",
    "load_calibration",
    "load_catalog",
    "load_workload",
    "plan",
    "reconcile",
    "replay",
    "sensitivity",
    "shipped_calibrations",
    "simulate",
    "transfer",
    "validate",
    "validate_against",
    "validate_all",
]

_ROOMS = {
    "fluxcost.capacity.fleet": ("Batching", "Fleet", "Scaling"),
    "fluxcost.capacity.simulate": ("Simulation", "simulate"),
    "fluxcost.economics.bills": ("bill",),
    "fluxcost.economics.breakeven": ("break_even",),
    "fluxcost.economics.catalog": ("Catalog", "load_catalog"),
    "fluxcost.economics.cost": ("cost_per_image",),
    "fluxcost.economics.electricity": ("electricity_per_image",),
    "fluxcost.economics.offers": ("Offer",),
    "fluxcost.economics.tariffs": ("Tariff",),
    "fluxcost.errors": (
        "DocumentError",
        "FluxcostError",
        "FormatVersionError",
        "InfeasibleError",
        "InputError",
        "MissingDataError",
        "UnknownNameError",
        "UntrustworthyError",
    ),
    "fluxcost.estimate": ("Estimate", "Source"),
    "fluxcost.evidence.against": ("validate_against",),
    "fluxcost.evidence.audit": ("audit",),
    "fluxcost.evidence.batch_choice": ("choose_batches",),
    "fluxcost.evidence.claims.report": ("AuditReport",),
    "fluxcost.evidence.report": ("ValidationReport",),
    "fluxcost.evidence.validation": ("validate", "validate_all"),
    "fluxcost.performance.calibration": ("Calibration",),
    "fluxcost.performance.fit": ("Fit", "fit"),
    "fluxcost.performance.library": ("load_calibration", "shipped_calibrations"),
    "fluxcost.performance.room": ("largest_batch",),
    "fluxcost.performance.transfer.transferred": ("Transferred", "transfer"),
    "fluxcost.planning.diff": ("diff",),
    "fluxcost.planning.explain": ("explain",),
    "fluxcost.planning.largest": ("largest_volume",),
    "fluxcost.planning.plans": ("Plan", "Plans", "Rejected"),
    "fluxcost.planning.reconciling": ("reconcile",),
    "fluxcost.planning.replay": ("replay",),
    "fluxcost.planning.search": ("plan",),
    "fluxcost.planning.sensitivity": ("sensitivity",),
    "fluxcost.workload": ("Shape", "Workload", "load_workload"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'fluxcost' has no attribute {name!r}")
    value = getattr(importlib.import_module(_ROOM_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
