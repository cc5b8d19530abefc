"""A campaign whose mail goes out on Friday evening: keep GPUs for the burst, or send it elsewhere?

All week a few people ask; in the two hours after the mail they are forty times as many. No API's
speed is known to fluxcost: `allow_untimed` takes them all the same, for what the GPUs cannot do.

Run it with: python examples/burst_campaign.py
"""

from __future__ import annotations

import datetime as dt

import fluxcost as fc

IMAGES = 1_000_000
QUIET, BURST, EVENING = 1.0, 40.0, 4 * 24 + 18
WEEK = [BURST if EVENING <= hour < EVENING + 2 else QUIET for hour in range(7 * 24)]
CAMPAIGN = {
    "name": "a campaign",
    "model": "flux2-klein-4b",
    "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
    "images_per_month": IMAGES,
    "arrivals": {"hourly_weights": WEEK},
    "objective": {"percentile": 99, "within_s": 5.0},
    "constraints": {"allow_untimed": True},
}


def main(today: dt.date | None = None) -> float:
    """Print both ways; return USD a month of the cheaper one."""
    plans = fc.plan(fc.Workload.parse(CAMPAIGN, "the campaign"), today=today)
    kept = next(plan for plan in plans if plan.mode == "always-on")
    shared = next(plan for plan in plans if plan.mode == "overflow")
    print(f"GPUs for the burst, {kept.option}: {kept.why}")
    print(f"The burst elsewhere, {shared.option}: {shared.why}")
    peak_per_s = IMAGES / (730 * 3600) * BURST / (sum(WEEK) / len(WEEK))
    api = fc.load_catalog().tariff(shared.components[1].option)
    print(f"In the burst {peak_per_s:.1f} requests come a second; {api.limits}.")
    cheaper = min(kept, shared, key=lambda plan: plan.total.high)
    own = 1 - sum(component.share for component in cheaper.components[1:])
    print(
        f"Answer: {cheaper.gpus} x {cheaper.gpu} for {own:.0%} of the requests, "
        f"{cheaper.total:,.0f} USD a month in all."
    )
    return cheaper.total.value


if __name__ == "__main__":
    main()
