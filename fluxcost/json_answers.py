"""The JSON of answers: what `--json` prints, the dashboard saves and `plan --replay` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

VERSION = 1

Kind = Literal[
    "latency",
    "transfer",
    "cost",
    "cost-of-mix",
    "bill",
    "breakeven",
    "plan",
    "shared-plan",
    "stack-comparison",
    "largest-volume",
    "replay",
    "export",
    "simulation",
    "sensitivity",
    "diff",
    "reconciliation",
    "price-list",
    "price-import",
    "price-refresh",
    "calibration-list",
    "quality-list",
    "validation",
    "scenario-validation",
    "audit-report",
    "calibration-report",
    "capacity",
    "plan-comparison",
    "price-rows",
]

SOURCES: dict[Kind, str] = {
    "latency": "fluxcost latency",
    "transfer": "fluxcost transfer",
    "cost": "fluxcost cost",
    "cost-of-mix": "fluxcost cost --mix",
    "bill": "fluxcost bill",
    "breakeven": "fluxcost breakeven",
    "plan": "fluxcost plan",
    "shared-plan": "fluxcost plan --shared",
    "stack-comparison": "fluxcost plan --stacks-on",
    "largest-volume": "fluxcost plan --budget-usd-per-month or --gpus",
    "replay": "fluxcost plan --replay",
    "export": "fluxcost export",
    "simulation": "fluxcost simulate",
    "sensitivity": "fluxcost sensitivity",
    "diff": "fluxcost diff",
    "reconciliation": "fluxcost reconcile",
    "price-list": "fluxcost prices",
    "price-import": "fluxcost prices import",
    "price-refresh": "fluxcost prices refresh",
    "calibration-list": "fluxcost calibrations",
    "quality-list": "fluxcost quality",
    "validation": "fluxcost validate",
    "scenario-validation": "fluxcost validate --scenario",
    "audit-report": "fluxcost audit",
    "calibration-report": "dashboard, page Calibration",
    "capacity": "dashboard, page Capacity",
    "plan-comparison": "dashboard, page Compare",
    "price-rows": "dashboard, page Prices",
}
"""What gives each kind of answer. The dashboard's other pages save the kinds of the commands."""


def json_text(kind: Kind, answer: Mapping[str, Any], *, indent: int = 2) -> str:
    """Return an answer as one JSON object that begins with its format and version.

    Args:
        kind: What it answers; its format is "fluxcost-" and this.
        answer: Its plain values.
        indent: Spaces of a level.
    """
    document = {"format": f"fluxcost-{kind}", "version": VERSION, **answer}
    return json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
