"""Ways to rent, each against a month worked by hand, a closed form or another count."""

import datetime as dt
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.economics.rental import MONTH_S
from fluxcost.economics.terms import AccountTerms, Resources
from fluxcost.economics.usage.instances import (
    AlwaysOn,
    Autoscaled,
    BatchJobs,
    Overflow,
    Reserved,
    Scheduled,
)
from fluxcost.economics.usage.monthly_bill import bill
from fluxcost.economics.usage.serverless import ColdStartSteps, Serverless, cold_start, transfer_s
from fluxcost.economics.usage.spot import Spot
from fluxcost.errors import InfeasibleError, InputError, MissingDataError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.measuring_run import ColdStartRecord as MeasuredStart
from tests.economics.oracles import session_usd
from tests.economics.stand_in import PRICED_ON, SQUARE, Clock, offer
from tests.synthetic import cold_started, make_calibration

SECOND = {"granularity_s": 1}
COLD = ColdStartSteps(image_pull_s=20, weights_s=12, load_s=5, compile_s=30, first_call_s=3)


def month(use, *, usd=3.6, images=100_000, sigma=0.0, terms=None, **fields):
    row = offer(usd, **({"billing": SECOND} | fields))
    given = {} if terms is None else {"terms": terms}
    return bill(Clock(sigma=sigma), row, SQUARE, use, images=images, today=PRICED_ON, **given)


def usd(result):
    return {name: round(line.value, 2) for name, line in result.lines.items()}


def test_always_on():
    # 730 h x 3.60 = 2,628; 100,000 images of half a second are 50,000 s at 0.001.
    result = month(AlwaysOn(1))
    assert usd(result) == {"GPU time at work": 50.00, "GPU time idle": 2578.00}
    assert result.billed.value == pytest.approx(2628)
    assert result.usd_per_image.value == pytest.approx(0.02628)
    assert usd(month(AlwaysOn(2)))["GPU time idle"] == 5206.00


def test_scheduled_hours():
    # 22 days of 8 h after 10 min of start-up: 22 x 8 x 3.60 = 633.60, start-up 22 x 0.60.
    result = month(Scheduled(instances=1, hours=8, sessions=22, startup_s=600))
    assert usd(result) == {
        "start-up": 13.20,
        "idle tail": 0,
        "billing step and minimum": 0,
        "GPU time at work": 50.00,
        "GPU time idle": 583.60,
    }
    # Billed by the started hour, ten minutes become an hour.
    hourly = month(Scheduled(1, 8, 22, 600), billing={"granularity_s": 3600})
    assert usd(hourly)["billing step and minimum"] == 66.00  # 22 x 50 min x 0.06
    assert hourly.billed.value == pytest.approx(22 * 9 * 3.6)


def test_batch_jobs():
    # 4 jobs on 2 instances, 80 % busy: 62,500 s of running, and 8 starts of 300 s.
    result = month(BatchJobs(instances=2, jobs=4, startup_s=300, utilization=0.8))
    assert usd(result)["GPU time at work"] == 50.00
    assert usd(result)["GPU time idle"] == 12.50
    assert usd(result)["start-up"] == 2.40
    one = session_usd(offer(3.6, billing=SECOND), running_s=62_500 / 8, startup_s=300)
    assert result.billed.value == pytest.approx(8 * one)


def test_autoscaled_follows_the_load():
    # Two hours in turn: 1.5 busy GPUs at 50 % need 3, 0.4 need 1. A cycle of 2 h comes 365 times.
    images = round((1.5 + 0.4) * 3600 * 365 / 0.5)
    use = Autoscaled((1.5, 0.4), 3600, 0.5, 1, startup_s=60)
    assert use.fleet(offer(), images * 0.5) == (3, 1)
    result = month(use, images=images)
    # 4 instance hours a cycle are 14.40; 2 instances start a cycle, a minute each.
    assert result.billed.value == pytest.approx(365 * (14.40 + 2 * 0.06))
    assert result.lines["GPU time at work"].value == pytest.approx(365 * 1.9 * 3.6)
    assert result.lines["start-up"].value == pytest.approx(365 * 0.12)


