"""Wide ranges of every number: finite or refused in words, in order, and the same every time."""

import functools
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fluxcost as fc
from benchmarks.reliability.extremes import refuse_not_finite
from fluxcost.economics.break_even.break_even import break_even
from fluxcost.errors import FluxcostError
from fluxcost.estimate import Source, derive
from fluxcost.units import quantity
from tests.capacity import queueing_oracles
from tests.economics.stand_in import PRICED_ON, SQUARE, Clock, offer, tariff
from tests.examples import examples

ROOT = Path(__file__).parent.parent.parent


def wide(low: float, high: float) -> st.SearchStrategy[float]:
    """Return numbers even over their logarithm."""
    exponents = st.floats(math.log10(low), math.log10(high), allow_nan=False)
    return exponents.map(lambda exponent: min(max(10.0**exponent, low), high))


amounts, times_s, shares = wide(1e-30, 1e30), wide(1e-30, 1e30), wide(1e-6, 1)


def answered(ask: Callable[[], Any]) -> Any:
    """Return a finite answer, or None where it is refused in words."""
    try:
        with np.errstate(all="raise", under="ignore"):
            answer = ask()
    except FluxcostError:
        return None
    refuse_not_finite(answer.to_dict() if hasattr(answer, "to_dict") else answer)
    return answer


@settings(max_examples=examples(150))
@given(amounts, times_s, shares, st.integers(1, 64))
def test_a_cost_is_finite_and_rises_with_price_and_time(
    usd: float, seconds: float, share: float, batch: int
):
    def cost(price: float, took_s: float, used: float) -> float | None:
        found = answered(
            lambda: fc.cost_per_image(
                Clock(took_s), offer(price), SQUARE, utilization=used, batch=batch, today=PRICED_ON
            )
        )
        return None if found is None else float(found.total.value)

    base = cost(usd, seconds, share)
    if base is None:
        return
    assert base > 0
    assert base == pytest.approx(usd / 3600 * seconds / share, rel=1e-9)
    for dearer in (cost(usd * 2, seconds, share), cost(usd, seconds * 2, share)):
        assert dearer is None or dearer == pytest.approx(2 * base, rel=1e-9)


@settings(max_examples=examples(100))
@given(amounts, wide(1e-9, 1e9), wide(1e-30, 1e6), shares)
def test_a_break_even_is_finite_or_refused(usd: float, seconds: float, each: float, share: float):
    flat = tariff({"shape": "flat", "usd": each})
    answered(
        lambda: break_even(
            Clock(seconds, 0.05), offer(usd), flat, SQUARE, utilization=share, today=PRICED_ON
        )
    )


USES: dict[str, Callable[[float, int], Any]] = {
    "always on": lambda _, n: fc.AlwaysOn(n),
    "scheduled": lambda x, n: fc.Scheduled(n, x, n, x),
    "batch jobs": lambda x, n: fc.BatchJobs(n, n, x, 0.5),
    "autoscaled": lambda x, n: fc.Autoscaled((x, 1.0, 0.0), 3600.0, 0.5, n, x),
}


@settings(max_examples=examples(120))
@given(st.sampled_from(sorted(USES)), wide(1e-12, 1e12), st.integers(1, 10**9), amounts,
       wide(1e-9, 1e9), st.integers(1, 10**12))  # fmt: skip
def test_a_bill_is_finite_or_refused(
    name: str, number: float, count: int, usd: float, seconds: float, images: int
):
    answered(
        lambda: fc.bill(
            Clock(seconds, 0.05), offer(usd), SQUARE, USES[name](number, count), images=images,
            today=PRICED_ON,
        )
    )  # fmt: skip


@settings(max_examples=examples(200))
@given(wide(1e-9, 1e9), wide(1e-9, 1e3), st.integers(1, 400), st.floats(0, 5), st.floats(1, 99.99))
def test_waits_are_finite_and_fall_with_servers(
    rate: float, service_s: float, servers: int, variation: float, percentile: float
):
    waits = []
    for count in (servers, servers + 1):
        ask = functools.partial(queueing_oracles.mgc_wait, rate, service_s, count, variation)
        ask_slow = functools.partial(
            queueing_oracles.mgc_wait_percentile, rate, service_s, count, variation, percentile
        )
        mean, slow = answered(ask), answered(ask_slow)
        waits.append((mean, slow))
        assert (mean is None) == (slow is None)
    (mean, slow), (more_mean, more_slow) = waits
    if mean is None:
        return
    assert more_mean is not None
    assert 0 <= more_mean <= mean * (1 + 1e-9)
    assert 0 <= more_slow <= slow * (1 + 1e-9) or slow == 0


