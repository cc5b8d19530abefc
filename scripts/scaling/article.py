"""The first row of a published table, beside what one GPU was seen to make."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import fluxcost as fc
from fluxcost.performance.calibration import Calibration
from fluxcost.performance.replicas import published_law
from scripts.tables import spread

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
        f"The article's table starts at {printed:.2f} images a second, a quarter of what its own",
        "latency, 0.57 s at 4 steps, gives. It does not name its steps; by its own latencies they",
        f"would be about {ARTICLE_STEPS}. Here, with diffusers as it comes, 4 steps make",
        f"{spread(rates[4], '.2f')} images a second, {ARTICLE_STEPS} make",
        f"{spread(rates[ARTICLE_STEPS], '.2f')}, and {fits} make {spread(rates[fits], '.2f')},",
        f"{rates[fits].source} both.",
        "The table is of many more steps than 4, and says nothing of the price of 4.",
        "",
    )
