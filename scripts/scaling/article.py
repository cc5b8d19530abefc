"""The first row of a published table, beside what one GPU was seen to make."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import fluxcost as fc
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.scaling.scaling_law import published_law
from scripts.tables import spread, table

ARTICLE_STEPS = 20


def article(record: Calibration) -> Iterable[str]:
    """Yield the section on the published table's first row."""
    fitted = fc.fit(record)
    printed = published_law()[1].value
    rates = {n: fitted.throughput(fc.Shape(1024, 1024, n)) for n in range(4, 41)}
    fits = min(rates, key=lambda n: abs(np.log(rates[n].value / printed)))
    yield from (
        "## The article's first row",
        "",
        f"The article's table starts at {printed:.2f} images a second. Its own latency of 0.57 s",
        "at 4 steps gives four times that. The table does not state its steps; by the article's",
        f"latencies they are about {ARTICLE_STEPS}. Stock diffusers in bf16, not compiled, make",
        "here:",
        "",
        *table(
            ("steps", "images a second", "source"),
            [
                (str(n), spread(rates[n], ".2f"), str(rates[n].source))
                for n in (4, ARTICLE_STEPS, fits)
            ],
        ),
        "",
        "The table therefore describes many more than 4 steps, and says nothing about the price",
        "of 4.",
        "",
    )