@given(
    st.lists(st.floats(0, 9), min_size=2, max_size=8),
    st.sampled_from([1, 600, 7200]),
    st.integers(0, 2),
)
def test_autoscaled_sessions_are_those_of_a_walk_through_the_cycle(load, step_s, least):
    load = [*load, 1.0]
    use = Autoscaled(tuple(load), 3600, 0.7, least, startup_s=90)
    row = offer(3.6, billing={"granularity_s": step_s})
    gpu_s = sum(load) * 3600 * use.cycles
    fleet = use.fleet(row, gpu_s)
    # Walk three cycles with a stack of instances and bill the sessions that end in the second.
    stack: list[int] = []
    total, size = 0.0, len(fleet)
    for hour, wanted in enumerate((*fleet, *fleet, *fleet)):
        while len(stack) > wanted:
            began = stack.pop()
            if size <= hour < 2 * size:
                total += session_usd(row, running_s=(hour - began) * 3600, startup_s=90)
        stack += [hour] * (wanted - len(stack))
    always = min(fleet)
    assume_all_day = always * size * 3.6
    billed = bill(
        Clock(), row, SQUARE, use, images=round(gpu_s / 0.5), today=PRICED_ON
    ).billed.value
    if use.fleet(row, round(gpu_s / 0.5) * 0.5) == fleet:
        assert billed == pytest.approx((total + assume_all_day) * use.cycles)


def test_serverless_bills_start_run_and_tail():
    # 1,000 starts of 70 s, 50,000 s of work, tails of 5 s, at 0.00116 a second.
    rules = {"granularity_s": 1, "idle_timeout_s": 5}
    row = offer(0.00116, "gpu-second", kind="serverless", billing=rules)
    result = bill(Clock(), row, SQUARE, Serverless(1000, COLD), images=100_000, today=PRICED_ON)
    assert usd(result) == {
        "image pull": 23.20,
        "weights": 13.92,
        "load": 5.80,
        "compile": 34.80,
        "first call": 3.48,
        "run": 58.00,
        "idle tail": 5.80,
        "billing step and minimum": 0,
    }
    assert result.billed.value == pytest.approx(145.00)
    # A host that bills only the run: 58.00.
    rules = {"granularity_s": 1, "idle_timeout_s": 5}
    run = row.billing.parse(rules | {"billed_phases": ["running"]}, "rules")
    run_only = row.model_copy(update={"billing": run})
    only = bill(Clock(), run_only, SQUARE, Serverless(1000, COLD), images=100_000, today=PRICED_ON)
    assert only.billed.value == pytest.approx(58.00)


def test_the_last_second_is_a_whole_one():
    # 7 images in one start: 70 + 3.5 + 0 = 73.5 s, billed 74.
    row = offer(0.001, "gpu-second", kind="serverless")
    result = bill(Clock(), row, SQUARE, Serverless(1, COLD), images=7, today=PRICED_ON)
    assert result.billed.value == pytest.approx(0.074)
    assert result.lines["billing step and minimum"].value == pytest.approx(0.0005)


def test_spot_without_interruptions_is_the_price_of_the_time():
    quiet = month(Spot(0, 60, 300, 1.0), usd=1.2, kind="spot")
    assert quiet.billed.value == pytest.approx(50_000 / 3600 * 1.2)
    assert usd(quiet)["work lost"] == 0


def test_spot_loses_work_as_a_simulation_does():
    # One interruption in two hours, pieces of 30 min, restarts of 10 min; 2,000 pieces drawn.
    rate, piece_s, restart_s = 0.5, 1800.0, 600.0
    random = np.random.default_rng(7)
    spent = []
    for _ in range(20_000):
        total = 0.0
        while (until := random.exponential(3600 / rate)) < piece_s:
            total += until + restart_s
        spent.append(total + piece_s)
    images = 2 * 3_600_000  # 1,000 h: 2,000 pieces
    result = month(Spot(rate, piece_s, restart_s, 1.0), images=images, usd=3.6, kind="spot")
    seconds = result.billed.value / 0.001
    standard_error = float(np.std(spent)) / math.sqrt(len(spent)) * 2000
    assert seconds == pytest.approx(2000 * np.mean(spent), abs=4 * standard_error)
    assert result.lines["GPU time at work"].value == pytest.approx(3600)


def test_spot_needs_a_rate_and_an_offer_that_is_spot():
    with pytest.raises(TypeError, match="interruptions_per_hour"):
        Spot(checkpoint_s=60, restart_s=60, utilization=1.0)  # type: ignore[call-arg]
    with pytest.raises(InputError, match="may be interrupted; use Spot, with the interruptions"):
        month(AlwaysOn(1), kind="spot")
    with pytest.raises(InputError, match="Spot is for spot offers"):
        month(Spot(1, 60, 60, 1.0))
    with pytest.raises(InfeasibleError, match="checkpoint more often"):
        Spot(60, 3600, 60, 1.0)


