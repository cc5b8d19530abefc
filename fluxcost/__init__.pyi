# Written by scripts/refresh_door.py from the table in __init__.py.

from fluxcost.capacity.fleet import Batching as Batching
from fluxcost.capacity.fleet import Failures as Failures
from fluxcost.capacity.fleet import Fleet as Fleet
from fluxcost.capacity.fleet import Scaling as Scaling
from fluxcost.capacity.load_sweep import LoadSweep as LoadSweep
from fluxcost.capacity.load_sweep import load_sweep as load_sweep
from fluxcost.capacity.results import Simulation as Simulation
from fluxcost.capacity.shared_fleet import SharedSimulation as SharedSimulation
from fluxcost.capacity.shared_fleet import simulate_shared as simulate_shared
from fluxcost.capacity.simulate import simulate as simulate
from fluxcost.capacity.size_fleet import HourlyFleets as HourlyFleets
from fluxcost.capacity.size_fleet import fleet_by_hour as fleet_by_hour
from fluxcost.capacity.size_fleet import size_fleet as size_fleet
from fluxcost.economics.api_bill import api_bill as api_bill
from fluxcost.economics.api_bill import api_invoice as api_invoice
from fluxcost.economics.break_even.break_even import BreakEven as BreakEven
from fluxcost.economics.break_even.break_even import break_even as break_even
from fluxcost.economics.break_even.crossings import CurvePoint as CurvePoint
from fluxcost.economics.break_even.volumes import Sessions as Sessions
from fluxcost.economics.break_even.volumes import rent_of_fleet as rent_of_fleet
from fluxcost.economics.catalog import Catalog as Catalog
from fluxcost.economics.catalog import load_catalog as load_catalog
from fluxcost.economics.catalog import parse_prices as parse_prices
from fluxcost.economics.cost import CostOfMix as CostOfMix
from fluxcost.economics.cost import CostPerImage as CostPerImage
from fluxcost.economics.cost import cost_of_mix as cost_of_mix
from fluxcost.economics.cost import cost_per_image as cost_per_image
from fluxcost.economics.cost import quality_adjusted_cost as quality_adjusted_cost
from fluxcost.economics.extras import Extras as Extras
from fluxcost.economics.extras import load_extras as load_extras
from fluxcost.economics.horizon import Horizon as Horizon
from fluxcost.economics.horizon import month_to_switch as month_to_switch
from fluxcost.economics.importers.price_import import import_prices as import_prices
from fluxcost.economics.importers.price_refresh import PriceRefresh as PriceRefresh
from fluxcost.economics.importers.price_refresh import refresh_prices as refresh_prices
from fluxcost.economics.offers import Offer as Offer
from fluxcost.economics.owned import OwnedMachine as OwnedMachine
from fluxcost.economics.owned import electricity_per_image as electricity_per_image
from fluxcost.economics.price_files import price_file as price_file
from fluxcost.economics.prices.api_request import ApiRequest as ApiRequest
from fluxcost.economics.tariffs import Tariff as Tariff
from fluxcost.economics.terms import AccountTerms as AccountTerms
from fluxcost.economics.terms import Resources as Resources
from fluxcost.economics.usage.instances import AlwaysOn as AlwaysOn
from fluxcost.economics.usage.instances import Autoscaled as Autoscaled
from fluxcost.economics.usage.instances import BatchJobs as BatchJobs
from fluxcost.economics.usage.instances import Overflow as Overflow
from fluxcost.economics.usage.instances import Reserved as Reserved
from fluxcost.economics.usage.instances import Scheduled as Scheduled
from fluxcost.economics.usage.monthly_bill import bill as bill
from fluxcost.economics.usage.serverless import ColdStartSteps as ColdStartSteps
from fluxcost.economics.usage.serverless import Serverless as Serverless
from fluxcost.economics.usage.serverless import cold_start as cold_start
from fluxcost.economics.usage.spot import Spot as Spot
from fluxcost.economics.usage.use_file import load_use as load_use
from fluxcost.errors import DocumentError as DocumentError
from fluxcost.errors import FluxcostError as FluxcostError
from fluxcost.errors import FormatVersionError as FormatVersionError
from fluxcost.errors import InfeasibleError as InfeasibleError
from fluxcost.errors import InputError as InputError
from fluxcost.errors import MissingDataError as MissingDataError
from fluxcost.errors import UnknownNameError as UnknownNameError
from fluxcost.estimate import Estimate as Estimate
from fluxcost.estimate import Source as Source
from fluxcost.estimate import UntrustworthyError as UntrustworthyError
from fluxcost.estimate import derive as derive
from fluxcost.performance.breakdown import Breakdown as Breakdown
from fluxcost.performance.breakdown import SizeCurve as SizeCurve
from fluxcost.performance.breakdown import breakdown as breakdown
from fluxcost.performance.breakdown import size_curve as size_curve
from fluxcost.performance.calibration.library import load_calibration as load_calibration
from fluxcost.performance.calibration.library import shipped_calibrations as shipped_calibrations
from fluxcost.performance.calibration.schema import Calibration as Calibration
from fluxcost.performance.calibration.schema import parse_calibration as parse_calibration
from fluxcost.performance.fit import Fit as Fit
from fluxcost.performance.fit import fit as fit
from fluxcost.performance.headroom import largest_batch as largest_batch
from fluxcost.performance.quality.quality_lookup import load_quality as load_quality
from fluxcost.performance.quality.quality_lookup import quality as quality
from fluxcost.performance.quality.quality_lookup import shipped_qualities as shipped_qualities
from fluxcost.performance.quality.quality_record import Quality as Quality
from fluxcost.performance.quality.quality_record import parse_quality as parse_quality
from fluxcost.performance.scaling.context_parallel import ContextParallelFit as ContextParallelFit
from fluxcost.performance.transfer.transferred import Transferred as Transferred
from fluxcost.performance.transfer.transferred import transfer as transfer
from fluxcost.planning.comparison import Alternative as Alternative
from fluxcost.planning.comparison import Comparison as Comparison
from fluxcost.planning.comparison import compare as compare
from fluxcost.planning.diff import diff as diff
from fluxcost.planning.explain import explain as explain
from fluxcost.planning.export.targets import export as export
from fluxcost.planning.largest_volume import largest_volume as largest_volume
from fluxcost.planning.plan_reconciliation import reconcile as reconcile
from fluxcost.planning.plans import Plan as Plan
from fluxcost.planning.plans import Plans as Plans
from fluxcost.planning.plans import Rejected as Rejected
from fluxcost.planning.replay import replay as replay
from fluxcost.planning.report.report import report as report
from fluxcost.planning.search import plan as plan
from fluxcost.planning.sensitivity.analysis import sensitivity as sensitivity
from fluxcost.planning.sensitivity.drivers import Drivers as Drivers
from fluxcost.planning.sensitivity.drivers import Interval as Interval
from fluxcost.planning.shared_plans import SharedPlans as SharedPlans
from fluxcost.planning.shared_plans import plan_shared as plan_shared
from fluxcost.validation.batch_choice import choose_batches as choose_batches
from fluxcost.validation.cells import ValidationReport as ValidationReport
from fluxcost.validation.cells import validate_against as validate_against
from fluxcost.validation.claims.audit import audit as audit
from fluxcost.validation.claims.audit_report import AuditReport as AuditReport
from fluxcost.validation.claims.audit_report import CheckResult as CheckResult
from fluxcost.validation.claims.audit_report import ClaimResult as ClaimResult
from fluxcost.validation.fit_validation import validate as validate
from fluxcost.validation.fit_validation import validate_all as validate_all
from fluxcost.validation.scenarios.scenario_record import ScenarioRecord as ScenarioRecord
from fluxcost.validation.scenarios.scenario_record import load_scenario as load_scenario
from fluxcost.validation.scenarios.scenario_validation import ScenarioReport as ScenarioReport
from fluxcost.validation.scenarios.scenario_validation import validate_scenario as validate_scenario
from fluxcost.workload.shape import Shape as Shape
from fluxcost.workload.workload import Workload as Workload
from fluxcost.workload.workload import load_workload as load_workload
from fluxcost.workload.workload import parse_workload as parse_workload

HOMES: dict[str, str]
__all__ = [
    "AccountTerms",
    "Alternative",
    "AlwaysOn",
    "ApiRequest",
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
    "ColdStartSteps",
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
    "Interval",
    "LoadSweep",
    "MissingDataError",
    "Offer",
    "Overflow",
    "OwnedMachine",
    "Plan",
    "Plans",
    "PriceRefresh",
    "Quality",
    "Rejected",
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
    "Transferred",
    "UnknownNameError",
    "UntrustworthyError",
    "ValidationReport",
    "Workload",
    "api_bill",
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
    "import_prices",
    "largest_batch",
    "largest_volume",
    "load_calibration",
    "load_catalog",
    "load_extras",
    "load_quality",
    "load_scenario",
    "load_sweep",
    "load_use",
    "load_workload",
    "month_to_switch",
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
    "refresh_prices",
    "rent_of_fleet",
    "replay",
    "report",
    "sensitivity",
    "shipped_calibrations",
    "shipped_qualities",
    "simulate",
    "simulate_shared",
    "size_curve",
    "size_fleet",
    "transfer",
    "validate",
    "validate_against",
    "validate_all",
    "validate_scenario",
]
