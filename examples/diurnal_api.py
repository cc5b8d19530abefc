"""An API whose callers sleep at night: keep the fleet of the busiest hour, or follow the day?

Run it with: python examples/diurnal_api.py
"""

from __future__ import annotations

import datetime as dt

import fluxcost as fc

COLD_START_S = 180.0
"""Yours to state: from asking for a GPU until it serves, its shapes compiled."""

BY_DAY = [1] * 6 + [5] * 3 + [12] * 9 + [20] * 3 + [12] * 2 + [5]
API = {
    "name": "an image API",
    "model": "flux2-klein-4b",
    "shapes": [
        {"width": 1024, "height": 1024, "steps": 4, "weight": 2},
        {"width": 512, "height": 512, "steps": 4, "weight": 1},
    ],
    "arrivals": {"requests_per_s": 6.0, "hourly_weights": BY_DAY},
    "objective": {"percentile": 95, "within_s": 2.0},
}


def main(today: dt.date | None = None) -> float:
    """Print the cheapest plan, and what keeping its GPUs takes; return its USD a month."""
    workload = fc.Workload.parse(API, "the API")
    plans = fc.plan(workload, today=today)
    best = plans.best
    print(f"Cheapest, {best.option}: {best.why}")
    kept = next(plan for plan in plans if plan.mode == "always-on")
    print(f"Kept, {kept.option}: {kept.why}")
    if kept.serving is not None:
        print(f"One fewer: {kept.serving.why_not_fewer}")

    by_hour = fc.fleet_by_hour(workload, kept.fleet)
    counts = " ".join(str(hour.replicas) for hour in by_hour.hours)
    saved = 1 - by_hour.replica_hours / (kept.fleet.replicas * len(by_hour.hours))
    print(f"GPUs that each hour takes by itself: {counts}; {saved:.0%} fewer GPU hours.")

    scaling = fc.Scaling(
        least=1, idle_timeout_s=600.0, cold_start_s=COLD_START_S, waiting_per_replica=4.0
    )
    most = {"replicas": by_hour.most, "scaling": scaling}
    seen = fc.simulate(workload, kept.fleet.model_copy(update=most))
    print(
        f"Started when images wait: {seen.replicas_rented.value:.1f} GPUs on average, "
        f"p95 {seen.response['p95'].value:.2f} s."
    )
    print(
        f"Answer: {best.gpus} x {best.gpu} {best.mode}, {best.total:,.0f} USD a month, where "
        f"keeping {kept.gpus} takes {kept.total:,.0f}."
    )
    return best.total.value


if __name__ == "__main__":
    main()
