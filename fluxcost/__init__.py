"""What a generated image costs and how many GPUs to rent, from real measurements.

This is the public door. Names load on first use, so that `import fluxcost` is quick.
`__init__.pyi`, which type checkers read, is written from the table by `scripts/refresh_door.py`.
"""

from __future__ import annotations

import importlib

HOMES = {
    "capacity.fleet": "Batching Failures Fleet Scaling",
    "capacity.load_sweep": "LoadSweep load_sweep",
    "capacity.results": "Simulation",
    "capacity.shared_fleet": "SharedSimulation simulate_shared",
    "capacity.simulate": "simulate",
    "capacity.size_fleet": "HourlyFleets fleet_by_hour size_fleet",
    "economics.api_bill": "api_bill api_invoice",
    "economics.break_even.break_even": "BreakEven break_even",
    "economics.break_even.crossings": "CurvePoint",
    "economics.break_even.volumes": "Sessions rent_of_fleet",
    "economics.catalog": "Catalog load_catalog parse_prices",
    "economics.cost": "CostOfMix CostPerImage cost_of_mix cost_per_image quality_adjusted_cost",
    "economics.extras": "Extras load_extras",
    "economics.horizon": "Horizon month_to_switch",
    "economics.importers.price_import": "import_prices",
    "economics.importers.price_refresh": "PriceRefresh refresh_prices",
    "economics.offers": "Offer",
    "economics.owned": "OwnedMachine electricity_per_image",
    "economics.price_files": "price_file",
    "economics.prices.api_request": "ApiRequest",
    "economics.tariffs": "Tariff",
    "economics.terms": "AccountTerms Resources",
    "economics.usage.instances": "AlwaysOn Autoscaled BatchJobs Overflow Reserved Scheduled",
    "economics.usage.monthly_bill": "bill",
    "economics.usage.serverless": "ColdStartSteps Serverless cold_start",
    "economics.usage.spot": "Spot",
    "economics.usage.use_file": "load_use",
    "errors": (
        "DocumentError FluxcostError FormatVersionError InfeasibleError InputError "
        "MissingDataError UnknownNameError"
    ),
    "estimate": "Estimate Source UntrustworthyError derive",
    "performance.breakdown": "Breakdown SizeCurve breakdown size_curve",
    "performance.calibration.library": "load_calibration shipped_calibrations",
    "performance.calibration.schema": "Calibration parse_calibration",
    "performance.scaling.context_parallel": "ContextParallelFit",
    "performance.fit": "Fit fit",
    "performance.headroom": "largest_batch",
    "performance.quality.quality_lookup": "load_quality quality shipped_qualities",
    "performance.quality.quality_record": "Quality parse_quality",
    "performance.transfer.transferred": "Transferred transfer",
    "planning.comparison": "Alternative Comparison compare",
    "planning.diff": "diff",
    "planning.explain": "explain",
    "planning.export.targets": "export",
    "planning.largest_volume": "largest_volume",
    "planning.plan_reconciliation": "reconcile",
    "planning.plans": "Plan Plans Rejected",
    "planning.replay": "replay",
    "planning.report.report": "report",
    "planning.search": "plan",
    "planning.sensitivity.analysis": "sensitivity",
    "planning.sensitivity.drivers": "Drivers Interval",
    "planning.shared_plans": "SharedPlans plan_shared",
    "validation.batch_choice": "choose_batches",
    "validation.cells": "ValidationReport validate_against",
    "validation.claims.audit": "audit",
    "validation.claims.audit_report": "AuditReport CheckResult ClaimResult",
    "validation.fit_validation": "validate validate_all",
    "validation.scenarios.scenario_record": "ScenarioRecord load_scenario",
    "validation.scenarios.scenario_validation": "ScenarioReport validate_scenario",
    "workload.shape": "Shape",
    "workload.workload": "Workload load_workload parse_workload",
}
"""Each public name, under the module that defines it."""

_HOME_OF = {name: home for home, names in HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - the table is the one list


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'fluxcost' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"fluxcost.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
