"""The compiled loops of the simulator; loops that call each other compile best in one file.

Each kernel takes one chunk of arrivals and a state that lives on to the next chunk, so memory does
not grow with the length of a run. Times are seconds; arrivals are in order. A kernel writes the
response of each request into `response_s` and returns how many it wrote; `lines` says of what line
each was. A line is a waiting line of one shape and priority; images are its items.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy.typing as npt

Array = npt.NDArray[Any]
Loop = TypeVar("Loop", bound=Callable[..., Any])

# Totals a kernel adds to, by position: one float array crosses into compiled code quickest.
BUSY, WAIT, CALLS, IMAGES, LOST, LONGEST, RENTED, STARTS, LAST = range(9)
TOTALS = 9

RESOLUTION_BITS = 9
"""Bits of a response time's fraction that choose its bucket: a bucket is 1/512 wide or less."""

SHIFT = 52 - RESOLUTION_BITS
FIRST = (1023 - 30) << RESOLUTION_BITS
"""Number of the bucket at 2^-30 s, a nanosecond."""

BUCKETS = 64 << RESOLUTION_BITS
"""Up to 2^34 s, five centuries."""

FOREVER = 1e300


def compiled(loop: Loop) -> Loop:
    """Compile a loop on first use; keep the machine code on disk where that can be written."""
    try:
        made = numba.njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        made = numba.njit(nogil=True)(loop)
    return cast("Loop", made)  # called as the loop is


@compiled
def tally(bits: Array, lines: Array, count: int, histograms: Array) -> None:
    """Add response times, given as the bits of their doubles, to the histogram of each's line."""
    for index in range(count):
        bucket = (bits[index] >> SHIFT) - FIRST
        histograms[lines[index], min(max(bucket, 0), BUCKETS - 1)] += 1


@compiled
def _replace_root(heap: Array, value: float) -> None:
    """Replace the least value of a binary heap."""
    size = heap.size
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value


@compiled
def serve_in_order(  # noqa: PLR0913, PLR0917 - compiled code takes arrays, not records
    arrivals_s: Array,
    lines: Array,
    ratios: Array,
    occupancy_s: Array,
    latency_s: Array,
    images: int,
    free_s: Array,
    totals: Array,
    response_s: Array,
) -> int:
    """First come first served, one image a call: each image takes the replica free first.

    `free_s` is a heap of the times at which replicas are free; `ratios` hold one value an image.
    """
    draw = 0
    for index in range(arrivals_s.size):
        now = arrivals_s[index]
        line = lines[index]
        last = 0.0
        for _ in range(images):
            start = max(now, free_s[0])
            busy = occupancy_s[line, 0] * ratios[draw]
            last = max(last, start + latency_s[line, 0] * ratios[draw])
            draw += 1
            _replace_root(free_s, start + busy)
            totals[BUSY] += busy
            totals[WAIT] += start - now
        response_s[index] = last - now
    size = arrivals_s.size
    totals[CALLS] += size * images
    totals[IMAGES] += size * images
    totals[LAST] = arrivals_s[size - 1]
    return int(size)


@compiled
def _chosen(lengths: Array, ready_s: Array, heads_s: Array, priorities: Array, now: float) -> int:
    """Return the ready line of the best priority whose head waits longest, -1 if none is ready."""
    best = -1
    for line in range(lengths.size):
        if lengths[line] == 0 or ready_s[line] > now:
            continue
        same = best >= 0 and priorities[line] == priorities[best]
        if (
            best < 0
            or priorities[line] < priorities[best]
            or (same and heads_s[line] < heads_s[best])
        ):
            best = line
    return best


@compiled
def _soonest(lengths: Array, ready_s: Array) -> float:
    soonest = FOREVER
    for line in range(lengths.size):
        if lengths[line] > 0 and ready_s[line] < soonest:
            soonest = ready_s[line]
    return soonest


@compiled
def _idle(free_s: Array, since_s: Array, now: float) -> bool:
    """Tell whether a rented replica is free."""
    for replica in range(free_s.size):
        if since_s[replica] < FOREVER and free_s[replica] <= now:
            return True
    return False


@compiled
def _rented_for(free_s: Array, since_s: Array, ready: float) -> int:
    """Return the free replica used last, so that the others may fall idle, or the next one free."""
    best = -1
    for replica in range(free_s.size):
        if since_s[replica] == FOREVER:
            continue
        later = best >= 0 and free_s[replica] > free_s[best]
        free = free_s[replica] <= ready
        if best < 0 or (later and free) or (not later and free_s[best] > ready):
            best = replica
    return best


@compiled
def _longest_idle(free_s: Array, since_s: Array) -> int:
    """Return the rented replica that was free first."""
    best = -1
    for replica in range(free_s.size):
        if since_s[replica] < FOREVER and (best < 0 or free_s[replica] <= free_s[best]):
            best = replica
    return best


