"""Four GPUs as predicted before they were timed and as measured, and eight as predicted now.

The records before the run are the shipped ones without every part of it. Their draws depend on the
record's content, so the ends of the intervals differ in the last digits from the page of that time.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

import fluxcost as fc
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit
from fluxcost.performance.scaling.replica_windows import ReplicaWindow, ReplicaWindows
from fluxcost.performance.scaling.scaling_law import FARTHEST, published_law
from scripts.tables import share, spread, table

RECORDS = Path(__file__).parent.parent.parent / "benchmarks" / "records" / "h100-sxm" / "scaling"
FOUR = 4
TARGET = 0.98
USUAL = fc.Shape(1024, 1024, 4)


def before(record: Calibration, stack: str) -> Calibration:
    """Return a record without what the run on four GPUs added."""
    run = {each.id for each in fc.load_calibration(RECORDS / f"four-{stack}.json").runs}
    left = {
        name: tuple(part for part in getattr(record, name) if part.run not in run)
        for name in ("cells", "replicas", "encodings", "links")
    }
    left["runs"] = tuple(each for each in record.runs if each.id not in run)
    return record.model_copy(update=left)


def predicted_and_measured(
    records: dict[str, Calibration], earlier: dict[str, Fit], fleets: dict[str, ReplicaWindows]
) -> Iterable[str]:
    """Yield the section of four GPUs: the law from two against the measurement."""
    rows, inside = [], 0
    for stack in records:
        for window in sorted(_of_four(fleets[stack]), key=lambda each: each.asked):
            shape, batch = window.asked
            rate = earlier[stack].fleet_throughput(shape, batch, FOUR)
            inside += rate.low <= window.images_per_s <= rate.high
            measured = fleets[stack].efficiency(window)
            assert measured is not None  # noqa: S101 - all were timed alone too
            rows.append(
                (
                    f"`{stack}`",
                    f"{shape}, batch {batch}",
                    spread(rate, ".2f"),
                    f"{window.images_per_s:.2f}",
                    share(earlier[stack].replica_efficiency(shape, batch, FOUR)),
                    share(measured),
                )
            )
    article = published_law()[0].measured[FOUR].value
    yield from (
        "## Four GPUs: predicted and measured",
        "",
        f"The article's four GPUs reach {article:.0%} of four times one. *Predicted* is Amdahl's",
        "law fitted to the measurements of one and two GPUs only, without the run on four.",
        "Predictions are capped at 100 %.",
        "",
        *table(
            (
                "stack",
                "call",
                "predicted, img/s",
                "measured",
                "predicted efficiency",
                "measured efficiency",
            ),
            rows,
        ),
        "",
        f"{inside} of {len(rows)} measured rates lie in their predicted interval.",
        "",
    )


def more(records: dict[str, Calibration], earlier: dict[str, Fit]) -> Iterable[str]:
    """Yield the section of the law from one, two and four GPUs."""
    article, one = published_law()
    rows, told = [], []
    for stack, record in records.items():
        now = fc.fit(record)
        for count in (1, 2, FOUR, 8):
            efficiency = now.replica_efficiency(USUAL, 1, count)
            printed = article.efficiency(count)
            rows.append(
                (
                    f"`{stack}`",
                    str(count),
                    f"{printed.value * one.value * count:.2f}, {printed.value:.0%}",
                    spread(earlier[stack].fleet_throughput(USUAL, 1, count), ".2f"),
                    share(earlier[stack].replica_efficiency(USUAL, 1, count)),
                    spread(now.fleet_throughput(USUAL, 1, count), ".2f"),
                    share(efficiency),
                )
            )
        likely = float(np.mean(efficiency.draws >= TARGET))
        told.append(f"{likely:.0%} with `{stack}`")
    yield from (
        "## More GPUs: predicted from four",
        "",
        f"{USUAL}, batch 1. One, two and four GPUs were measured and are answered with the",
        "measurement. Eight are predicted by Amdahl's law from the three. The loss may be",
        "contention or coherency; the interval holds every split between the two, so it is wider.",
        f"At most {FARTHEST * FOUR} GPUs are answered. *Before* is the prediction without the run",
        "on four.",
        "",
        *table(
            (
                "stack",
                "GPUs",
                "article, img/s",
                "before, img/s",
                "efficiency before",
                "now, img/s",
                "efficiency now",
            ),
            rows,
        ),
        "",
        f"The target is {TARGET:.0%} on eight with enough cores. The predicted probability of",
        f"reaching it is {' and '.join(told)}. Eight at once have not been timed.",
        "",
    )


def _of_four(fleets: ReplicaWindows) -> list[ReplicaWindow]:
    return [each for each in fleets.windows if len(each.parts) == FOUR and each.cores is None]
