"""What a load showed, as a table: answers, refusals and failures, latency from when it was due."""

from __future__ import annotations

from collections import Counter

import numpy as np
from rich.console import Console
from rich.table import Table

from measure.endpoint.load import Sent

LATE = 0.05
"""Share of the median latency that this client may send late before it says so."""

REFUSALS = (429, 503)


def print_loads(loads: tuple[Sent, ...], images: int, console: Console) -> None:
    """Print one row a load, then why requests failed and whether this client kept up."""
    table = Table(
        "requests/s", "requests", "answered", "refused", "failed", "p50 s", "p95 s", "p99 s",
        "images/s",
    )  # fmt: skip
    for sent in loads:
        table.add_row(*_row(sent, images))
    console.print(table)
    console.print("latency counts from when a request was due, over those answered with pictures")
    for sent in loads:
        for reason, count in Counter(r.reason for r in sent.replies if r.reason).most_common(3):
            console.print(f"{count} x {reason}", markup=False)
        if (late := _too_late(sent)) is not None:
            console.print(late)


def _row(sent: Sent, images: int) -> list[str]:
    replies = sent.replies
    answered = latencies_s(sent)
    refused = sum(reply.status in REFUSALS for reply in replies)
    percentiles = ["-"] * 3
    if answered.size:
        percentiles = [f"{value:.3f}" for value in percentiles_of(answered, (50, 95, 99))]
    span_s = max(reply.ended_s for reply in replies) - sent.began_s
    counts = (len(replies), answered.size, refused, len(replies) - answered.size - refused)
    rate = f"{sent.schedule.requests_per_s:.2f}"
    return [rate, *map(str, counts), *percentiles, f"{answered.size * images / span_s:.2f}"]


def latencies_s(sent: Sent) -> np.typing.NDArray[np.float64]:
    """Return seconds from due to answered, of the requests answered with pictures."""
    rows = zip(sent.schedule.due_s, sent.replies, strict=True)
    return np.array([r.ended_s - sent.began_s - due for due, r in rows if not r.reason])


def percentiles_of(
    values: np.typing.NDArray[np.float64], percentiles: tuple[float, ...]
) -> list[float]:
    """Return percentiles that are values seen: the least at or above each share of them."""
    return [float(each) for each in np.percentile(values, percentiles, method="inverted_cdf")]


def _too_late(sent: Sent) -> str | None:
    answered = latencies_s(sent)
    if not answered.size:
        return None
    late_s = percentiles_of(np.array(sent.late_s), (99,))[0]
    if late_s <= LATE * float(np.median(answered)):
        return None
    return (
        f"this client sent up to {late_s:.3f} s late (p99), which is in the latencies: it is too "
        "busy for this rate."
    )
