"""Plans made for tests, and the server's command read back from an exported file."""

import itertools
from typing import Any

import fluxcost as fc
from fluxcost.economics.catalog import Catalog
from fluxcost.planning.search import plan
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.synthetic import make_calibration

WANTED: dict[str, Any] = {
    "deadline": None,
    "utilization": None,
    "startup_minutes": None,
    "arrivals": {"requests_per_s": 9.0},
    "objective": {"percentile": 95, "within_s": 2.0},
    "shapes": [
        {"width": 1024, "height": 1024, "steps": 4},
        {"width": 512, "height": 512, "steps": 4},
    ],
}
PRICES = catalog(
    offer("h200", id="lambda/h200", provider="lambda"),
    offer("h200-8x", id="aws/h200-8x", provider="aws", usd=4.0, gpu_count=8),
    offer("h200-shop", usd=5.0),
    tariff(),
)


def asked(**fields: Any) -> fc.Workload:
    return workload(**(WANTED | fields))


def plans(wanted: fc.Workload, prices: Catalog = PRICES) -> dict[str, dict[str, Any]]:
    timed = [make_calibration(gpu="h200-sxm")]
    made = plan(wanted, prices, timed, TODAY, depth="analytic")
    return {each.option: each.to_dict() for each in reversed(made)}


def option(command: list[str], name: str) -> list[str]:
    """Return every value given to an option."""
    return [value for key, value in itertools.pairwise(command) if key == name]
