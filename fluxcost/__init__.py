"""What a generated image costs and how many GPUs to rent, from real measurements.

This is the public door. Names load on first use, so that `import fluxcost` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fluxcost.capacity.fleet import Batching, Failures, Fleet, Scaling
    from fluxcost.capacity.load import LoadCurve, load_curve
    from fluxcost.capacity.sharing import SharedSimulation, simulate_shared
    from fluxcost.capacity.simulate import simulate
    from fluxcost.capacity.simulation import Simulation
    from fluxcost.capacity.smallest import HourlyFleets, fleet_by_hour, smallest_fleet
    from fluxcost.economics.accepted import quality_adjusted_cost
    from fluxcost.economics.apibill import api_invoice
    from fluxcost.economics.bills import bill
    from fluxcost.economics.breakeven import BreakEven, break_even
    from fluxcost.economics.catalog import Catalog, load_catalog, parse_prices
    from fluxcost.economics.coldstart import ColdStart, cold_start
    from fluxcost.economics.cost import CostPerImage, cost_per_image
    from fluxcost.economics.curve import CurvePoint
    from fluxcost.economics.electricity import electricity_per_image
    from fluxcost.economics.extras import Extras, load_extras
    from fluxcost.economics.horizon import Horizon, switch_month
    from fluxcost.economics.metering import Resources, Terms
    from fluxcost.economics.mixcost import CostOfMix, cost_of_mix
    from fluxcost.economics.monthly import rent_of_fleet
    from fluxcost.economics.offers import Offer
    from fluxcost.economics.owned import OwnedMachine
    from fluxcost.economics.pricefile import price_file
    from fluxcost.economics.prices.request import Request
    from fluxcost.economics.tariffs import Tariff
    from fluxcost.economics.usefile import load_use
    from fluxcost.economics.uses.autoscaled import Autoscaled
    from fluxcost.economics.uses.kept import AlwaysOn, BatchJobs, Overflow, Reserved, Scheduled
    from fluxcost.economics.uses.serverless import Serverless
    from fluxcost.economics.uses.spot import Spot
    from fluxcost.economics.volume import Sessions
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
    from fluxcost.estimate import Estimate, Source, derive
    from fluxcost.evidence.against import validate_against
    from fluxcost.evidence.audit import audit
    from fluxcost.evidence.batch_choice import choose_batches
    from fluxcost.evidence.claims.report import AuditReport, CheckResult, ClaimResult
    from fluxcost.evidence.report import ValidationReport
    from fluxcost.evidence.scenarios.library import load_scenario
    from fluxcost.evidence.scenarios.record import ScenarioRecord
    from fluxcost.evidence.scenarios.report import ScenarioReport
    from fluxcost.evidence.scenarios.validation import validate_scenario
    from fluxcost.evidence.validation import validate, validate_all
    from fluxcost.performance.breakdown import Breakdown, breakdown
    from fluxcost.performance.calibration import Calibration, parse_calibration
    from fluxcost.performance.curve import SizeCurve, size_curve
    from fluxcost.performance.fit import Fit, fit
    from fluxcost.performance.library import load_calibration, shipped_calibrations
    from fluxcost.performance.quality.library import load_quality, quality, shipped_qualities
    from fluxcost.performance.quality.record import Quality, parse_quality
    from fluxcost.performance.room import largest_batch
    from fluxcost.performance.split import SplitFit
    from fluxcost.performance.transfer.transferred import Transferred, transfer
    from fluxcost.planning.comparison import Alternative, Comparison, compare
    from fluxcost.planning.diff import diff
    from fluxcost.planning.drivers import Drivers, Range
    from fluxcost.planning.explain import explain
    from fluxcost.planning.export.targets import export
    from fluxcost.planning.largest import largest_volume
    from fluxcost.planning.plans import Plan, Plans, Rejected
    from fluxcost.planning.reconciling import reconcile
    from fluxcost.planning.replay import replay
    from fluxcost.planning.report.report import report
    from fluxcost.planning.search import plan
    from fluxcost.planning.sensitivity import sensitivity
    from fluxcost.planning.sharing import SharedPlans, plan_shared
    from fluxcost.workload import Shape, Workload, load_workload, parse_workload

__all__ = [
    "Alternative",
    "AlwaysOn",
    "AuditReport",
    "Autoscaled",
    "BatchJobs",
    "Batching",
    "BreakEven",
    "Breakdown",
    "Calibration",
    "Catalog",
    "CheckResult",
    "ClaimResult",
    "ColdStart",
    "Comparison",
    "ContextParallelFit",
    "CostOfMix",
    "CostPerImage",
    "CurvePoint",
    "DocumentError",
    "Drivers",
    "Estimate",
    "Extras",
    "Failures",
    "Fit",
    "Fleet",
    "FluxcostError",
    "FormatVersionError",
    "Horizon",
    "HourlyFleets",
    "InfeasibleError",
    "InputError",
    "LoadCurve",
    "MissingDataError",
    "Offer",
    "Overflow",
    "OwnedMachine",
    "Plan",
    "Plans",
    "Quality",
    "Range",
    "Rejected",
    "Request",
    "Reserved",
    "Resources",
    "Scaling",
    "ScenarioRecord",
    "ScenarioReport",
    "Scheduled",
    "Serverless",
    "Sessions",
    "Shape",
    "SharedPlans",
    "SharedSimulation",
    "Simulation",
    "SizeCurve",
    "Source",
    "Spot",
    "Tariff",
    "Terms",
    "Transferred",
    "UnknownNameError",
    "UntrustworthyError",
    "ValidationReport",
    "Workload",
    "api_invoice",
    "audit",
    "bill",
    "break_even",
    "breakdown",
    "choose_batches",
    "cold_start",
    "compare",
    "cost_of_mix",
    "cost_per_image",
    "derive",
    "diff",
    "electricity_per_image",
    "explain",
    "export",
    "fit",
    "fleet_by_hour",
    "largest_batch",
    "largest_volume",
    "load_calibration",
    "load_catalog",
    "load_curve",
    "load_extras",
    "load_quality",
    "load_scenario",
    "load_use",
    "load_workload",
    "parse_calibration",
    "parse_prices",
    "parse_quality",
    "parse_workload",
    "plan",
    "plan_shared",
    "price_file",
    "quality",
    "quality_adjusted_cost",
    "reconcile",
    "rent_of_fleet",
    "replay",
    "report",
    "sensitivity",
    "shipped_calibrations",
    "shipped_qualities",
    "simulate",
    "simulate_shared",
    "size_curve",
    "smallest_fleet",
    "switch_month",
    "transfer",
    "validate",
    "validate_against",
    "validate_all",
    "validate_scenario",
]

_ROOMS = {
    "fluxcost.capacity.fleet": (
        "Batching",
        "Failures",
        "Fleet",
        "Scaling",
    ),
    "fluxcost.capacity.load": (
        "LoadCurve",
        "load_curve",
    ),
    "fluxcost.capacity.sharing": (
        "SharedSimulation",
        "simulate_shared",
    ),
    "fluxcost.capacity.simulate": ("simulate",),
    "fluxcost.capacity.simulation": ("Simulation",),
    "fluxcost.capacity.smallest": (
        "HourlyFleets",
        "fleet_by_hour",
        "smallest_fleet",
    ),
    "fluxcost.economics.accepted": ("quality_adjusted_cost",),
    "fluxcost.economics.apibill": ("api_invoice",),
    "fluxcost.economics.bills": ("bill",),
    "fluxcost.economics.breakeven": (
        "BreakEven",
        "break_even",
    ),
    "fluxcost.economics.catalog": (
        "Catalog",
        "load_catalog",
        "parse_prices",
    ),
    "fluxcost.economics.coldstart": (
        "ColdStart",
        "cold_start",
    ),
    "fluxcost.economics.cost": (
        "CostPerImage",
        "cost_per_image",
    ),
    "fluxcost.economics.curve": ("CurvePoint",),
    "fluxcost.economics.electricity": ("electricity_per_image",),
    "fluxcost.economics.extras": (
        "Extras",
        "load_extras",
    ),
    "fluxcost.economics.horizon": (
        "Horizon",
        "switch_month",
    ),
    "fluxcost.economics.metering": (
        "Resources",
        "Terms",
    ),
    "fluxcost.economics.mixcost": (
        "CostOfMix",
        "cost_of_mix",
    ),
    "fluxcost.economics.monthly": ("rent_of_fleet",),
    "fluxcost.economics.offers": ("Offer",),
    "fluxcost.economics.owned": ("OwnedMachine",),
    "fluxcost.economics.pricefile": ("price_file",),
    "fluxcost.economics.prices.request": ("Request",),
    "fluxcost.economics.tariffs": ("Tariff",),
    "fluxcost.economics.usefile": ("load_use",),
    "fluxcost.economics.uses.autoscaled": ("Autoscaled",),
    "fluxcost.economics.uses.kept": (
        "AlwaysOn",
        "BatchJobs",
        "Overflow",
        "Reserved",
        "Scheduled",
    ),
    "fluxcost.economics.uses.serverless": ("Serverless",),
    "fluxcost.economics.uses.spot": ("Spot",),
    "fluxcost.economics.volume": ("Sessions",),
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
    "fluxcost.estimate": (
        "Estimate",
        "Source",
        "derive",
    ),
    "fluxcost.evidence.against": ("validate_against",),
    "fluxcost.evidence.audit": ("audit",),
    "fluxcost.evidence.batch_choice": ("choose_batches",),
    "fluxcost.evidence.claims.report": (
        "AuditReport",
        "CheckResult",
        "ClaimResult",
    ),
    "fluxcost.evidence.report": ("ValidationReport",),
    "fluxcost.evidence.scenarios.library": ("load_scenario",),
    "fluxcost.evidence.scenarios.record": ("ScenarioRecord",),
    "fluxcost.evidence.scenarios.report": ("ScenarioReport",),
    "fluxcost.evidence.scenarios.validation": ("validate_scenario",),
    "fluxcost.evidence.validation": (
        "validate",
        "validate_all",
    ),
    "fluxcost.performance.breakdown": (
        "Breakdown",
        "breakdown",
    ),
    "fluxcost.performance.calibration": (
        "Calibration",
        "parse_calibration",
    ),
    "fluxcost.performance.curve": (
        "SizeCurve",
        "size_curve",
    ),
    "fluxcost.performance.fit": (
        "Fit",
        "fit",
    ),
    "fluxcost.performance.library": (
        "load_calibration",
        "shipped_calibrations",
    ),
    "fluxcost.performance.quality.library": (
        "load_quality",
        "quality",
        "shipped_qualities",
    ),
    "fluxcost.performance.quality.record": ("Quality", "parse_quality"),
    "fluxcost.performance.room": ("largest_batch",),
    "fluxcost.performance.split": ("ContextParallelFit",),
    "fluxcost.performance.transfer.transferred": (
        "Transferred",
        "transfer",
    ),
    "fluxcost.planning.comparison": (
        "Alternative",
        "Comparison",
        "compare",
    ),
    "fluxcost.planning.diff": ("diff",),
    "fluxcost.planning.drivers": (
        "Drivers",
        "Range",
    ),
    "fluxcost.planning.explain": ("explain",),
    "fluxcost.planning.export.targets": ("export",),
    "fluxcost.planning.largest": ("largest_volume",),
    "fluxcost.planning.plans": (
        "Plan",
        "Plans",
        "Rejected",
    ),
    "fluxcost.planning.reconciling": ("reconcile",),
    "fluxcost.planning.replay": ("replay",),
    "fluxcost.planning.report.report": ("report",),
    "fluxcost.planning.search": ("plan",),
    "fluxcost.planning.sensitivity": ("sensitivity",),
    "fluxcost.planning.sharing": (
        "SharedPlans",
        "plan_shared",
    ),
    "fluxcost.workload": (
        "Shape",
        "Workload",
        "load_workload",
        "parse_workload",
    ),
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
