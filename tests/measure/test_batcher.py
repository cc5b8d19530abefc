"""Sizes of calls from the command line, and the size that holds some images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.capacity.arrivals import RecordedArrivals
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.service_times import ServiceTimes, no_spread
from fluxcost.capacity.simulator.engine import run_once
from fluxcost.capacity.simulator.servers import Rules
from fluxcost.errors import InputError
from fluxcost.workload.shape import Shape
from measure.batcher import Batcher, padded_batch, parse_batch_sizes


def test_a_stack_that_compiles_is_warmed_at_powers_of_two_and_calls_are_filled_up():
    assert parse_batch_sizes(None, 6, compiles=True) == (1, 2, 4, 6)
    assert parse_batch_sizes(None, 8, compiles=True) == (1, 2, 4, 8)
    assert parse_batch_sizes(None, 1, compiles=True) == (1,)
    assert parse_batch_sizes(None, 3, compiles=False) == (1, 2, 3)
    assert parse_batch_sizes("1, 4", 4, compiles=True) == (1, 4)
    assert [padded_batch(images, (1, 2, 4, 6)) for images in range(1, 7)] == [1, 2, 4, 4, 6, 6]


@pytest.mark.parametrize("text", ["", "4,2", "0,4", "2,2,4", "1,x,4", "1,2"])
def test_batch_sizes_that_cannot_be_are_refused(text: str):
    with pytest.raises(InputError, match="expected rising whole numbers that end with"):
        parse_batch_sizes(text, 4, compiles=True)


SMALL, LARGE = Shape(64, 64, 1), Shape(128, 128, 1)


def test_a_free_replica_takes_what_waits_of_one_shape_up_to_the_largest_batch():
    batcher = Batcher[str](Batching(max_batch=3))
    for index, name in enumerate(("a", "B", "c", "d", "e")):
        batcher.add(name, LARGE if name == "B" else SMALL, float(index))
    assert len(batcher) == 5
    assert batcher.next_batch(5.0) == ("a", "c", "d")
    assert batcher.next_batch(5.0) == ("B",), "the longest waiting head goes next"
    assert batcher.next_batch(5.0) == ("e",)
    assert batcher.next_batch(5.0) == ()
    assert batcher.ready_s() is None


def test_a_head_is_held_back_for_company_and_no_longer_than_said():
    batcher = Batcher[int](Batching(max_batch=2, max_wait_s=0.5))
    batcher.add(1, SMALL, 10.0)
    assert batcher.next_batch(10.4) == ()
    assert batcher.ready_s() == 10.5
    batcher.add(2, SMALL, 10.4)
    assert batcher.ready_s() == 10.4, "a full batch waits for nobody"
    batcher.add(3, SMALL, 10.4)
    assert batcher.next_batch(10.4) == (1, 2)
    assert batcher.ready_s() == 10.9
    assert batcher.next_batch(10.9) == (3,)


def test_a_better_priority_goes_first_and_shares_no_call_with_a_worse_one():
    batcher = Batcher[str](Batching(max_batch=4))
    batcher.add("later", SMALL, 0.0, priority=1)
    batcher.add("first", SMALL, 1.0, priority=0)
    assert batcher.next_batch(1.0) == ("first",)
    assert batcher.next_batch(1.0) == ("later",)


def test_an_image_nobody_wants_leaves_its_line_as_if_it_had_never_come():
    batcher = Batcher[str](Batching(max_batch=2, max_wait_s=1.0))
    batcher.add("gone", SMALL, 0.0)
    batcher.add("stays", SMALL, 0.25)
    assert batcher.remove("gone")
    assert not batcher.remove("gone")
    assert batcher.ready_s() == 1.25
    assert batcher.next_batch(1.25) == ("stays",)


def test_shapes_are_not_joined_in_a_call():
    with pytest.raises(InputError, match="a call here makes images of one shape"):
        Batcher[str](Batching(max_batch=2, together="tokens"))


@settings(deadline=None, max_examples=60)
@given(
    gaps=st.lists(st.integers(0, 40), min_size=2, max_size=60),
    large=st.lists(st.booleans(), min_size=60, max_size=60),
    max_batch=st.integers(1, 5),
    max_wait=st.integers(0, 30),
)
def test_it_forms_the_batches_of_the_simulator(
    gaps: list[int], large: list[bool], max_batch: int, max_wait: int
):
    """Times are whole and halves, exact in a float, so that both see the same ties.

    Of two shapes that come at one moment either may go first, so those that do are of one shape.
    """
    times = np.cumsum(np.array(gaps, dtype=float))
    lines = np.array(large, dtype=np.int64)[np.searchsorted(times, times)]
    sizes = np.arange(1, max_batch + 1)
    call_s = np.array([7.5 + 2.0 * sizes, 11.5 + 5.0 * sizes])
    batching = Batching(max_batch=max_batch, max_wait_s=float(max_wait))
    run = run_once(
        RecordedArrivals(times, lines),
        times.size,
        ServiceTimes(call_s, call_s, no_spread),
        Rules(1, batching, priorities=(0, 0)),
        seed=0,
    )
    begun, batches = served_by_hand(times, lines, call_s, batching)
    assert run.calls == len(batches)
    assert run.images == sum(batches)
    assert run.wait_s == pytest.approx(float(np.mean(begun - times)), abs=1e-9)


def served_by_hand(times, lines, call_s, batching):
    """Serve with the batcher on one replica; return when each image's call began, and batches."""
    batcher = Batcher[int](batching)
    begun, batches = np.zeros(times.size), []
    free_s, came = 0.0, 0
    while came < times.size or len(batcher):
        ready_s = batcher.ready_s()
        begin_s = np.inf if ready_s is None else max(free_s, ready_s)
        if came < times.size and times[came] <= begin_s:
            shape = LARGE if lines[came] else SMALL
            batcher.add(came, shape, float(times[came]))
            came += 1
            continue
        taken = batcher.next_batch(begin_s)
        begun[list(taken)] = begin_s
        batches.append(len(taken))
        free_s = begin_s + call_s[lines[taken[0]], len(taken) - 1]
    return begun, batches
