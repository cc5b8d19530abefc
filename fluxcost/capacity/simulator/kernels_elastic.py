"""The compiled loop of a fleet that changes: replicas start, stop, fail, and come back.

It goes from event to event: an arrival, images given back by a call that a failure cut short, a
call that begins. A call's end is known when it begins, and so is whether its replica fails before.
Between events an idle replica may stop or fail. All fixed fleets that never fail are served by
`kernels`, which is several times quicker; the two agree where both apply.
"""

from __future__ import annotations

import numpy as np

from fluxcost.capacity.simulator.compiling import compiled
from fluxcost.capacity.simulator.state import (
    CALLS,
    CUT_SHORT,
    DOWN,
    END,
    FOREVER,
    IMAGES,
    IMAGES_LOST,
    LAST,
    LONGEST,
    LOST,
    RENTED,
    STARTS,
    WAIT,
    Array,
    CallSeconds,
    Chunk,
    Policy,
    Queue,
    ReplicaState,
    Requests,
    Responses,
    Upkeep,
)


@compiled
def _rented(replicas: ReplicaState) -> int:
    """Return how many replicas are rented."""
    count = 0
    for since_s in replicas.since_s:
        count += since_s < FOREVER
    return count


@compiled
def _free(replicas: ReplicaState, now: float) -> int:
    """Return how many rented replicas are free."""
    count = 0
    for replica in range(replicas.free_s.size):
        count += replicas.since_s[replica] < FOREVER and replicas.free_s[replica] <= now
    return count


@compiled
def settle(
    replicas: ReplicaState,
    upkeep: Upkeep,
    totals: Array,
    random: np.random.Generator,
    stop_from: float,
    now: float,
) -> bool:
    """Let idle replicas fail, and stop from `stop_from` on, up to now; tell whether any did."""
    changed = False
    while now >= replicas.due_s[0]:
        rented = _rented(replicas)
        at, which, stops, due_s = now, -1, False, FOREVER
        for replica in range(replicas.free_s.size):
            if replicas.since_s[replica] == FOREVER:
                continue
            if rented > upkeep.least:
                stop = replicas.free_s[replica] + upkeep.idle_s
                due_s = min(due_s, stop)
                stop = max(stop, stop_from)
                if stop <= at:
                    at, which, stops = stop, replica, True
            due_s = min(due_s, replicas.fails_s[replica])
            if replicas.fails_s[replica] <= at:
                at, which, stops = replicas.fails_s[replica], replica, False
        replicas.due_s[0] = due_s
        if which < 0:
            return changed
        changed = True
        if stops:
            totals[RENTED] += max(0.0, at - replicas.since_s[which])
            replicas.since_s[which] = FOREVER
        else:
            _fail(replicas, upkeep, totals, random, which)
    return changed


@compiled
def _fail(
    replicas: ReplicaState, upkeep: Upkeep, totals: Array, random: np.random.Generator, which: int
) -> None:
    """Take a replica down at its time to fail, until it has recovered, and draw the next time."""
    totals[DOWN] += upkeep.recovery_s
    replicas.free_s[which] = replicas.fails_s[which] + upkeep.recovery_s
    uptime_s = upkeep.between_failures_s * random.standard_exponential()
    replicas.fails_s[which] = replicas.free_s[which] + uptime_s


@compiled
def _start(
    replicas: ReplicaState, upkeep: Upkeep, totals: Array, random: np.random.Generator, now: float
) -> None:
    """Rent one more replica."""
    for replica in range(replicas.free_s.size):
        if replicas.since_s[replica] == FOREVER:
            replicas.due_s[0] = now  # one more than the least may stop
            replicas.since_s[replica] = now
            replicas.free_s[replica] = now + upkeep.start_s
            uptime_s = upkeep.between_failures_s * random.standard_exponential()
            replicas.fails_s[replica] = replicas.free_s[replica] + uptime_s
            totals[STARTS] += 1
            return


@compiled
def _taker(replicas: ReplicaState, ready: float) -> int:
    """Return the free replica used last, so that others may fall idle, or the next free one.

    -1 where none is rented.
    """
    best = -1
    for replica in range(replicas.free_s.size):
        if replicas.since_s[replica] == FOREVER:
            continue
        later = best >= 0 and replicas.free_s[replica] > replicas.free_s[best]
        free = replicas.free_s[replica] <= ready
        if best < 0 or (later and free) or (not later and replicas.free_s[best] > ready):
            best = replica
    return best