def test_reserved_and_on_demand():
    # One reserved GPU at 2.00, up front for 3 months, does 60 %; the rest in 2 jobs on demand.
    term = {"term_hours": 2190, "payment": "upfront"}
    row = offer(2.0, id="acme/reserved", kind="reserved", commitment=term)
    spare = offer(3.6, billing=SECOND)
    use = Reserved(1, Overflow(spare, BatchJobs(1, 2, 300, 1.0), 0.6))
    result = bill(Clock(), row, SQUARE, use, images=1_000_000, today=PRICED_ON)
    lines = usd(result)
    # 500,000 s of work: 300,000 s of the reserved month, at 2.00 an hour.
    assert lines["GPU time at work"] == 166.67
    assert lines["GPU time idle"] == 1293.33
    assert lines["GPU time at work, acme/h100"] == 200.00
    assert lines["start-up, acme/h100"] == 0.60
    assert result.effective.value == pytest.approx(1460 + 200.60)
    assert result.billed.value == pytest.approx(4380 + 200.60)
    with pytest.raises(InputError, match="sold as on-demand; Reserved is for reserved"):
        month(Reserved(1))


def test_parts_fee_and_tax_reach_the_bill():
    part = {"of": "storage", "amount": 0.07, "unit": "gib-month", "while_stopped": True}
    terms = AccountTerms(Resources(storage_gib=100), tax_share=0.10)
    result = month(AlwaysOn(2), parts=[part], terms=terms)
    assert usd(result)["storage"] == 14.00
    assert result.billed.value == pytest.approx((2 * 2628 + 14) * 1.1)


def test_too_few_instances_are_refused():
    for use in (AlwaysOn(1), Scheduled(1, 8, 22, 600), BatchJobs(1, 1, 60, 0.9)):
        with pytest.raises(InfeasibleError, match="rent more instances or for longer"):
            month(use, images=10**7)


@given(st.integers(1, 5_000_000), st.integers(0, 5_000_000))
def test_more_images_never_raise_the_cost_of_one_within_a_gpu(images, more):
    fewer = month(AlwaysOn(1), images=images).usd_per_image.value
    assert (
        month(AlwaysOn(1), images=min(images + more, 5_200_000)).usd_per_image.value
        <= fewer * (1 + 1e-12)
        or images + more > 5_200_000
    )


USES = [
    AlwaysOn(1),
    Scheduled(1, 8, 22, 600),
    BatchJobs(2, 4, 300, 0.8),
    Autoscaled((1, 2, 3), 3600, 0.7, 0, 60),
    Serverless(100, COLD),
]


@pytest.mark.parametrize("use", USES, ids=lambda use: type(use).__name__)
def test_of_every_use(use):
    result = month(use, sigma=0.03)
    # Lines add up to the bill, at the point and in every draw; billed once, billed whole.
    total = sum(line.value for line in result.lines.values())
    assert result.effective.value == pytest.approx(total)
    drawn = sum(line.draws for line in result.lines.values())
    assert result.effective.draws == pytest.approx(drawn)
    focus = result.invoice.to_focus()
    assert sum(row["BilledCost"] for row in focus) == pytest.approx(result.billed.value)
    assert min(row["BilledCost"] for row in focus) > -1e-9
    # A cheaper offer never raises the bill, and a price ten times as high is ten times the bill.
    assert month(use, sigma=0.03, usd=3.5).billed.value < result.billed.value
    assert month(use, sigma=0.03, usd=36.0).billed.value == pytest.approx(10 * result.billed.value)
    assert result.billed.source is Source.PUBLISHED
    assert json.loads(json.dumps(result.to_dict()))["images"] == 100_000


def test_a_cold_start_is_measured_but_for_the_network():
    start = MeasuredStart(
        build_s=9.0, file_gib=14.9, load_cold_cache_s=10.8, load_warm_cache_s=3.1, first_call_s=1.2
    )
    calibration = make_calibration(calls=3)
    (run,) = calibration.runs
    cold_run = run.model_copy(update={"cold_start": start})
    measured = calibration.model_copy(update={"runs": (cold_run,)})
    # 14.9 GiB are 15.9987 GB, 127.99 Gbit: 12.8 s at 10 Gbit/s. A GB would take 11.9.
    cold = cold_start(measured, image_gib=5, gbit_per_s=10)
    assert cold.weights_s == pytest.approx(12.799, abs=1e-3)
    assert cold.image_pull_s == pytest.approx(5 * 2**30 * 8 / 1e10)
    assert (cold.load_s, cold.first_call_s, cold.compile_s) == (10.8, 1.2, 0.0)
    assert cold.total_s == pytest.approx(sum(cold.parts().values()))
    with pytest.raises(MissingDataError, match="measured no cold start"):
        cold_start(calibration, image_gib=5, gbit_per_s=10)
    stack = calibration.stack.model_copy(update={"settings": {"compile": "regional"}})
    compiled = measured.model_copy(update={"stack": stack})
    with pytest.raises(MissingDataError, match="compile_s is missing and the stack"):
        cold_start(compiled, image_gib=5, gbit_per_s=10)
    assert cold_start(compiled, image_gib=5, gbit_per_s=10, compile_s=30).compile_s == 30


