"""The search over made prices and synthetic timings, whose truth is known."""

import datetime as dt
import html
import json
from typing import Any

import numpy as np
import pytest

from fluxcost.economics.catalog import Catalog
from fluxcost.errors import InfeasibleError, InputError, UnknownNameError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.measuring_run import GpuIdentity, Stack
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from fluxcost.planning.plans import Plans
from fluxcost.planning.search import plan
from fluxcost.workload.shape import Shape
from fluxcost.workload.workload import Workload
from tests.planning.made import TODAY, catalog, offer, tariff, workload
from tests.synthetic import LOSSY, Machine, make_calibration

H200 = make_calibration(gpu="h200-sxm")
ONE_MEGAPIXEL = Shape(1024, 1024, 4)


def planned(asked: Workload, prices: Catalog, *calibrations: Calibration) -> Plans:
    return plan(asked, prices, calibrations or (H200,), today=TODAY)


def reasons(plans: Plans) -> dict[str, tuple[str, str]]:
    return {item.candidate: (item.constraint, item.reason) for item in plans.rejected}


def table(gpu: str, seconds: float, batch: int = 1) -> Calibration:
    """A published table of one printed cell."""
    cell = {
        "width": 1024,
        "height": 1024,
        "steps": 4,
        "batch": batch,
        "run": "article",
        "reported_latency_s": seconds,
        "reported_half_width_s": 0.005,
    }
    return Calibration.parse(
        {
            "gpu": {"key": gpu, "name": gpu, "memory_gib": 80.0},
            "model": "flux2-klein-4b",
            "stack": {"alias": "eager-bf16", "settings": {}},
            "source": "published",
            "reference": "an article",
            "cells": [cell],
        },
        "a made table",
    )


def test_every_offer_is_tried_at_every_batch_measured():
    plans = planned(workload(), catalog(offer("one"), offer("two", usd=4.0)))
    batches = sorted({cell.batch for cell in H200.cells})
    tried = sorted((line.option, line.batch) for line in plans)
    assert tried == [(f"shop/{name}", batch) for name in ("one", "two") for batch in batches]


@pytest.mark.parametrize(
    ("images", "hours", "usd"),
    [
        (1, 1, 60.00),
        (10_000, 24, 106.67),
        (1_927_200, 24, 32_060.00),
        (10_000, 730, 106.67),
        (10_000, 745, 120.00),
    ],
)
def test_a_job_pays_the_whole_fee_of_a_subscription(images: int, hours: float, usd: float):
    # 60 for 31 days begun hold 30 h, 7,200 images; further ones are 15 s at 4 an hour.
    row = tariff(
        price={
            "shape": "subscription-gpu-time",
            "usd_per_month": 60,
            "included_gpu_hours": 30,
            "extra_usd_per_gpu_hour": 4,
            "gpu_minutes_per_job": 1,
            "images_per_job": 4,
        }
    )
    best = planned(workload(deadline={"images": images, "hours": hours}), catalog(row)).best
    assert best.total.value == pytest.approx(usd, abs=0.005)


def test_an_api_that_costs_nothing_is_planned_and_shown():
    # 2 begun days of 10 USD free pay for 10,000 images at 0.002.
    free = {"units": 1000, "currency": {"name": "unit", "usd": 0.01}, "every": "day"}
    row = tariff(usd=0.002, free_quota=free)
    plans = planned(workload(deadline={"images": 10_000, "hours": 25}), catalog(row, offer()))
    assert (plans.best.option, plans.best.total.high) == ("api/klein", 0)
    assert "$0" in str(plans)
    assert plans.to_dict()["plans"][0]["images_per_usd"] is None