@compiled
def _first(times_s: Array) -> int:
    """Return the position of the earliest time."""
    first = 0
    for position in range(1, times_s.size):
        if times_s[position] < times_s[first]:
            first = position
    return first


@compiled
def _ready_s(queue: Queue) -> float:
    """Return when the first line is ready."""
    ready = FOREVER
    for line in range(queue.lengths.size):
        if queue.lengths[line] > 0:
            ready = min(ready, queue.ready_s[line])
    return ready


@compiled
def _line(queue: Queue, now: float) -> int:
    """Return the ready line of the best priority whose head waits longest."""
    best = -1
    for line in range(queue.lengths.size):
        if queue.lengths[line] == 0 or queue.ready_s[line] > now:
            continue
        if best >= 0 and (
            (queue.priorities[line], queue.heads_s[line])
            >= (queue.priorities[best], queue.heads_s[best])
        ):
            continue
        best = line
    return best


@compiled
def _look_again(queue: Queue, requests: Requests, policy: Policy, line: int) -> None:
    """Set when a line's head came and when it is ready."""
    if queue.lengths[line] == 0:
        return
    ring, head = queue.rings[line], queue.heads[line]
    queue.heads_s[line] = requests.arrived_s[ring[head]]
    queue.ready_s[line] = queue.heads_s[line] + policy.max_wait_s
    if queue.lengths[line] >= policy.max_batch:
        full = ring[(head + policy.max_batch - 1) % ring.size]
        queue.ready_s[line] = min(queue.ready_s[line], requests.arrived_s[full])


@compiled
def _join(queue: Queue, requests: Requests, policy: Policy, kind: int, now: float) -> None:
    """Put a new request's images at the end of their line."""
    line = policy.line_of[kind]
    requests.spares[0] -= 1
    slot = requests.spare[requests.spares[0]]
    requests.arrived_s[slot] = now
    requests.kinds[slot] = kind
    requests.left[slot] = policy.images[kind]
    requests.last_s[slot] = 0.0
    requests.broken[slot] = False
    ring = queue.rings[line]
    for _ in range(policy.images[kind]):
        ring[(queue.heads[line] + queue.lengths[line]) % ring.size] = slot
        queue.lengths[line] += 1
    _look_again(queue, requests, policy, line)


@compiled
def _give_back(
    queue: Queue, requests: Requests, policy: Policy, replicas: ReplicaState, replica: int
) -> int:
    """Put images cut short back into their line, in order of arrival; return how many."""
    line, count = replicas.cut_line[replica], replicas.cut_count[replica]
    ring = queue.rings[line]
    for index in range(count - 1, -1, -1):
        slot = replicas.cut[replica, index]
        queue.heads[line] = (queue.heads[line] - 1) % ring.size
        at = queue.heads[line]
        for _ in range(queue.lengths[line]):
            after = (at + 1) % ring.size
            if requests.arrived_s[ring[after]] >= requests.arrived_s[slot]:
                break
            ring[at] = ring[after]
            at = after
        ring[at] = slot
        queue.lengths[line] += 1
    replicas.back_s[replica] = FOREVER
    _look_again(queue, requests, policy, line)
    return int(count)


