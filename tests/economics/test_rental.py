"""Bills worked by hand, and what must hold of any bill."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.economics.offers import HOURS_PER_MONTH
from fluxcost.economics.rental import billed_seconds, instances_for
from fluxcost.errors import InputError, MissingDataError
from tests.economics.oracles import month_usd, session_usd
from tests.economics.stand_in import offer

seconds = st.floats(0, 1e6, allow_nan=False, allow_subnormal=False)
rules = st.fixed_dictionaries(
    {},
    optional={
        "granularity_s": st.sampled_from([0.1, 1, 60, 3600]),
        "minimum_s": st.sampled_from([60, 3600]),
        "idle_timeout_s": st.sampled_from([5, 300]),
    },
)


@pytest.mark.parametrize(
    ("billing", "startup_s", "running_s", "billed_s"),
    [
        ({"granularity_s": 1}, 0, 10.2, 11),
        ({"granularity_s": 60}, 30, 60, 120),
        ({"granularity_s": 1, "minimum_s": 60}, 5, 10, 60),
        ({"granularity_s": 1, "minimum_s": 60}, 5, 70, 75),
        ({"granularity_s": 1, "idle_timeout_s": 5}, 8, 2.5, 16),
        ({"granularity_s": 1, "billed_phases": ["running"]}, 8, 2.5, 3),
        ({"granularity_s": 0.1}, 0, 0.3, 0.3),
        ({}, 0, 1, 3600),
        ({}, 0, 0, 0),
    ],
)
def test_billed_seconds_worked_by_hand(
    billing: dict[str, object], startup_s: float, running_s: float, billed_s: float
):
    billed = billed_seconds(offer(billing=billing), running_s=running_s, startup_s=startup_s)
    assert billed == pytest.approx(billed_s, rel=1e-12)


def test_a_price_per_second_without_a_step_is_billed_by_the_second():
    assert billed_seconds(offer(0.001, "gpu-second"), running_s=10.2) == 11


def test_a_night_on_a_node_to_the_cent():
    # 8 GPUs sold whole at 55.04 an hour; 5 minutes of start-up and 3 h 10 min of work.
    node = offer(55.04, "instance-hour", gpu_count=8, billing={"granularity_s": 1})
    bill = session_usd(node, running_s=3 * 3600 + 600, startup_s=300)
    assert round(bill, 2) == 178.88


def test_a_month_is_730_hours_of_whole_instances():
    node = offer(3.99, gpu_count=8)
    assert node.usd_per_instance_hour == pytest.approx(31.92)
    assert month_usd(node) == pytest.approx(730 * 31.92)
    assert month_usd(node, instances=2) == pytest.approx(2 * 730 * 31.92)
    assert HOURS_PER_MONTH == 730


def test_one_gpu_of_a_node_of_eight_is_eight():
    node = offer(gpu_count=8)
    assert [instances_for(node, gpus) for gpus in (1, 8, 9)] == [1, 1, 2]


@given(rules, seconds, seconds, seconds)
def test_a_bill_covers_the_use_and_never_falls_with_it(
    billing: dict[str, object], startup_s: float, running_s: float, more_s: float
):
    rented = offer(billing=billing)
    billed_s = billed_seconds(rented, running_s=running_s, startup_s=startup_s)
    longer_s = billed_seconds(rented, running_s=running_s + more_s, startup_s=startup_s)
    assert billed_s >= (startup_s + running_s) * (1 - 1e-8)
    assert longer_s >= billed_s


@given(rules, seconds, st.lists(seconds, min_size=1, max_size=5))
def test_arrays_are_billed_as_their_elements(
    billing: dict[str, object], startup_s: float, running_s: list[float]
):
    rented = offer(billing=billing)
    together = billed_seconds(rented, running_s=np.array(running_s), startup_s=startup_s)
    alone = [billed_seconds(rented, running_s=one, startup_s=startup_s) for one in running_s]
    assert together.tolist() == alone


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_a_duration_that_is_none_is_refused(wrong: float):
    with pytest.raises(InputError, match=r"running_s is .*; expected seconds, 0 or more\."):
        billed_seconds(offer(), running_s=wrong)
    with pytest.raises(InputError, match="startup_s is"):
        billed_seconds(offer(), running_s=1, startup_s=wrong)


def test_no_gpu_is_refused():
    with pytest.raises(InputError, match="gpus is 0; expected at least 1"):
        instances_for(offer(), 0)


def test_contact_sales_is_not_free():
    asked = offer(price=None, unpriced="contact-sales")
    with pytest.raises(MissingDataError, match=r"has no price \(contact-sales\); ask the vendor"):
        _ = asked.usd_per_gpu_hour
    assert not asked.is_plannable()