@compiled
def serve_in_batches(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - state in registers
    arrivals_s: Array,
    lines: Array,
    ratios: Array,
    occupancy_s: Array,
    latency_s: Array,
    priorities: Array,
    images: int,
    policy: Array,
    scaling: Array,
    rings: Array,
    heads: Array,
    lengths: Array,
    ready_s: Array,
    heads_s: Array,
    open_left: Array,
    open_last: Array,
    free_s: Array,
    since_s: Array,
    totals: Array,
    response_s: Array,
    response_line: Array,
    warm: Array,
    final: bool,  # noqa: FBT001
) -> int:
    """Dynamic batching by line, priorities, a bounded queue, and replicas that come and go.

    A line is ready when it holds a full batch or its head has waited its time; a free replica then
    takes up to a full batch of the ready line of the best priority. `policy` holds the largest
    batch, the longest wait, the most images that may wait. `scaling` holds least and most replicas,
    seconds to start one, seconds idle until one stops, and the waiting images per replica above
    which one is started; a fixed fleet has the same least and most. `since_s` is when a replica was
    rented, FOREVER if it is not. `final` serves what waits after the last arrival.
    """
    max_batch = int(policy[0])
    max_wait = policy[1]
    limit = policy[2]
    least, most = int(scaling[0]), int(scaling[1])
    start_s, idle_s, up_at = scaling[2], scaling[3], scaling[4]
    elastic = most > least
    capacity = rings.shape[1]
    written = 0
    draw = 0
    waiting = 0
    for line in range(lengths.size):
        waiting += lengths[line]
    rented = 0
    for replica in range(free_s.size):
        if since_s[replica] < FOREVER:
            rented += 1
    next_index = 0
    size = arrivals_s.size
    while True:
        now = arrivals_s[next_index] if next_index < size else FOREVER
        # Serve whatever starts before the next arrival.
        while waiting > 0:
            ready = _soonest(lengths, ready_s)
            replica = 0
            if elastic:
                replica = _rented_for(free_s, since_s, ready)
            begin = max(free_s[replica], ready)
            if begin >= now or (next_index >= size and not final):
                break
            line = _chosen(lengths, ready_s, heads_s, priorities, begin)
            batch = min(lengths[line], max_batch)
            ratio = ratios[draw]
            draw += 1
            if draw == ratios.size:
                draw = 0
            busy = occupancy_s[line, batch - 1] * ratio
            done = begin + latency_s[line, batch - 1] * ratio
            head = heads[line]
            for _ in range(batch):
                arrived = rings[line, head]
                head += 1
                if head == capacity:
                    head = 0
                if arrived >= warm[0]:
                    totals[WAIT] += begin - arrived
                if open_left[line] == 0:
                    open_left[line] = images
                    open_last[line] = 0.0
                open_last[line] = max(open_last[line], done)
                open_left[line] -= 1
                # Requests that came before the warm-up ended are served, not counted.
                if open_left[line] == 0 and arrived >= warm[0]:
                    response_s[written] = open_last[line] - arrived
                    response_line[written] = line
                    written += 1
            heads[line] = head
            lengths[line] -= batch
            waiting -= batch
            if lengths[line] > 0:
                heads_s[line] = rings[line, head]
                ready_s[line] = heads_s[line] + max_wait
                if lengths[line] >= max_batch:
                    full = head + max_batch - 1
                    if full >= capacity:
                        full -= capacity
                    ready_s[line] = min(ready_s[line], rings[line, full])
            if elastic:
                free_s[replica] = begin + busy
            else:
                _replace_root(free_s, begin + busy)
            totals[BUSY] += busy
            totals[CALLS] += 1
            totals[IMAGES] += batch
        if next_index >= size:
            break
        while elastic and rented > least:
            replica = _longest_idle(free_s, since_s)
            stop = free_s[replica] + idle_s
            if stop > now:
                break
            totals[RENTED] += stop - since_s[replica]
            since_s[replica] = FOREVER
            rented -= 1
        line = lines[next_index]
        next_index += 1
        if waiting + images > limit and not (waiting == 0 and _idle(free_s, since_s, now)):
            if now >= warm[0]:
                totals[LOST] += 1
            continue
        at = heads[line] + lengths[line]
        if at >= capacity:
            at -= capacity
        for _ in range(images):
            if lengths[line] == 0:
                heads_s[line] = now
                ready_s[line] = now + max_wait
            rings[line, at] = now
            at += 1
            if at == capacity:
                at = 0
            lengths[line] += 1
            if lengths[line] == max_batch:
                ready_s[line] = min(ready_s[line], now)
        waiting += images
        totals[LONGEST] = max(totals[LONGEST], waiting)
        totals[LAST] = now
        if elastic and rented < most and waiting > up_at * rented:
            for replica in range(free_s.size):
                if since_s[replica] == FOREVER:
                    since_s[replica] = now
                    free_s[replica] = now + start_s
                    rented += 1
                    totals[STARTS] += 1
                    break
    return written
