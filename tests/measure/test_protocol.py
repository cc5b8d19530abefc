"""The protocol's rules, on a bench whose calls take exactly what a script says."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fluxcost.workload.shape import Shape
from measure.bench import TimedCall
from measure.protocol import is_stable, measure_cell, take_samples, warm_up
from measure.stage_timing import CallSpans
from measure.suites import Point, Protocol
from measure.telemetry import NullTelemetry

POINT = Point(Shape(64, 64, 2), 1)
RULES = Protocol(window=2, tolerance=0.05, min_samples=4, min_samples_slow=2, min_duration_s=1.0)


@dataclass
class _ScriptedBench:
    """Calls last what the script says, its last entry forever; an exception in it is raised."""

    script: list[Any]
    calls: int = 0
    clock: object = field(default_factory=lambda: SimpleNamespace(is_cuda=False, now_s=lambda: 0.0))
    instruments: object = field(default_factory=NullTelemetry)

    def time_call(self, _point):
        step = self.script[min(self.calls, len(self.script) - 1)]
        self.calls += 1
        if isinstance(step, BaseException):
            raise step
        return TimedCall(step, CallSpans(step * 0.1, (step * 0.3, step * 0.3), step * 0.2))

    def release(self):
        """A script keeps nothing for a shape."""


def scripted(script: list[Any]) -> Any:
    return _ScriptedBench(script)


def cell(script):
    return measure_cell(scripted(script), POINT, RULES, run="r", order=0, suites=("s",))


def test_stability_compares_the_medians_of_two_windows():
    assert not is_stable([1.0, 1.0, 1.0], window=2, tolerance=0.05)
    assert is_stable([9.0, 1.0, 1.0, 1.0, 1.04], window=2, tolerance=0.05)
    assert not is_stable([1.0, 1.0, 1.2, 1.2], window=2, tolerance=0.05)


def test_warm_up_goes_on_until_stable_and_keeps_its_calls():
    result = warm_up(scripted([5.0, 3.0, 2.0, 1.0, 1.0, 1.0]), POINT, RULES)
    assert result.stable
    # From 2 s on a call is slow and a window of its own, so 5, 3 does not agree and 1, 1 must come.
    assert result.calls_s == [5.0, 3.0, 2.0, 1.0, 1.0, 1.0, 1.0][: len(result.calls_s)]
    assert result.calls_s[-2:] == [1.0, 1.0]


def test_warm_up_that_never_settles_stops_and_says_so():
    result = warm_up(scripted([0.1 * 1.5**i for i in range(40)]), POINT, RULES)
    assert not result.stable
    assert len(result.calls_s) <= RULES.max_warmup_calls


@pytest.mark.parametrize(("call_s", "expected"), [(0.125, 8), (0.5, 4), (3.0, 2)])
def test_samples_satisfy_both_the_count_and_the_duration(call_s, expected):
    assert len(take_samples(scripted([call_s]), POINT, RULES).samples) == expected


def test_a_cell_keeps_every_sample_and_host_is_what_no_stage_covers():
    measured = cell([0.5])
    assert measured.status == "ok"
    assert measured.samples.wall_s == (0.5,) * 4
    assert measured.samples.host_s == pytest.approx((0.05,) * 4)
    assert measured.warmup_s == (0.5,) * 4


def test_running_out_of_memory_is_a_row_with_its_reason():
    measured = cell([torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried 9 GiB")])
    assert (measured.status, measured.samples) == ("out_of_memory", None)
    assert measured.reason == "CUDA out of memory. Tried 9 GiB"


def test_a_failing_call_is_a_row_with_its_reason():
    measured = cell([0.5, ValueError("odd shape")])
    assert (measured.status, measured.reason) == ("failed", "ValueError: odd shape")


def test_an_interrupt_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        cell([KeyboardInterrupt()])
