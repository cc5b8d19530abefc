"""Tables of load tests: answers, refusals, failures, and latency from when a request was due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from fluxcost.performance.calibration.extra_measurements import SentLoad
from measure.endpoint.client import Reply

LATE = 0.05
"""Share of the median latency that a client may send late before it is said."""

REFUSALS = (429, 503)
"""Statuses by which a server says that it is too busy."""

REASONS = 3
"""Most reasons shown."""


def print_loads(loads: Sequence[SentLoad], console: Console) -> None:
    """Print one row a load, and whether the client kept up with it."""
    columns = ("due requests/s", "requests", "answered", "refused", "failed")
    table = Table(*columns, "p50 s", "p95 s", "p99 s", "images/s")
    for load in loads:
        table.add_row(*_row(load))
    console.print(table)
    console.print("latency counts from when a request was due, over those answered with pictures")
    for load in loads:
        if (late_s := late(load)) is not None:
            console.print(
                f"at {load.requests_per_s:.2f} a second the client sent up to {late_s:.3f} s late "
                "(p99), which is in the latencies: it is too busy."
            )


def print_reasons(replies: Sequence[Reply], console: Console) -> None:
    """Print the commonest reasons why requests were not answered with pictures."""
    reasons = Counter(reply.reason for reply in replies if reply.reason)
    for reason, count in reasons.most_common(REASONS):
        console.print(f"{count} x {reason}", markup=False)


def late(load: SentLoad) -> float | None:
    """Return how late the client sent (p99, seconds), None where it hardly shows in latencies."""
    if not load.latency_s:
        return None
    late_s = np.subtract(load.sent_s, load.due_s)
    worst_s = percentiles_of(late_s, (99,))[0]
    return worst_s if worst_s > LATE * float(np.median(load.latency_s)) else None


def percentiles_of(
    values: Sequence[float] | np.typing.NDArray[np.float64], percentiles: tuple[float, ...]
) -> list[float]:
    """Return percentiles that are values seen: the least at or above each share of them."""
    found = np.percentile(np.asarray(values), percentiles, method="inverted_cdf")
    return [float(each) for each in found]


def _row(load: SentLoad) -> list[str]:
    requests, answered = len(load.status), len(load.latency_s)
    refused = sum(status in REFUSALS for status in load.status)
    percentiles = ["-"] * 3
    if answered:
        found = percentiles_of(load.latency_s, (50, 95, 99))
        percentiles = [f"{value:.3f}" for value in found]
    counts = (requests, answered, refused, requests - answered - refused)
    rate = answered * load.images / max(load.ended_s)
    return [f"{load.requests_per_s:.2f}", *map(str, counts), *percentiles, f"{rate:.2f}"]
