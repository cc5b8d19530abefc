"""In place of the slide that says "$0.0004 an image": what your images cost on your offer.

The slide multiplies a price an hour by the seconds of one call and calls it the cost. Between it
and a bill stand the stack, the shapes you need, the time GPUs wait, start-up and billing steps.

Run it with: python examples/honest_slide.py examples/ad_variations.yaml runpod/h100-sxm-secure
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import fluxcost as fc

HERE = Path(__file__).parent
SLIDE = "published/h100-sxm/flux2-klein-4b/diffusers-bf16"
SLIDE_SHAPE = fc.Shape(1024, 1024, steps=4)
SLIDE_USD, SLIDE_USD_PER_HOUR = 0.0004, 2.49
"""As the article prints them, for a Lambda H100 of its day."""


def main(
    today: dt.date | None = None,
    workload: Path = HERE / "ad_variations.yaml",
    offer: str = "runpod/h100-sxm-secure",
) -> float:
    """Print the slide's figure and the honest one, step by step; return the latter in USD."""
    asked, rented = fc.load_workload(workload), fc.load_catalog().offer(offer)
    plan = _plan_on(offer, asked, today)
    timed = fc.fit(fc.load_calibration(str(plan.calibration)))
    call_s = fc.fit(fc.load_calibration(SLIDE)).latency(SLIDE_SHAPE).value
    slide_usd = rented.price_estimate(today).value / 3600 * call_s

    claim = next(claim for claim in fc.audit().claims if claim.id == "cost-0004")
    print(f"{claim.text} {claim.verdict.capitalize()} by its own tables: {claim.because}.")
    print(f"{asked.name}, on {offer}, USD an image:")
    _say(SLIDE_USD, f"the slide, at {SLIDE_USD_PER_HOUR} USD an hour")
    _say(slide_usd, f"its sum today: {SLIDE_SHAPE}, {call_s:.2f} s a call, a GPU never idle")
    if asked.arrivals is None:
        mix, batch = asked.mix, plan.batch or 1
        always = fc.cost_of_mix(timed, rented, mix, batch=batch, utilization=1, today=today)
        share = asked.utilization or 1.0
        busy = fc.cost_of_mix(timed, rented, mix, batch=batch, utilization=share, today=today)
        _say(always.total.value, f"your shapes with {plan.calibration}, batch {batch}")
        _say(busy.total.value, f"GPUs busy {share:.0%} of the time, as you state")
    honest = plan.usd_per_image
    _say(honest.value, f"with what is billed: {plan.why}")
    for line in (*honest.evidence, *plan.caveats):
        print(f"           - {line}")
    print(
        f"Answer: {honest:.6f} USD an image "
        f"({plan.timing_source} timing, {plan.price_source} price), where the slide says "
        f"{SLIDE_USD}."
    )
    return honest.value


def _plan_on(offer: str, workload: fc.Workload, today: dt.date | None) -> fc.Plan:
    plans = fc.plan(workload, today=today)
    for plan in plans:
        if plan.option == offer:
            return plan
    reasons = [turned.reason for turned in plans.rejected if turned.candidate.startswith(offer)]
    raise fc.InfeasibleError(f"{workload.name} cannot be made on {offer}: {' '.join(reasons)}")


def _say(usd: float, what: str) -> None:
    print(f"  {usd:.6f} {what}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", type=Path, help="workload file")
    parser.add_argument("offer", help="id of a GPU offer; see fluxcost prices")
    given = parser.parse_args()
    main(workload=given.workload, offer=given.offer)