def test_compiling_is_what_a_filled_cache_saves_of_the_first_call():
    stack = make_calibration().stack.model_copy(update={"settings": {"compile": "regional"}})
    calibration = cold_started(make_calibration(stack=stack), first_call_s=70.0, filled_s=16.0)
    cold = cold_start(calibration, image_gib=5, gbit_per_s=10)
    assert (cold.load_s, cold.compile_s, cold.first_call_s) == (20.0, 54.0, 16.0)
    shipped = cold_start(calibration, image_gib=5, gbit_per_s=10, compile_cache="shipped")
    assert (shipped.load_s, shipped.compile_s, shipped.first_call_s) == (20.0, 0.0, 16.0)
    assert cold.total_s - shipped.total_s == 54.0
    stated = cold_start(calibration, image_gib=5, gbit_per_s=10, compile_s=8.0)
    assert stated.compile_s == 8.0
    eager = cold_started(make_calibration(), first_call_s=4.0, filled_s=3.0)
    assert cold_start(eager, image_gib=5, gbit_per_s=10).compile_s == 0.0


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: AlwaysOn(0), "instances is 0; expected at least 1"),
        (lambda: AlwaysOn(instances=True), "instances is True"),
        (lambda: Scheduled(1, -1, 1, 0), "hours is -1"),
        (lambda: Scheduled(1, 24, 300, 0), "take 7,200.0 h with their start-up and a month has 7"),
        (lambda: Scheduled(2, 0, 731, 3600), "take 731.0 h with their start-up and a month has 7"),
        (lambda: BatchJobs(1, 731, 3600, 1.0), "take 731.0 h with their start-up and a month has"),
        (lambda: BatchJobs(1, 1, 0, 0), "utilization is 0; expected a share over 0"),
        (lambda: Autoscaled((), 3600, 0.5, 0, 0), "load is"),
        (lambda: Spot(1, 0, 60, 1.0), "checkpoint_s is 0"),
        (lambda: Overflow(offer(), AlwaysOn(1), 1.0), "reserved_share is 1.0"),
        (lambda: ColdStartSteps(-1, 0, 0, 0, 0), "image_pull_s is -1"),
        (lambda: transfer_s(1, 0), "gbit_per_s is 0"),
        (lambda: transfer_s(-1, 1), "gib is -1"),
        (lambda: AccountTerms(tax_share=19), "tax_share is 19"),
        (lambda: month(AlwaysOn(1), images=0), "images is 0"),
        (lambda: month(AlwaysOn(1), images=10**400), "images is 10+; expected a whole number from"),
    ],
)
def test_what_cannot_be_is_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


def test_jobs_of_an_instance_do_not_overlap():
    # A month's seconds at half a second an image, less ten start-ups of an hour; then one more.
    fits = int((730 - 10) * 3600 / 0.5)
    full = month(BatchJobs(1, 10, 3600, 1.0), images=fits)
    assert full.billed.value == pytest.approx(730 * 3.6)
    with pytest.raises(InfeasibleError, match="instance seconds and 2,592,000 are rented"):
        month(BatchJobs(1, 10, 3600, 1.0), images=fits + 1)


def test_a_month_is_2_628_000_seconds():
    # An hour for a month, or the other way round, is a factor of 730.
    assert MONTH_S == 730 * 3600
    by_the_hour = month(BatchJobs(1, 1, 0, 1.0), images=7200)
    assert by_the_hour.billed.value == pytest.approx(3.6)
    assert month(AlwaysOn(1), images=7200).billed.value / by_the_hour.billed.value == (
        pytest.approx(730)
    )


def test_a_price_per_second_is_3600_times_smaller_than_one_per_hour():
    second = month(AlwaysOn(1), price={"amount": 0.001, "unit": "gpu-second"})
    assert second.billed.value == pytest.approx(month(AlwaysOn(1)).billed.value)
    slip = month(AlwaysOn(1), price={"amount": 3.6, "unit": "gpu-second"})
    assert slip.billed.value == pytest.approx(3600 * second.billed.value)


def test_the_day_a_price_is_judged_on_reaches_its_interval():
    row = offer(3.6)
    fresh = bill(Clock(), row, SQUARE, AlwaysOn(1), images=1, today=PRICED_ON).billed
    far = PRICED_ON + dt.timedelta(300)
    later = bill(Clock(), row, SQUARE, AlwaysOn(1), images=1, today=far).billed
    assert fresh.low == fresh.high
    assert later.low < later.value < later.high
