"""Audit files that a test may change: the shipped article as a document, and a small made one."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

import fluxcost as fc
from fluxcost.documents import read_yaml
from fluxcost.validation.claims.audit import SHIPPED

TODAY = dt.date(2026, 11, 23)
ARTICLE = Path(fc.__file__).parent / "data" / "published" / SHIPPED
MADE: dict[str, Any] = {
    "format": "fluxcost-audit",
    "version": 1,
    "source": "an article",
    "gpu": "h100-sxm",
    "facts": {
        "rates": [
            {"size": 512, "images_per_s": "5.14"},
            {"size": 1024, "images_per_s": "1.77"},
        ],
        "power": {"idle_w": "70", "busy_w": "680"},
        "memory_gb": "17.80",
        "usd_per_hour": "2.49",
        "shown": "on a page",
    },
}


def article() -> Any:
    return read_yaml(ARTICLE)


def audited(folder: Path, document: Any, **given: Any) -> fc.AuditReport:
    path = folder / "audit.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return fc.audit(path, **({"today": TODAY} | given))


def checked(folder: Path, *checks: dict[str, Any], **fields: Any) -> Any:
    """Audit one claim with these checks and return its result."""
    claim = {"id": "made", "text": "A claim.", "checks": list(checks)}
    document = MADE | {"claims": [claim]} | fields
    return audited(folder, document).claims[0]


def verdicts_after(folder: Path, change: Callable[[Any], None]) -> dict[str, str]:
    """Change the article and return the verdict of each claim."""
    document = article()
    change(document)
    return {claim.id: str(claim.verdict) for claim in audited(folder, document).claims}


def claim_of(document: Any, claim_id: str) -> Any:
    return next(claim for claim in document["claims"] if claim["id"] == claim_id)


def row_of(document: Any, table: str, **wanted: object) -> Any:
    rows = document["facts"][table]
    return next(row for row in rows if all(row[key] == each for key, each in wanted.items()))