def test_a_line_agrees_with_the_fit():
    best = planned(workload(), catalog(offer())).best
    assert best.batch is not None
    fitted = fit(H200)
    call = fitted.occupancy(ONE_MEGAPIXEL, batch=best.batch)
    calls = -(-100_000 // best.batch)
    per_gpu = -(-calls // best.gpus) * call.value / 0.9
    assert best.hours is not None
    assert best.hours.value * 3600 == pytest.approx(per_gpu + 600, abs=1)
    assert best.total.value == pytest.approx(best.hours.value * best.gpus * 3.6)
    assert best.usd_per_image.value == pytest.approx(best.total.value / 100_000)
    assert best.images_per_usd is not None
    assert best.images_per_usd.value == pytest.approx(1 / best.usd_per_image.value)
    assert best.latency is not None
    assert best.latency.value == fitted.latency(ONE_MEGAPIXEL, batch=best.batch).value
    assert best.timing_source is Source.MEASURED
    assert best.calibration == "h200-sxm/flux2-klein-4b/eager-bf16"
    assert any(H200.content_hash[:12] in line for line in best.evidence)
    assert any("offer shop/h200: 3.6 USD" in line for line in best.evidence)
    assert any("utilization 0.9" in line for line in best.evidence)


def test_lines_are_ranked_by_the_dear_end():
    prices = catalog(offer("one"), offer("two", usd=3.0), tariff(usd=0.0005), tariff("b", usd=0.01))
    plans = planned(workload(), prices)
    highs = [line.total.high for line in plans]
    assert highs == sorted(highs)
    assert plans.best is plans[0]
    assert plans[:2] == plans.ranked[:2]


def test_an_old_price_ranks_behind_a_fresh_one():
    old = tariff("a-old", as_of=dt.date(2026, 1, 1))
    plans = planned(workload(), catalog(old, tariff("b-fresh", as_of=TODAY)))
    assert plans[0].total.value == plans[1].total.value
    assert [line.option for line in plans] == ["api/b-fresh", "api/a-old"]


def test_a_tie_goes_to_the_price_that_is_better_known():
    weak = tariff("a-weak", grade="C", as_of=TODAY)
    asked = workload(constraints={"least_grade": "C"})
    plans = planned(asked, catalog(weak, tariff("b-strong", as_of=TODAY)))
    assert plans[0].total.high == plans[1].total.high
    assert [line.option for line in plans] == ["api/b-strong", "api/a-weak"]
    assert [line.price_source for line in plans] == [Source.PUBLISHED, Source.ASSUMED]


def test_an_api_line_is_its_price_times_the_images():
    line = planned(workload(), catalog(tariff(usd=0.002))).best
    assert line.mode == "api"
    assert line.total.value == pytest.approx(200.0)
    assert (line.total.unit, line.source) == ("USD", Source.PUBLISHED)
    old = planned(workload(), catalog(tariff(usd=0.002, as_of=dt.date(2025, 11, 1)))).best
    assert old.total.low < line.total.value < old.total.high
    assert line.why == "100,000 images x $0.00200 = $200.00."
    assert (line.gpus, line.hours, line.latency, line.timing_source) == (0, None, None, None)


@pytest.mark.parametrize(
    ("limits", "images", "said"),
    [
        # 600 a minute are 288,000 in 8 h, 24 at once of 2 s each are 345,600.
        ({"requests_per_minute": 600}, 288_000, "600 requests a minute"),
        (
            {"concurrent_requests": 24, "stated_latency_s": 2.0},
            345_600,
            "2 s an image and 24 requests at once",
        ),
        (
            {"requests_per_minute": 600, "concurrent_requests": 24, "stated_latency_s": 2.0},
            288_000,
            "2 s an image and 600 requests a minute and 24 requests at once",
        ),
    ],
)
def test_an_api_is_bought_up_to_its_rate_limit(limits: dict[str, Any], images: int, said: str):
    shop = catalog(tariff(limits_source="a page", **limits))
    within = planned(workload(deadline={"images": images, "hours": 8}), shop)
    assert within.best.caveats == (f"api/klein: the vendor states {said}",)
    beyond = planned(workload(deadline={"images": images + 1, "hours": 8}), shop)
    assert reasons(beyond)["api/klein"][0] == "rate limit"
    assert f"{images:,} images in 8 h; {images + 1:,} asked" in reasons(beyond)["api/klein"][1]
    # A month has 730 hours.
    monthly = {"deadline": None, "images_per_month": images * 730 // 8}
    assert planned(workload(**monthly), shop).best.mode == "api"
    more = monthly | {"images_per_month": images * 730 // 8 + 1}
    assert len(planned(workload(**more), shop)) == 0


def test_a_limit_that_tells_no_rate_is_said():
    shop = catalog(tariff(concurrent_requests=24, limits_source="a page"))
    (caveat,) = planned(workload(), shop).best.caveats
    assert caveat == (
        "api/klein: the vendor states 24 requests at once, and how long one takes is not known"
    )
    with pytest.raises(InputError, match="limits_source beside a stated latency or limit"):
        tariff(requests_per_minute=600)
    (unknown,) = planned(workload(), catalog(tariff())).best.caveats
    assert unknown == "api/klein: whether its rate limit allows this volume is not known"


def test_a_monthly_volume_is_kept_or_rented_on_demand():
    asked = workload(deadline=None, images_per_month=100_000, on_demand={"starts_per_month": 20})
    plans = planned(asked, catalog(offer()))
    assert {line.mode for line in plans} == {"always-on", "on-demand"}
    kept = next(line for line in plans if line.mode == "always-on")
    assert kept.total.unit == "USD/month"
    assert kept.total.value == pytest.approx(kept.gpus * 730 * 3.6)
    assert plans.best.mode == "on-demand"


STALE_USED = "allow_stale: true, the default, uses it."


@pytest.mark.parametrize(
    ("fields", "row", "constraint", "reason"),
    [
        ({"status": "retired", "note": "gone"}, {}, "price", "the price is retired: gone"),
        ({"status": "not_found", "note": "lost"}, {}, "price", "the price is not_found: lost"),
        (
            {"price": None, "unpriced": "contact-sales"},
            {},
            "price",
            "no price anyone can buy at is published.",
        ),
        ({}, {"deny_providers": ["shop"]}, "deny_providers", "shop is denied."),
        ({}, {"allow_providers": ["api"]}, "allow_providers", "allowed: api."),
        (
            {"grade": "C"},
            {"least_grade": "B"},
            "least_grade",
            "grade C, of at least B asked; least_grade: C uses it.",
        ),
        (
            {},
            {"allow_billing": ["spot"]},
            "allow_billing",
            "sold as on-demand; allowed: spot.",
        ),
        (
            {"kind": "spot"},
            {"allow_billing": ["spot"]},
            "spot_interruptions_per_hour",
            "may be interrupted; state how often you see it happen to use it.",
        ),
        (
            {"kind": "spot"},
            {"allow_billing": ["on-demand"], "spot_interruptions_per_hour": 0.1},
            "allow_billing",
            "sold as spot; allowed: on-demand.",
        ),
        (
            {"grade": "C"},
            {},
            "least_grade",
            "grade C, of at least B asked; least_grade: C uses it.",
        ),
        (
            {"as_of": dt.date(2026, 8, 23)},
            {"allow_stale": False},
            "allow_stale",
            f"91 days old (as of 2026-08-23); {STALE_USED}",
        ),
        (
            {"as_of_kind": "collected"},
            {"allow_stale": False},
            "allow_stale",
            f"of unknown age, from an undated copy read on 2026-11-01; {STALE_USED}",
        ),
        (
            {"as_of_kind": "package"},
            {"allow_stale": False},
            "allow_stale",
            f"of unknown age, from a package released on 2026-11-01; {STALE_USED}",
        ),
        *(
            (
                hosted,
                {},
                "allow_marketplace",
                "a marketplace host's price; allow_marketplace: true uses it.",
            )
            for hosted in ({"kind": "marketplace"}, {"basis": "market"}, {"tier": "marketplace"})
        ),
        (
            {},
            {"max_price_age_days": 20},
            "max_price_age_days",
            "21 days old; at most 20 asked.",
        ),
        (
            {"tier": "community"},
            {"allow_tiers": ["standard", "secure"]},
            "allow_tiers",
            "the host is community; allowed: standard, secure.",
        ),
        (
            {"region": "eastus"},
            {"allow_regions": ["us-west", "EU"]},
            "allow_regions",
            "the region is eastus; allowed: us-west, EU.",
        ),
        (
            {},
            {"allow_regions": ["us-west"]},
            "allow_regions",
            "the region is not stated, which a row of your own prices may do; allowed: us-west.",
        ),
        (
            {"gpu": "l4"},
            {},
            "timing",
            "no usable timing of flux2-klein-4b on l4; measure it there.",
        ),
        (
            {"gpu": "a100-sxm"},
            {},
            "timing",
            (
                "no usable timing of flux2-klein-4b on a100-sxm; measure it there, or spell it as "
                "one of a100-sxm-80gb, a100-sxm-40gb."
            ),
        ),
        (
            {"kind": "reserved"},
            {},
            "volume",
            "sold as reserved, which does not suit this volume; see on_demand.",
        ),
    ],
)
def test_a_rejected_offer_names_the_rule_it_breaks(
    fields: dict[str, Any], row: dict[str, Any], constraint: str, reason: str
):
    plans = planned(workload(constraints=row), catalog(offer(**fields), tariff()))
    assert reasons(plans)["shop/h200"] == (constraint, reason)
    assert all(line.option != "shop/h200" for line in plans)


IN_DOUBT = (
    ({"grade": "C"}, {"least_grade": "C"}),
    ({"basis": "market"}, {"allow_marketplace": True}),
    ({"kind": "marketplace"}, {"allow_billing": ["marketplace", "on-demand"]}),
    ({"kind": "spot"}, {"spot_interruptions_per_hour": 0.1}),
)


@pytest.mark.parametrize(("doubt", "allowance"), IN_DOUBT)
def test_a_price_in_doubt_never_wins_unless_allowed(doubt: dict[str, Any], allowance: Any):
    # A hundredth of the sound offer's price would win by far.
    shop = catalog(offer("sound"), offer("doubtful", usd=0.036, **doubt))
    assert {line.option for line in planned(workload(), shop)} == {"shop/sound"}
    allowed = planned(workload(constraints=allowance), shop)
    assert allowed.best.option == "shop/doubtful"
    assert allowed.best.caveats


def test_a_tariff_in_doubt_never_wins_unless_allowed():
    shop = catalog(offer(), tariff("doubtful", usd=1e-9, grade="C"))
    assert {line.option for line in planned(workload(), shop)} == {"shop/h200"}
    allowed = planned(workload(constraints={"least_grade": "C"}), shop)
    assert allowed.best.option == "api/doubtful"


@pytest.mark.parametrize(
    "age", [{"as_of": dt.date(2024, 1, 1)}, {"as_of_kind": "collected"}, {"as_of_kind": "package"}]
)
def test_no_price_is_refused_for_its_age_unless_asked(age: dict[str, Any]):
    rows = (offer("old", **age), tariff("old", **age))
    assert {line.option for line in planned(workload(), catalog(*rows))} == {"shop/old", "api/old"}
    kept = planned(workload(constraints={"allow_stale": False}), catalog(*rows))
    assert len(kept) == 0
    assert {item.constraint for item in kept.rejected} == {"allow_stale"}


def test_the_age_of_your_own_price_is_yours_to_judge():
    old: dict[str, Any] = {"as_of": dt.date(2026, 1, 1)}
    own = offer("own", from_overlay=True, **old)
    asked = workload(constraints={"allow_stale": False})
    plans = planned(asked, catalog(own, offer("shipped", **old)))
    assert {line.option for line in plans} == {"shop/own"}
    assert plans.best.caveats[0] == "shop/own: your own price"


def test_spot_takes_the_time_of_a_walk_through_its_interruptions():
    # One interruption in 6 minutes; a call of batch 4 lasts seconds, a new start a minute.
    per_hour = 10.0
    constraints = {"spot_interruptions_per_hour": per_hour}
    job = {"deadline": {"images": 100_000, "hours": 24}, "startup_minutes": 1}
    quiet = planned(workload(**job), catalog(offer()))
    spot = planned(workload(**job, constraints=constraints), catalog(offer(kind="spot")))
    calm, batch = next((line.hours, line.batch) for line in quiet if line.batch == 4)
    busy = next(line.hours for line in spot if line.batch == batch)
    assert calm is not None
    assert busy is not None
    call_s = fit(H200).occupancy(ONE_MEGAPIXEL, batch=4).value / 0.9
    random = np.random.default_rng(3)
    until = random.exponential(3600 / per_hour, 400_000)
    # Each start that does not finish its call is lost and followed by another start.
    lost = until < call_s
    taken_s = (np.minimum(until, call_s) + 60 * lost).sum() / (~lost).sum()
    running = (busy.value * 3600 - 60) / (calm.value * 3600 - 60)
    assert running == pytest.approx(taken_s / call_s, rel=0.01)
    assert any("10 interruptions an hour, each a lost call" in line for line in spot.best.caveats)
    assert any("10 interruptions an hour, stated" in line for line in spot.best.evidence)


def test_interrupted_before_any_call_is_done_is_infeasible():
    constraints = {"spot_interruptions_per_hour": 1e6}
    plans = planned(workload(constraints=constraints), catalog(offer(kind="spot")))
    assert len(plans) == 0
    assert all("hardly any piece" in item.reason for item in plans.rejected)


def test_a_place_a_host_and_a_fresh_price_that_are_allowed_are_used():
    allowed = {
        "max_price_age_days": 21,
        "allow_tiers": ["secure"],
        "allow_regions": ["EAST"],
    }
    asked = workload(constraints=allowed)
    plans = planned(asked, catalog(offer(tier="secure", region="us-east-1")))
    assert plans.best.option == "shop/h200"


def test_an_api_runs_nobody_knows_where():
    asked = workload(constraints={"allow_regions": ["us-east"]})
    plans = planned(asked, catalog(offer(region="us-east-1"), tariff(usd=1e-9)))
    assert reasons(plans)["api/klein"] == (
        "allow_regions",
        "where this API runs is not known; allowed: us-east.",
    )


def test_a_call_limit_removes_slow_batches_and_untimed_apis():
    limit_s = fit(H200).latency(ONE_MEGAPIXEL, batch=2, statistic="p95").high
    asked = workload(constraints={"max_latency_p95_s": limit_s})
    plans = planned(asked, catalog(offer(), tariff()))
    assert {line.batch for line in plans} == {1, 2}
    assert reasons(plans)["api/klein"][0] == "max_latency_p95_s"
    assert reasons(plans)[f"{H200.alias}, batch 4"][0] == "max_latency_p95_s"


def test_only_allowed_sources_are_used():
    plans = planned(
        workload(constraints={"allow_sources": ["measured"]}),
        catalog(offer(), offer("h100", gpu="h100-sxm")),
        H200,
        table("h100-sxm", 0.57),
    )
    assert {line.gpu for line in plans} == {"h200-sxm"}
    assert reasons(plans)["published/h100-sxm/flux2-klein-4b/eager-bf16, batch 1"] == (
        "allow_sources",
        "the timing is published; allowed: measured.",
    )


def test_a_stack_that_changes_the_pictures_is_used_only_where_that_is_accepted():
    quick = make_calibration(Machine(step_s_per_kilotoken=0.012), gpu="h200-sxm", stack=LOSSY)
    refused = planned(workload(), catalog(offer()), H200, quick)
    assert {line.calibration for line in refused} == {H200.alias}
    assert reasons(refused)[quick.alias] == (
        "allow_lossy",
        "quick-fp8 changes the pictures; allow_lossy: true accepts that.",
    )
    accepted = planned(workload(constraints={"allow_lossy": True}), catalog(offer()), H200, quick)
    assert accepted.best.calibration == quick.alias


def test_prompts_are_taken_as_known_only_where_the_workload_says_so():
    # A look-up takes 0.2 ms where encoding took 55: the fit holds however short the stage is.
    known = Stack(alias="known", settings={"prompt_embeddings": "cached"})
    quick = make_calibration(Machine(text_launch_s=2e-4, text_s=5e-5), gpu="h200-sxm", stack=known)
    refused = planned(workload(), catalog(offer()), H200, quick)
    assert {line.calibration for line in refused} == {H200.alias}
    rule, reason = reasons(refused)[quick.alias]
    assert rule == "allow_cached_prompts"
    assert reason.startswith("known was timed with prompts that had all come before; ")
    constraints = {"allow_cached_prompts": True}
    accepted = planned(workload(constraints=constraints), catalog(offer()), H200, quick)
    assert accepted.best.calibration == quick.alias
    shape = Shape(896, 896, 4)
    saved_s = fit(H200).latency(shape).value - fit(quick).latency(shape).value
    assert saved_s == pytest.approx(Machine().text_launch_s, rel=0.1)


def test_a_lossy_stack_does_not_stand_in_for_a_published_table():
    quick = make_calibration(gpu="h100-sxm", stack=LOSSY)
    plans = planned(workload(), catalog(offer(gpu="h100-sxm")), quick, table("h100-sxm", 0.57))
    assert {line.timing_source for line in plans} == {Source.PUBLISHED}


def test_a_published_table_serves_a_gpu_nobody_measured():
    plans = planned(workload(), catalog(offer(gpu="h100-sxm")), table("h100-sxm", 0.57))
    assert [line.timing_source for line in plans] == [Source.PUBLISHED]


def test_a_published_table_is_passed_over_where_the_gpu_was_measured():
    plans = planned(workload(), catalog(offer()), table("h200-sxm", 0.01), H200)
    assert {line.timing_source for line in plans} == {Source.MEASURED}
    assert reasons(plans)["published/h200-sxm/flux2-klein-4b/eager-bf16"] == (
        "timing",
        "a published table, not needed since h200-sxm has been measured.",
    )


def test_a_new_gpu_needs_no_change_of_code():
    other = H200.model_copy(
        update={"gpu": GpuIdentity(key="b200-sxm", name="B200", memory_gib=180.0)}
    )
    plans = planned(workload(), catalog(offer(gpu="b200-sxm")), other)
    assert plans.best.gpu == "b200-sxm"


def test_a_prompt_shows_plans_in_a_line():
    plans = planned(
        workload(), catalog(offer(), offer("dear", usd=9.0, status="retired", note="gone"))
    )
    best = plans.best
    assert repr(best) == f"<Plan shop/h200, {best.gpus} x h200-sxm, deadline: {best.total}>"
    assert repr(plans) == f"<Plans of 'made': {len(plans)}, best {best!r}; 1 rejected>"
    assert repr(plans.recipe.catalog) == "<Catalog of 2 offers and 0 tariffs>"
    assert (
        repr(H200) == str(H200) == f"<Calibration {H200.alias}, measured, {len(H200.cells)} cells>"
    )
    nothing = planned(workload(), catalog(offer(status="retired", note="gone")))
    assert repr(nothing) == "<Plans of 'made': 0; 1 rejected>"


def test_no_plan_at_all_is_infeasible_and_says_why():
    plans = planned(workload(), catalog(offer(status="retired", note="gone")))
    assert len(plans) == 0
    with pytest.raises(InfeasibleError) as caught:
        _ = plans.best
    assert str(caught.value) == (
        "no plan for 'made': the only candidate was rejected (1 by price; --rejected, or "
        "`rejected` in Python, says why each); relax one of these or add prices or calibrations."
    )


def test_a_deadline_nobody_can_keep_rejects_every_offer():
    asked = workload(deadline={"images": 100, "hours": 0.1})
    plans = planned(asked, catalog(offer()))
    assert len(plans) == 0
    assert {item.constraint for item in plans.rejected} == {"deadline"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"deny_providers": ["shp"]}, "provider 'shp' is not known among 2; nearest: shop, api."),
        ({"allow_billing": ["ondemand"]}, "billing kind 'ondemand' is not known among 7; nearest:"),
    ],
)
def test_a_constraint_that_names_nothing_is_refused(row: dict[str, Any], message: str):
    with pytest.raises(UnknownNameError) as caught:
        planned(workload(constraints=row), catalog(offer(), tariff()))
    assert str(caught.value).startswith(message)


def test_an_unknown_model_is_refused():
    with pytest.raises(UnknownNameError, match="model 'flux2-klein-4' is not known"):
        plan(workload(model="flux2-klein-4"), catalog(tariff()), today=TODAY)


def test_a_calibration_of_another_model_is_refused():
    with pytest.raises(InputError, match="times flux2-klein-4b; expected other"):
        planned(workload(model="other"), catalog(offer()))


def test_plans_are_json_and_a_frame_and_a_table():
    plans = planned(workload(name="<b>made</b>"), catalog(offer(), tariff()))
    document = json.loads(json.dumps(plans.to_dict(), allow_nan=False))
    assert [line["option"] for line in document["plans"]] == [line.option for line in plans]
    frame = plans.to_frame()
    assert list(frame["total_high"]) == [line.total.high for line in plans]
    assert list(frame["total_low"]) == [line.total.low for line in plans]
    page = plans._repr_html_()
    assert html.escape("<b>made</b>") in page
    assert "<b>" not in page
    assert page.count("<tr>") == len(plans) + 1


def test_planning_twice_gives_the_same_numbers():
    prices = catalog(offer(), tariff())
    assert planned(workload(), prices).to_dict() == planned(workload(), prices).to_dict()


@pytest.mark.parametrize(
    "fields",
    [
        {"deadline": {"images": 10**12, "hours": 8760.0}, "utilization": 0.001},
        {"deadline": {"images": 1, "hours": 1e-9}},
        {"deadline": None, "images_per_month": 10**12, "utilization": 0.001},
        {"deadline": None, "images_per_month": 1, "on_demand": {"starts_per_month": 10_000}},
        {"startup_minutes": 1440.0},
        {"startup_minutes": 0.0},
    ],
)
def test_a_workload_at_the_edge_of_its_bounds_is_planned_or_rejected(fields: dict[str, Any]):
    plans = planned(workload(**fields), catalog(offer(), offer("eight", gpu_count=8), tariff()))
    assert all(line.total.value > 0 for line in plans)
    assert len(plans) + len(plans.rejected) > 0