@compiled
def serve_elastic(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - one loop of events
    chunk: Chunk,
    calls: CallSeconds,
    policy: Policy,
    queue: Queue,
    requests: Requests,
    replicas: ReplicaState,
    upkeep: Upkeep,
    clock_s: Array,
    totals: Array,
    spent_s: Array,
    responses: Responses,
    random: np.random.Generator,
    warm_s: float,
    final: bool,  # noqa: FBT001
) -> int:
    """Dynamic batching by line, priorities and a bounded queue, on replicas that come and go.

    A free replica takes up to a full batch of the ready line of the best priority. An arrival
    starts a replica where more images wait than `up_at` a replica, those not counted that free
    replicas take at once; none stops while images wait. A failure cuts the call of its replica
    short: its images go back into their line and begin anew, or are lost and their requests with
    them.

    `clock_s` holds the time of the last event; `spent_s` gathers the seconds of calls by kind.
    Requests that came before `warm_s` are served, not counted. `final` serves what waits after the
    last arrival.
    """
    written, draw, next_index = 0, 0, 0
    size = chunk.arrivals_s.size
    waiting = np.sum(queue.lengths)
    while next_index < size or final:
        arrival = chunk.arrivals_s[next_index] if next_index < size else FOREVER
        broken = _first(replicas.back_s) if upkeep.between_failures_s < FOREVER else 0
        begin, taker = FOREVER, -1
        if waiting > 0:
            ready = max(_ready_s(queue), clock_s[0])
            taker = _taker(replicas, ready)
            if taker >= 0:
                begin = max(replicas.free_s[taker], ready)
        now = min(arrival, replicas.back_s[broken], begin)
        if now == FOREVER:
            break
        if now >= replicas.due_s[0]:
            # Nobody is sent home while someone waits.
            stop_from = clock_s[0] if waiting == 0 else FOREVER
            if settle(replicas, upkeep, totals, random, stop_from, now):
                continue
        clock_s[0] = now

        if replicas.back_s[broken] <= now:
            waiting += _give_back(queue, requests, policy, replicas, broken)
            totals[LONGEST] = max(totals[LONGEST], waiting)
            continue

        if arrival <= now:
            kind = chunk.kinds[next_index]
            images = policy.images[kind]
            next_index += 1
            totals[LAST] = now
            asked = waiting + images
            # An image that a free replica takes at once does not wait.
            if asked <= policy.limit or (waiting == 0 and _free(replicas, now) > 0):
                _join(queue, requests, policy, kind, now)
                waiting = asked
                totals[LONGEST] = max(totals[LONGEST], waiting)
            elif now >= warm_s:
                totals[LOST] += 1
                totals[IMAGES_LOST] += images
            if upkeep.least < upkeep.most:
                rented = _rented(replicas)
                over = asked - upkeep.up_at * rented
                if (
                    rented < upkeep.most
                    and over > 0
                    and over > policy.max_batch * _free(replicas, now)
                ):
                    _start(replicas, upkeep, totals, random, now)
            continue

        line = _line(queue, begin)
        batch = min(queue.lengths[line], policy.max_batch)
        ratio = chunk.ratios[draw % chunk.ratios.size]
        draw += 1
        end = begin + calls.occupancy_s[line, batch - 1] * ratio
        done = begin + calls.latency_s[line, batch - 1] * ratio
        failed = replicas.fails_s[taker] < end
        spent = ((replicas.fails_s[taker] if failed else end) - begin) / batch
        if failed and upkeep.retried:
            replicas.back_s[taker] = replicas.fails_s[taker]
            replicas.cut_line[taker] = line
            replicas.cut_count[taker] = batch
        ring = queue.rings[line]
        for index in range(batch):
            slot = ring[queue.heads[line]]
            spent_s[requests.kinds[slot]] += spent
            queue.heads[line] = (queue.heads[line] + 1) % ring.size
            if failed and upkeep.retried:
                replicas.cut[taker, index] = slot
                continue
            arrived = requests.arrived_s[slot]
            counted = arrived >= warm_s
            requests.left[slot] -= 1
            if failed:
                requests.broken[slot] = True
                totals[IMAGES_LOST] += counted
            else:
                requests.last_s[slot] = max(requests.last_s[slot], done)
                totals[WAIT] += (begin - arrived) * counted
            if requests.left[slot] > 0:
                continue
            requests.spare[requests.spares[0]] = slot
            requests.spares[0] += 1
            if requests.broken[slot]:
                totals[LOST] += counted
            elif counted:
                responses.seconds[written] = requests.last_s[slot] - arrived
                responses.kinds[written] = requests.kinds[slot]
                written += 1
        queue.lengths[line] -= batch
        waiting -= batch
        _look_again(queue, requests, policy, line)
        if failed:
            end = replicas.fails_s[taker]
            totals[CUT_SHORT] += 1
            _fail(replicas, upkeep, totals, random, taker)
        else:
            totals[CALLS] += 1
            totals[IMAGES] += batch
            replicas.free_s[taker] = end
        totals[END] = max(totals[END], end)
    return written
