"""What the compiled loops take and count: arrays that live on from chunk to chunk, with names.

Times are seconds. Requests of one kind ask for the same and are counted together; kinds whose
images may share a call wait in one line. Images are a line's items.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy.typing as npt

Array = npt.NDArray[Any]

# Totals a kernel adds to, by position: one float array crosses into compiled code quickest.
WAIT, CALLS, IMAGES, LOST, IMAGES_LOST, LONGEST, LAST = range(7)
RENTED, STARTS, CUT_SHORT, DOWN, END = range(7, 12)
TOTALS = 12

FOREVER = 1e300


class Chunk(NamedTuple):
    """Arrivals (s), the kind of each, and calls over their mean, one ratio after another."""

    arrivals_s: Array
    kinds: Array
    ratios: Array


class CallSeconds(NamedTuple):
    """Mean seconds of calls by line and batch less 1."""

    occupancy_s: Array
    latency_s: Array


class Policy(NamedTuple):
    """Images a request and waiting line, by kind; and the limits.

    These are the largest batch, the longest wait for company, the most images that may wait.
    """

    images: Array
    line_of: Array
    max_batch: int
    max_wait_s: float
    limit: float


class Queue(NamedTuple):
    """What waits, by line: a ring of arrivals (s) with its head and length, and the kind of each.

    A line is ready when it holds a full batch or its head has waited its time; `heads_s` is when
    its head came.
    """

    rings: Array
    kinds: Array
    heads: Array
    lengths: Array
    ready_s: Array
    heads_s: Array
    priorities: Array


class Open(NamedTuple):
    """The request each line is serving: images left to call, and when the last one is done (s)."""

    left: Array
    last_s: Array


class Responses(NamedTuple):
    """Response time (s) and kind of each request answered."""

    seconds: Array
    kinds: Array


class Upkeep(NamedTuple):
    """When replicas start, stop and fail.

    A fixed fleet has the same least and most; one that never fails has FOREVER between failures.
    `up_at` is the images waiting per replica above which one more is started.
    """

    least: int
    most: int
    start_s: float
    idle_s: float
    up_at: float
    between_failures_s: float
    recovery_s: float
    retried: bool


class ReplicaState(NamedTuple):
    """Each replica: free from, rented since (FOREVER if not), fails next; and its images cut short.

    `back_s` is when those are given back, FOREVER if there are none; `cut` holds their requests.
    `due_s` holds a time before which no idle replica stops or fails: all of these only move on.
    """

    free_s: Array
    since_s: Array
    fails_s: Array
    back_s: Array
    cut_line: Array
    cut_count: Array
    cut: Array
    due_s: Array


class Requests(NamedTuple):
    """Requests with images that wait, by slot; `spare` is a stack of the slots not in use."""

    arrived_s: Array
    kinds: Array
    left: Array
    last_s: Array
    broken: Array
    spare: Array
    spares: Array
