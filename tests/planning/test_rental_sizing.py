"""The arithmetic of rentals against closed forms and laws that hold for any timing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.errors import InfeasibleError
from fluxcost.estimate import Estimate, Source
from fluxcost.performance.fit import fit
from fluxcost.planning.rental_sizing import (
    RentalJob,
    RentalTerms,
    image_seconds,
    rent_for_job,
    rent_for_month,
)
from fluxcost.planning.search import plan
from fluxcost.planning.sensitivity.scenario_bills import POINT, at_base, rented
from fluxcost.workload.shape import Shape
from tests.planning.made import TODAY, catalog, offer, workload
from tests.synthetic import cold_started, make_calibration

HOUR = 3600.0


def terms(*, utilization: float = 1.0, startup_minutes: float = 10.0) -> RentalTerms:
    made = workload(utilization=utilization, startup_minutes=startup_minutes)
    return RentalTerms.of(made, TODAY)


def certain(image_s: float) -> Estimate:
    return Estimate.exact(image_s, "s", Source.MEASURED, "a cell")


def uncertain(image_s: float, sigma: float = 0.05) -> Estimate:
    return Estimate.spread(image_s, {"timing": sigma}, "s", Source.MEASURED, "a cell")


class Clock:
    """A fit whose calls take a fixed time plus a time per image and megapixel."""

    def occupancy(self, shape: Shape, *, batch: int = 1) -> Estimate:
        return certain(0.1 + 0.4 * batch * shape.pixels / 1e6)

    def throughput(self, shape: Shape, *, batch: int = 1) -> Estimate:
        raise NotImplementedError


def test_start_up_is_never_less_than_was_measured():
    measured = cold_started(make_calibration(), first_call_s=70.0, filled_s=16.0)
    asked = workload(startup_minutes=1)
    once = RentalTerms.of(asked, TODAY)
    slow = once.starting(asked, measured)
    assert slow.startup.value == 90.0
    (evidence,) = slow.startup.evidence
    assert evidence.startswith(f"start-up 1.5 min, measured for {measured.alias} with its compile")
    assert evidence.endswith("cache empty; 1 stated in the workload")
    shipped = asked.model_copy(update={"compile_cache": "shipped"})
    assert once.starting(shipped, measured) is once  # 36 s are in the minute stated
    assert once.starting(asked, make_calibration()) is once  # nothing measured, nothing known


def test_scenarios_and_simulations_start_as_a_plan_does():
    measured = cold_started(make_calibration(), first_call_s=70.0, filled_s=16.0)
    asked = workload(startup_minutes=1, deadline={"images": 9_000, "hours": 1})
    row = offer(usd=3.6, gpu="h100-sxm")
    (best, *_) = plan(asked, catalog(row), [measured], TODAY)
    assert best.batch is not None
    assert "after 90.0 s of start-up" in best.why
    bill = rented(asked, row, "deadline", fit(measured), [best.batch], TODAY)
    drawn = bill(at_base(asked, 1, POINT), best.batch)
    assert drawn[0] == pytest.approx(best.total.value, rel=1e-6)


def test_a_mix_is_averaged_by_its_shares():
    mix = ((Shape(1000 // 16 * 16, 1008, 4), 0.25), (Shape(512, 512, 4), 0.75))
    seconds = image_seconds(Clock(), mix, batch=2)
    calls = [0.1 + 0.8 * shape.pixels / 1e6 for shape, _ in mix]
    assert seconds.value == pytest.approx((0.25 * calls[0] + 0.75 * calls[1]) / 2)


def test_a_job_by_hand():
    # 10,000 images of 0.5 s in calls of 4: 2,500 calls of 2 s; after 10 min of start-up an hour
    # leaves 3,000 s, or 1,500 calls a GPU, so 2 GPUs with 1,250 calls each: 2,500 s and 600 s.
    job = RentalJob(images=10_000, within_s=HOUR)
    rental = rent_for_job(offer(usd=3.6), certain(0.5), 4, job, terms())
    assert rental.gpus == 2
    assert rental.hours.value == pytest.approx(3100 / 3600)
    assert rental.total.value == pytest.approx(2 * 3100 / 3600 * 3.6)
    assert rental.total.source is Source.ASSUMED
    assert rental.why == (
        "10,000 images of 500 ms GPU time each, at 100 % utilization, take 41.7 min on 2 GPUs "
        "after 10.0 min of start-up; 0.861 billed h x 2 GPUs x $3.60/h = $6.20."
    )


def test_a_job_on_instances_sold_whole():
    job = RentalJob(images=10_000, within_s=HOUR)
    rental = rent_for_job(offer(gpu_count=8), certain(0.5), 4, job, terms())
    # 2,500 calls on 8 GPUs: the fullest makes 313 of them.
    assert rental.gpus == 8
    assert rental.hours.value == pytest.approx((600 + 313 * 2) / 3600)


def test_a_job_billed_by_the_hour():
    job = RentalJob(images=10_000, within_s=HOUR)
    rental = rent_for_job(offer(step_s=HOUR), certain(0.5), 4, job, terms())
    assert (rental.gpus, rental.hours.value) == (2, 1.0)


def test_utilization_slows_the_job():
    job = RentalJob(images=10_000, within_s=HOUR)
    rental = rent_for_job(offer(), certain(0.5), 4, job, terms(utilization=0.5))
    assert rental.gpus == 4
    assert rental.hours.value == pytest.approx((600 + 625 * 4) / 3600)


def test_sessions_repeat_the_bill():
    once = rent_for_job(offer(), certain(0.5), 4, RentalJob(1000, HOUR), terms())
    often = rent_for_job(offer(), certain(0.5), 4, RentalJob(1000, HOUR, sessions=22), terms())
    assert often.gpus == once.gpus
    assert often.total.value == pytest.approx(22 * once.total.value)


def test_a_deadline_shorter_than_one_call_is_infeasible():
    with pytest.raises(InfeasibleError) as caught:
        rent_for_job(offer(), certain(0.5), 16, RentalJob(10, 605.0), terms())
    assert str(caught.value) == (
        "the time is 10.1 min, of which start-up takes 10.0 min and one call of batch 16 8.00 s; "
        "allow more hours, a shorter start-up or a smaller batch."
    )


@given(
    image_s=st.floats(0.01, 5.0),
    images=st.integers(1, 10**6),
    hours=st.floats(0.5, 48),
    batch=st.sampled_from([1, 2, 8]),
    gpu_count=st.sampled_from([1, 8]),
)
def test_the_deadline_is_kept_in_95_of_100_draws(
    image_s: float, images: int, hours: float, batch: int, gpu_count: int
):
    job = RentalJob(images, hours * HOUR)
    shop = offer(gpu_count=gpu_count)
    rental = rent_for_job(shop, uncertain(image_s), batch, job, terms(utilization=0.8))
    in_time = rental.hours.draws * HOUR <= job.within_s + 1.0  # one billing step of slack
    assert np.mean(in_time) >= 0.94
    assert rental.gpus % gpu_count == 0


@given(images=st.integers(1, 10**6), hours=st.floats(1, 48), more=st.floats(1.0, 4.0))
def test_more_work_or_less_time_never_needs_fewer_gpus(images: int, hours: float, more: float):
    def gpus(images: int, hours: float) -> int:
        return rent_for_job(
            offer(), uncertain(0.5), 4, RentalJob(images, hours * HOUR), terms()
        ).gpus

    assert gpus(math.ceil(images * more), hours) >= gpus(images, hours)
    assert gpus(images, hours * more) <= gpus(images, hours)


@given(image_s=st.floats(0.01, 5.0), usd=st.floats(0.1, 20.0), cheaper=st.floats(0.1, 1.0))
def test_a_cheaper_hour_never_raises_the_bill(image_s: float, usd: float, cheaper: float):
    job = RentalJob(5000, 8 * HOUR)
    dear = rent_for_job(offer(usd=usd), uncertain(image_s), 4, job, terms())
    cheap = rent_for_job(offer(usd=usd * cheaper), uncertain(image_s), 4, job, terms())
    assert cheap.total.high <= dear.total.high * (1 + 1e-12)


def test_a_month_by_hand():
    # 730 h at 50 % utilization leave 1,314,000 s of work: 2,628,000 images of 0.5 s a GPU.
    rental = rent_for_month(offer(usd=3.6), certain(0.5), 3_000_000, terms(utilization=0.5))
    assert rental.gpus == 2
    assert rental.total.value == pytest.approx(2 * 730 * 3.6)
    assert rental.total.source is Source.ASSUMED
    assert rental.why == (
        "3,000,000 images of 500 ms GPU time each keep 2 GPUs busy 29 % of the month, with 50 % "
        "allowed; 730 billed h x 2 GPUs x $3.60/h = $5,256.00."
    )


def test_one_image_a_month_still_rents_a_gpu():
    assert rent_for_month(offer(), certain(0.5), 1, terms()).gpus == 1
