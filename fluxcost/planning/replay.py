"""Replaying plans from their JSON, and listing what has changed since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxcost.documents import read_json
from fluxcost.economics.catalog import Catalog
from fluxcost.errors import DocumentError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.quality.quality_record import Quality
from fluxcost.planning.plans import Plan, Plans
from fluxcost.planning.search import plan
from fluxcost.units import usd
from fluxcost.workload.workload import Workload

SAME = 1e-9
"""Relative difference of two totals that are the same: the last bits differ between machines."""


@dataclass(frozen=True, eq=False)
class Replay:
    """Plans made again.

    Attributes:
        plans: As they are now.
        changes: What is not as it was: calibrations, prices, plans, one sentence each.
    """

    plans: Plans
    changes: tuple[str, ...]

    @property
    def reproduced(self) -> bool:
        """Whether every plan of the file came out the same."""
        return not self.changes

    def to_dict(self) -> dict[str, Any]:
        """Return the replay as plain values."""
        return {"reproduced": self.reproduced, "changes": list(self.changes)}


def replay(
    path: Path | str,
    catalog: Catalog | None = None,
    calibrations: Iterable[Calibration] | None = None,
    qualities: Iterable[Quality] | None = None,
) -> Replay:
    """Make the plans of a file again, for the day and seed they were made for.

    Args:
        path: What `fluxcost plan --json` or `Plans.to_dict` gave.
        catalog: The prices it was made with, where they were your own.
        calibrations: The timings, where they were not those that ship.
        qualities: The records a quality floor was judged by, where they were not those that ship.

    Raises:
        DocumentError: The file cannot be read or is not of plans.
        InputError: Its workload is not one.
    """
    document = read_json(Path(path))
    try:
        recipe, lines = document["recipe"], document["plans"]
        today = dt.date.fromisoformat(recipe["today"])
        depth, seed = recipe["depth"], recipe["seed"]
        timed, priced = dict(recipe["calibrations"]), dict(recipe["prices"])
        asked = Workload.parse(recipe["workload"], f"{path}, workload")
        before = [(_name(line), line["gpus"], line["total"]["value"]) for line in lines]
    except (KeyError, TypeError, ValueError) as error:
        raise DocumentError(
            f"{path}: not the JSON of a plan ({error}); give what `fluxcost plan --json` wrote."
        ) from None
    plans = plan(asked, catalog, calibrations, today, depth=depth, seed=seed, qualities=qualities)
    now = plans.to_dict()["recipe"]
    changes = (
        *_changed("calibration", timed, now["calibrations"]),
        *_changed("price", priced, now["prices"]),
        *_moved(before, {_name_of(each): each for each in plans}),
    )
    return Replay(plans, changes)


def _name(line: Mapping[str, Any]) -> str:
    batching = line["components"][0]["batching"] or {}
    name = f"{line['option']}, {line['mode']}, {line['calibration']}, batch {line['batch']}"
    return name + _held(batching.get("max_wait_s", 0.0))


def _name_of(plan: Plan) -> str:
    batching = plan.components[0].batching
    name = f"{plan.option}, {plan.mode}, {plan.calibration}, batch {plan.batch}"
    return name + _held(0.0 if batching is None else batching.max_wait_s)


def _held(wait_s: float) -> str:
    return f" or {wait_s:g} s" if wait_s else ""


def _changed(kind: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name, digits in before.items():
        if name not in now:
            yield f"{kind} {name} ({digits}) is no longer used."
        elif now[name] != digits:
            yield f"{kind} {name} was {digits} and is {now[name]}."
    for name in now.keys() - before.keys():
        yield f"{kind} {name} ({now[name]}) is new."


def _moved(before: Iterable[tuple[str, int, float]], now: Mapping[str, Plan]) -> Iterator[str]:
    for name, gpus, total_usd in before:
        if name not in now:
            yield f"plan {name}: not made any more."
            continue
        found = now[name]
        if found.gpus != gpus:
            yield f"plan {name}: {gpus} GPUs before, {found.gpus} now."
        if abs(found.total.value - total_usd) > SAME * total_usd:
            yield f"plan {name}: {usd(total_usd)} before, {usd(found.total.value)} now."
