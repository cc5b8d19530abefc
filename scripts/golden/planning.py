"""Plans and what is asked of them, and the files other tools run them with."""

from __future__ import annotations

import datetime as dt
from typing import Any

import fluxcost as fc
from scripts.golden.book import Book
from scripts.golden.inputs import (
    ARRIVING,
    EAGER,
    EXAMPLES,
    H200,
    JOB,
    MONTHLY,
    ROOT,
    STACK,
    TODAY,
    catalog,
    workload,
)
from scripts.golden.names import public
from scripts.golden.serving import DAY

SPOT = {
    "allow_stale": True,
    "allow_marketplace": True,
    "spot_interruptions_per_hour": 0.05,
    "allow_billing": ["on-demand", "spot", "marketplace", "serverless"],
}
UNTIMED = {"allow_stale": True, "allow_untimed": True, "allow_lossy": True}
ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a month": (MONTHLY, {}),
    "a small month": (MONTHLY, {"images_per_month": 3_000}),
    "a large month": (MONTHLY, {"images_per_month": 40_000_000}),
    "a month of a larger model": (MONTHLY, {"model": "flux2-klein-9b"}),
    "a month on spot": (MONTHLY, {"constraints": SPOT}),
    "a job": (JOB, {}),
    "a tight job": (JOB, {"deadline": {"images": 2_000_000, "hours": 3}}),
    "an impossible job": (JOB, {"deadline": {"images": 1_000_000_000, "hours": 0.5}}),
    "requests": (ARRIVING, {}),
    "requests of a day": (
        ARRIVING,
        {"arrivals": {"requests_per_s": 2.0, "hourly_weights": DAY}, "constraints": UNTIMED},
    ),
    "a slow GPU is too slow": (ARRIVING, {"objective": {"percentile": 95, "within_s": 0.01}}),
}
TOP = 40
"""Plans of which every value is kept; of the others what, how and how much."""


def _simulated() -> list[fc.Calibration]:
    return [fc.load_calibration(alias) for alias in (STACK, EAGER, H200)]


def _outline(plan: dict[str, Any]) -> list[Any]:
    total = plan["total"]
    named = [plan[name] for name in ("option", "mode", "gpus", "calibration", "batch")]
    return [*named, total["value"], total["low"], total["high"]]


def _put_plans(book: Book, key: str, plans: fc.Plans | None) -> None:
    if plans is None:
        return
    document = plans.to_dict()
    every = document.pop("plans")
    book.record("plans", key, document)
    for rank, plan in enumerate(every):
        kept = plan if rank < TOP else _outline(plan)
        book.record("plans", f"{key}: plan {rank:03d}", kept)


def _quietly(question: Any, *given: Any, **options: Any) -> Any:  # noqa: ANN401
    """Return an answer, to be kept in parts; None where it is refused."""
    try:
        return question(*given, **options)
    except fc.FluxcostError:
        return None


def plans(book: Book) -> None:
    """Keep plans of the examples and of other workloads, and what follows from them."""
    for path in sorted(EXAMPLES.glob("*.yaml")):
        asked = fc.load_workload(path)
        made = _quietly(fc.plan, asked, None, _simulated(), TODAY)
        _put_plans(book, path.stem, made)
        if made is None:
            book.ask("plans", path.stem, fc.plan, asked, today=TODAY)
    made_by_name: dict[str, fc.Plans] = {}
    for name, (document, changes) in ASKED.items():
        asked = workload(document, **changes)
        depth: Any = "analytic" if asked.arrivals else "simulated"
        made_by_name[name] = fc.plan(asked, today=TODAY, depth=depth)
        _put_plans(book, name, made_by_name[name])
        book.ask("plans", f"{name}: best", lambda m=made_by_name[name]: m.best)
    _about_plans(book, made_by_name)


def _about_plans(book: Book, made: dict[str, fc.Plans]) -> None:
    interval = public("Interval")
    drivers = fc.Drivers(price=interval(0.8, 1.3), growth=interval(-0.2, 1.0), batch=interval(1, 8))
    for name in ("a month", "a job"):
        asked, one = workload(ASKED[name][0]), made[name]
        book.ask("plans", f"{name}: compared", fc.compare, asked, today=TODAY)
        for what, given in (("evidence", None), ("drivers", drivers)):
            options: dict[str, Any] = {"drivers": given, "scenarios": 300, "today": TODAY}
            book.ask("plans", f"{name}: sensitivity to {what}", fc.sensitivity, asked, **options)
        book.ask("plans", f"{name}: first and third", fc.diff, one[0], one[2])
        limit = {"gpus": 3} if name == "a job" else {"budget_usd_per_month": 2500.0}
        key = f"{name}: most images within {limit}"
        book.ask("plans", key, fc.largest_volume, asked, None, _simulated(), TODAY, **limit)
    book.ask("plans", "a job: explained", fc.explain, workload(JOB), made["a job"])
    earlier = catalog().at(dt.date(2026, 6, 1))
    asked = workload(MONTHLY)
    made_then = _quietly(fc.plan, asked, earlier, None, TODAY)
    _put_plans(book, "a month at the prices of June", made_then)


def exports(book: Book) -> None:
    """Keep the text of every file that is written for people or for other tools."""
    for name in ("a month", "a large month", "a job", "requests", "a month on spot"):
        document, changes = ASKED[name]
        asked = workload(document, **changes)
        depth: Any = "analytic" if asked.arrivals else "simulated"
        made = fc.plan(asked, today=TODAY, depth=depth)
        for target in ("kubernetes", "ray-serve", "skypilot"):
            for rank, plan in enumerate(made.leaders[:12]):
                _export(book, f"{name}: plan {rank} for {target}", plan, asked, target)
        if name == "a job":
            written = fc.report(asked, made)
            book.lines("exports", f"{name}: report in Markdown", written.to_markdown())
            book.lines("exports", f"{name}: report as CSV", written.to_csv())
            book.lines("exports", f"{name}: report in HTML", written.to_html())
    for name in ("gpus/runpod", "apis/openai"):
        read = fc.parse_prices((ROOT / "pricing" / f"{name}.yaml").read_bytes(), name)
        book.lines("exports", f"price file of {name}", fc.price_file(*read.offers, *read.tariffs))
    fit, offer = fc.fit(fc.load_calibration(STACK)), catalog().offer("aws/p5-48xlarge")
    bill = fc.bill(fit, offer, fc.Shape(1024, 1024, 4), fc.AlwaysOn(1), images=9_000, today=TODAY)
    book.lines("exports", "a bill under the names of FOCUS", bill.invoice.to_csv())


def _export(book: Book, key: str, plan: fc.Plan, asked: fc.Workload, target: Any) -> None:  # noqa: ANN401
    try:
        text = fc.export(plan, asked, target, image="registry.example/fluxcost:1")
    except fc.FluxcostError as refusal:
        book.put("exports", key, f"refused by {type(refusal).__name__}")
        book.say("exports", f"{key}: refusal", str(refusal))
    else:
        book.lines("exports", key, text)
