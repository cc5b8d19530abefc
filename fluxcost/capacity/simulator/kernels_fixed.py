"""The compiled loops of a fixed fleet that never fails.

Each kernel takes one chunk of arrivals, in order, and a state that lives on to the next chunk, so
memory does not grow with the length of a run. It writes the response of each request into
`responses` and returns how many it wrote.
"""

from __future__ import annotations

from fluxcost.capacity.simulator.compiling import compiled
from fluxcost.capacity.simulator.state import (
    CALLS,
    FOREVER,
    IMAGES,
    IMAGES_LOST,
    LAST,
    LONGEST,
    LOST,
    WAIT,
    Array,
    CallSeconds,
    Chunk,
    Open,
    Policy,
    Queue,
    Responses,
)


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
def serve_in_order(
    chunk: Chunk,
    calls: CallSeconds,
    policy: Policy,
    free_s: Array,
    totals: Array,
    spent_s: Array,
    responses: Responses,
) -> int:
    """First come first served, one image a call: each image takes the replica free first.

    `free_s` is a heap of the times at which replicas are free; the ratios hold one value an image.
    `spent_s` gathers the seconds of calls by kind.
    """
    draw = 0
    size = chunk.arrivals_s.size
    for index in range(size):
        now = chunk.arrivals_s[index]
        kind = chunk.kinds[index]
        line = policy.line_of[kind]
        last = 0.0
        for _ in range(policy.images[kind]):
            start = max(now, free_s[0])
            busy = calls.occupancy_s[line, 0] * chunk.ratios[draw]
            last = max(last, start + calls.latency_s[line, 0] * chunk.ratios[draw])
            draw += 1
            _replace_root(free_s, start + busy)
            spent_s[kind] += busy
            totals[WAIT] += start - now
        responses.seconds[index] = last - now
    totals[CALLS] += draw
    totals[IMAGES] += draw
    totals[LAST] = chunk.arrivals_s[size - 1]
    return int(size)


@compiled
def _chosen(queue: Queue, now: float) -> int:
    """Return the ready line of the best priority whose head waits longest, -1 if none is ready."""
    best = -1
    for line in range(queue.lengths.size):
        if queue.lengths[line] == 0 or queue.ready_s[line] > now:
            continue
        same = best >= 0 and queue.priorities[line] == queue.priorities[best]
        if (
            best < 0
            or queue.priorities[line] < queue.priorities[best]
            or (same and queue.heads_s[line] < queue.heads_s[best])
        ):
            best = line
    return best


@compiled
def _soonest(queue: Queue) -> float:
    """Return when the first line is ready."""
    soonest = FOREVER
    for line in range(queue.lengths.size):
        if queue.lengths[line] > 0 and queue.ready_s[line] < soonest:
            soonest = queue.ready_s[line]
    return soonest


@compiled
def serve_in_batches(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - state in registers
    chunk: Chunk,
    calls: CallSeconds,
    policy: Policy,
    queue: Queue,
    opened: Open,
    free_s: Array,
    totals: Array,
    spent_s: Array,
    responses: Responses,
    warm_s: float,
    final: bool,  # noqa: FBT001
) -> int:
    """Dynamic batching by line, priorities and a bounded queue, on a heap of replicas.

    A free replica takes up to a full batch of the ready line of the best priority. Requests that
    came before `warm_s` are served, not counted. `spent_s` gathers the seconds of calls by kind,
    those of a call shared evenly by its images. `final` serves what waits after the last arrival.
    """
    max_batch = policy.max_batch
    capacity = queue.rings.shape[1]
    written = 0
    draw = 0
    waiting = 0
    for line in range(queue.lengths.size):
        waiting += queue.lengths[line]
    next_index = 0
    size = chunk.arrivals_s.size
    while True:
        now = chunk.arrivals_s[next_index] if next_index < size else FOREVER
        # Serve whatever starts before the next arrival.
        while waiting > 0 and (next_index < size or final):
            begin = max(free_s[0], _soonest(queue))
            if begin >= now:
                break
            line = _chosen(queue, begin)
            batch = min(queue.lengths[line], max_batch)
            ratio = chunk.ratios[draw]
            draw += 1
            if draw == chunk.ratios.size:
                draw = 0
            busy = calls.occupancy_s[line, batch - 1] * ratio
            done = begin + calls.latency_s[line, batch - 1] * ratio
            head = queue.heads[line]
            for _ in range(batch):
                arrived = queue.rings[line, head]
                kind = queue.kinds[line, head]
                spent_s[kind] += busy / batch
                head += 1
                if head == capacity:
                    head = 0
                if arrived >= warm_s:
                    totals[WAIT] += begin - arrived
                if opened.left[line] == 0:
                    opened.left[line] = policy.images[kind]
                    opened.last_s[line] = 0.0
                opened.last_s[line] = max(opened.last_s[line], done)
                opened.left[line] -= 1
                if opened.left[line] == 0 and arrived >= warm_s:
                    responses.seconds[written] = opened.last_s[line] - arrived
                    responses.kinds[written] = kind
                    written += 1
            queue.heads[line] = head
            queue.lengths[line] -= batch
            waiting -= batch
            if queue.lengths[line] > 0:
                queue.heads_s[line] = queue.rings[line, head]
                queue.ready_s[line] = queue.heads_s[line] + policy.max_wait_s
                if queue.lengths[line] >= max_batch:
                    full = head + max_batch - 1
                    if full >= capacity:
                        full -= capacity
                    queue.ready_s[line] = min(queue.ready_s[line], queue.rings[line, full])
            _replace_root(free_s, begin + busy)
            totals[CALLS] += 1
            totals[IMAGES] += batch
        if next_index >= size:
            break
        kind = chunk.kinds[next_index]
        line, images = policy.line_of[kind], policy.images[kind]
        next_index += 1
        totals[LAST] = now
        # An image that a free replica takes at once does not wait.
        if waiting + images > policy.limit and not (waiting == 0 and free_s[0] <= now):
            if now >= warm_s:
                totals[LOST] += 1
                totals[IMAGES_LOST] += images
            continue
        at = queue.heads[line] + queue.lengths[line]
        if at >= capacity:
            at -= capacity
        for _ in range(images):
            if queue.lengths[line] == 0:
                queue.heads_s[line] = now
                queue.ready_s[line] = now + policy.max_wait_s
            queue.rings[line, at] = now
            queue.kinds[line, at] = kind
            at += 1
            if at == capacity:
                at = 0
            queue.lengths[line] += 1
            if queue.lengths[line] == max_batch:
                queue.ready_s[line] = min(queue.ready_s[line], now)
        waiting += images
        totals[LONGEST] = max(totals[LONGEST], waiting)
    return written