@settings(max_examples=examples(200))
@given(wide(1e-30, 1e30), wide(1e-30, 1e30), st.floats(0, 3), st.floats(0, 3))
def test_arithmetic_of_estimates_is_finite_and_keeps_its_order(
    one: float, other: float, sigma: float, more: float
):
    def made(value: float, key: str, spread: float) -> fc.Estimate:
        return fc.Estimate.spread(value, {key: spread}, "s", Source.MEASURED, "a test")

    first, second = made(one, "a", sigma), made(other, "b", more)
    for function in (lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x / y):
        found = answered(lambda: derive(function, first, second, unit="s"))  # noqa: B023
        assert found is None or found.low <= found.value <= found.high
    same = derive(lambda x, y: x / y, first, first, unit="share")
    assert (same.low, same.value, same.high) == pytest.approx((1, 1, 1))


@given(wide(1e-30, 1e30), st.sampled_from(["s", "USD", "USD/image", "GiB", "images/s", "J"]))
def test_every_number_can_be_shown(value: float, unit: str):
    text = quantity(value, unit)
    assert text.isprintable()
    assert "inf" not in text.removesuffix(unit)
    assert "nan" not in text


@settings(max_examples=examples(60))
@given(wide(1e-6, 1e5), wide(1e-9, 1e6), st.floats(1, 99.99))
def test_the_smallest_fleet_for_a_load_is_finite_and_stable(
    rate: float, service_s: float, percentile: float
):
    least = queueing_oracles.least_servers(rate, service_s)
    assert queueing_oracles.load_of(rate, service_s, least) < 1
    assert least == 1 or queueing_oracles.load_of(rate, service_s, least - 1) >= 1 - 1e-12


def test_a_fleet_of_a_billion_is_billed_at_once_as_one_of_a_few_is():
    """Instances that come and go together are one line: each by itself took hours."""

    def billed(scale: int) -> float:
        use = fc.Autoscaled((1.0, 3.0, 2.0), 3600.0, 1.0, 0, 60.0)
        images = 10_000_000 * scale
        found = fc.bill(Clock(0.5), offer(3.6), SQUARE, use, images=images, today=PRICED_ON)
        return float(found.billed.value)

    assert billed(10**5) == pytest.approx(10**5 * billed(1), rel=0.2)


def test_where_hardly_anyone_waits_the_wait_is_0():
    assert queueing_oracles.mgc_wait(1.0, 1.0, 400, 0.0) == 0.0
    assert queueing_oracles.mgc_wait(1.0, 1.0, 400, 0.5) == 0.0


PROGRAM = """
import json, sys
import fluxcost as fc
from pathlib import Path
found = {}
for name in ("ecommerce_catalog", "newsroom"):
    plans = fc.plan(fc.load_workload(Path("examples") / f"{name}.yaml"), depth="analytic")
    found[name] = plans.to_dict()
print(json.dumps(found))
"""


def test_a_plan_is_the_same_in_every_process_whatever_its_hash_seed():
    answers = set()
    for seed in ("0", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        answers.add(run.stdout)
    assert len(answers) == 1
    assert all(json.loads(answers.pop()).values())


def test_timings_scattered_too_widely_are_refused_in_words():
    shipped = fc.load_calibration("h100-sxm/flux2-klein-4b/eager-bf16")
    document = json.loads(shipped.model_dump_json())
    for number, cell in enumerate(document["cells"]):
        # Only slower, since steps under the least time that arithmetic takes are no timing.
        calls = (cell["samples"] or {}).get("denoise_step_s", [])
        for place, steps in enumerate(calls):
            calls[place] = [step_s * 3.0 ** (number % 40 + place) for step_s in steps]
    fit = fc.fit(fc.Calibration.model_validate_json(json.dumps(document)))
    with pytest.raises(FluxcostError, match="s has an interval without end"):
        fit.latency(fc.Shape(1024, 1024, 4))
    with pytest.raises(FluxcostError, match="of the value to either side"):
        fit.latency(fc.Shape(640, 640, 4))
