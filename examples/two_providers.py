"""A fleet over two providers: some GPUs kept at one, the rest on spot at another, an API behind.

A plan takes one offer and at most an API. This script goes on from there: it lets some of a plan's
replicas be interrupted, simulates the fleet, and sends what it cannot answer in time to the API.

Every replica is taken to fail at the fleet's mean rate, which the simulator knows, in place of some
that fail and some that do not. How often spot is interrupted, and for how long, is yours to state.

Run it with: python examples/two_providers.py
"""

from __future__ import annotations

import datetime as dt

import fluxcost as fc

KEPT = "nebius/h100-sxm"
SPOT = "crusoe/h100-sxm-spot"
API = "cloudflare/flux-2-klein-4b"
INTERRUPTIONS_PER_HOUR = 0.1
BACK_AFTER_S = 600.0
WAITING_PER_REPLICA = 4
"""Images in the queue past which a request goes to the API at once."""

SURE = 0.9
"""Share of timing draws in which the objective is met."""

OBJECTIVE = {"percentile": 95, "within_s": 2.0}
ASKED = {
    "name": "an app on two clouds",
    "model": "flux2-klein-4b",
    "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
    "arrivals": {"requests_per_s": 8.0},
    "objective": OBJECTIVE,
}


def main(today: dt.date | None = None) -> float:
    """Print the bill for each number of spot replicas; return USD a month of the cheapest."""
    workload = fc.Workload.parse(ASKED, "the app")
    kept = next(plan for plan in fc.plan(workload, today=today) if plan.option == KEPT)
    print(f"All kept, {KEPT}: {kept.why}")
    fleet, total, best = kept.fleet, kept.total, 0
    # What is turned away goes to the API, so that some may be.
    backed = fc.Workload.parse(ASKED | {"objective": OBJECTIVE | {"may_reject": 0.05}}, "the app")
    # One replica stays kept, for the hour in which a provider takes back all its spot at once.
    for spot in range(1, fleet.replicas):
        seen = fc.simulate(backed, interrupted(fleet, spot))
        bill = bill_of(workload, fleet.replicas - spot, spot, seen.lost, today)
        print(
            f"{spot} on spot, {SPOT}: p95 {seen.response['p95'].value:.2f} s, "
            f"{seen.lost.value:.2%} of the requests to {API}, {bill:,.0f} USD a month"
        )
        if (seen.probability_met or 0.0) >= SURE and bill.high < total.high:
            total, best = bill, spot
    print(
        f"Answer: {fleet.replicas - best} x {kept.gpu} kept and {best} on spot, "
        f"{total:,.0f} USD a month."
    )
    return total.value


def interrupted(fleet: fc.Fleet, spot: int) -> fc.Fleet:
    """Return the fleet with so many of its replicas on spot, and nobody waiting in vain."""
    failures = fc.Failures(
        between_failures_s=3600 / INTERRUPTIONS_PER_HOUR * fleet.replicas / spot,
        recovery_s=BACK_AFTER_S,
    )
    waiting = WAITING_PER_REPLICA * fleet.replicas
    return fleet.model_copy(update={"failures": failures, "queue_limit": waiting})


def bill_of(
    workload: fc.Workload, kept: int, spot: int, lost: fc.Estimate, today: dt.date | None
) -> fc.Estimate:
    """Return USD a month of the rent at both providers and of the API for what is turned away."""
    catalog = fc.load_catalog()
    image_usd = catalog.tariff(API).usd_per_image(workload.mix[0][0], today)
    return fc.derive(
        lambda here, there, share, usd: here + there + share * workload.images * usd,
        fc.rent_of_fleet(catalog.offer(KEPT), kept, today),
        fc.rent_of_fleet(catalog.offer(SPOT), spot, today),
        lost,
        image_usd,
        unit="USD/month",
    )


if __name__ == "__main__":
    main()
