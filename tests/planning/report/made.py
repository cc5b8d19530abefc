"""A report made for tests, with three stacks, an API, and names that try to break out of a page."""

import dataclasses
from typing import Any

from fluxcost.economics.catalog import Catalog
from fluxcost.performance.calibration.measuring_run import Stack
from fluxcost.planning.report.report import Report, report
from fluxcost.planning.search import plan
from fluxcost.workload.workload import Workload
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.synthetic import LOSSY, Machine, make_calibration

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>|[x](javascript:alert(1)) # h'
GRID = tuple((side, side, 4, batch) for side in (512, 1024) for batch in (1, 2, 4))
EAGER = make_calibration(gpu="h200-sxm", grid=GRID)
FASTER = dataclasses.replace(Machine(), step_s_per_kilotoken=0.011, text_launch_s=0.01)
FASTEST = dataclasses.replace(FASTER, step_s_per_kilotoken=0.0085)
COMPILED = make_calibration(
    FASTER,
    gpu="h200-sxm",
    grid=GRID,
    stack=Stack(alias="compiled-bf16", settings={"dtype": "bfloat16", "compile": "blocks"}),
)
TIMED = [EAGER, COMPILED, make_calibration(FASTEST, gpu="h200-sxm", grid=GRID, stack=LOSSY)]
SHOP = catalog(
    offer(source=f"=cmd {HOSTILE}"[:200]),
    offer("other", usd=5.0),
    tariff(note=HOSTILE, usd=0.01),
)


def asked(**fields: Any) -> Workload:
    live = {
        "name": HOSTILE,
        "deadline": None,
        "utilization": None,
        "startup_minutes": None,
        "arrivals": {"requests_per_s": 3.0},
        "objective": {"percentile": 95, "within_s": 2.0},
    }
    return workload(**(live | fields))


def made(wanted: Workload, prices: Catalog = SHOP, depth: Any = "analytic") -> Report:
    return report(wanted, plan(wanted, prices, TIMED, TODAY, depth=depth), TIMED)
