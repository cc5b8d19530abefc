"""Programs that give an answer again, to run where fluxcost is installed."""

from __future__ import annotations

import datetime as dt
import pprint
from collections.abc import Iterable

import fluxcost as fc

from . import answers
from .uploads import Own


def plan(workload: fc.Workload, today: dt.date, own: Own) -> str:
    """Return a program that makes the same plans and prints the best."""
    timed = _own_timings(own, workload.model)
    more = ", catalog=catalog" + (", calibrations=calibrations" if timed else "")
    return _joined(
        _imports(own, dates=True),
        _prices(own),
        timed,
        _asked(workload),
        [
            f"plans = fc.plan(workload{more}, today={_day(today)})",
            "best = plans.best",
            'print(f"{best.option}: {best.total.value:.2f} {best.total.unit}")',
            "print(best.why)",
        ],
    )


def break_even(asked: dict[str, object], images: int, today: dt.date, own: Own) -> str:
    """Return a program that finds the same break-even volumes and prints the bills at one."""
    sessions = asked["sessions"]
    return _joined(
        _imports(own, dates=True),
        _prices(own),
        _fit(str(asked["calibration"]), own),
        [
            "answer = fc.break_even(",
            "    fit,",
            f"    catalog.offer({asked['offer']!r}),",
            f"    catalog.tariff({asked['tariff']!r}),",
            f"    fc.{asked['shape']!r},",
            f"    batch={asked['batch']!r},",
            f"    utilization={asked['utilization']!r},",
            f"    sessions={'fc.' if sessions else ''}{sessions!r},",
            f"    today={_day(today)},",
            ")",
            "print(answer.reason)",
            f"month = answer.at({images})",
            'print(f"rent {month.rent.value:.2f}, API {month.api.value:.2f} USD a month")',
        ],
    )


def simulate(workload: fc.Workload, fleet: fc.Fleet, own: Own, *, is_sized: bool) -> str:
    """Return a program that sizes or simulates the same fleet and prints what requests saw."""
    ask = "size_fleet" if is_sized else "simulate"
    document = fleet.model_dump(mode="json", exclude_defaults=True)
    return _joined(
        _imports(own),
        _fit(fleet.calibration, own),
        _asked(workload),
        [
            f"fleet = fc.Fleet.parse({_plain(document)}, 'a page')",
            f"answer = fc.{ask}(workload, fleet, calibration=fit)",
            "print(answer.fleet.replicas, answer.verdict, answer.reason)",
            "for name, seconds in answer.response.items():",
            '    print(f"{name}: {seconds.value:.3f} s")',
        ],
    )


def compare(workloads: Iterable[fc.Workload], metric: str | None, today: dt.date, own: Own) -> str:
    """Return a program that sets the same ways side by side and prints those nothing beats."""
    asked = tuple(workloads)
    timed = _own_timings(own, *(workload.model for workload in asked))
    more = ", calibrations=calibrations" if timed else ""
    if metric is not None:
        more += f", metric={metric!r}" + (", qualities=qualities" if own.qualities else "")
    lines = ["workloads = ["]
    for workload in asked:
        lines += [f"    fc.Workload.parse({_document(workload)}, 'a page'),"]
    lines += ["]"]
    return _joined(
        _imports(own, dates=True),
        _prices(own),
        timed,
        _own_qualities(own) if metric is not None else [],
        lines,
        [
            f"answer = fc.compare(workloads, catalog=catalog{more}, today={_day(today)})",
            "for way in answer.front:",
            "    usd, latency = way.plan.usd_per_image.value, way.plan.latency.value",
            '    print(f"{way.plan.option}, {way.stack}: {usd:.6f} USD, {latency:.3f} s a call")',
        ],
    )


def calibration(name: str, shape: fc.Shape, batch: int, own: Own) -> str:
    """Return a program that fits the same calibration and prints one call's stages."""
    return _joined(
        _imports(own),
        _fit(name, own),
        [
            f"found = fc.breakdown(fit, fc.{shape!r}, batch={batch})",
            "for part in found.stages:",
            '    print(f"{part.stage}: {part.seconds.value:.4f} s")',
        ],
    )


def audit(today: dt.date, own: Own) -> str:
    """Return a program that recomputes the same claims and prints their verdicts."""
    return _joined(
        _imports(own, dates=True),
        _prices(own),
        [
            f"report = fc.audit(catalog=catalog, today={_day(today)})",
            "for claim in report.claims:",
            '    print(f"{claim.id}: {claim.verdict}")',
        ],
    )


def _joined(*blocks: list[str]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _imports(own: Own, *, dates: bool = False) -> list[str]:
    path = ["from pathlib import Path"] if own.prices or own.calibrations else []
    return [*(["import datetime"] if dates else []), *path, "", "import fluxcost as fc"]


def _day(today: dt.date) -> str:
    return f"datetime.date({today.year}, {today.month}, {today.day})"


def _prices(own: Own) -> list[str]:
    lines = ["catalog = fc.load_catalog()"]
    for upload in own.prices:
        data = f"Path({upload.name!r}).read_bytes()"
        lines += [f"catalog = catalog.overlaid(fc.parse_prices({data}, {upload.name!r}))"]
    return lines


def _own_timings(own: Own, *models: str) -> list[str]:
    if not own.calibrations:
        return []
    files = ", ".join(f"Path({upload.name!r})" for upload in own.calibrations)
    return [
        f"names = [*(entry.alias for entry in fc.shipped_calibrations()), {files}]",
        "loaded = [fc.load_calibration(name) for name in names]",
        f"calibrations = [each for each in loaded if each.model in {models!r}]",
    ]


def _own_qualities(own: Own) -> list[str]:
    if not own.qualities:
        return []
    files = ", ".join(f"{upload.name!r}" for upload in own.qualities)
    return [
        f"qualities = [*fc.shipped_qualities(), *(fc.load_quality(name) for name in [{files}])]"
    ]


def _fit(name: str, own: Own) -> list[str]:
    if not name.startswith(answers.YOURS):
        return [f"fit = fc.fit(fc.load_calibration({name!r}))"]
    digits = name.rsplit(" ", 1)[-1]
    chosen = answers.calibrations(own)[name]
    file = next(
        each.name
        for each in own.calibrations
        if fc.parse_calibration(each.data, each.where).content_hash == chosen.content_hash
    )
    return [f"fit = fc.fit(fc.load_calibration(Path({file!r})))  # content hash {digits}..."]


def _asked(workload: fc.Workload) -> list[str]:
    return [f"workload = fc.Workload.parse({_document(workload)}, 'a page')"]


def _document(workload: fc.Workload) -> str:
    return _plain(workload.model_dump(mode="json", exclude_defaults=True))


def _plain(document: object) -> str:
    return pprint.pformat(document, sort_dicts=False)
