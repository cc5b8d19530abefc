"""Five pictures a second, each on the screen within a second: how many GPUs, and for how long?

Run it with: python examples/interactive.py
"""

from __future__ import annotations

import datetime as dt

import fluxcost as fc

PREVIEWS = {
    "name": "previews while typing",
    "model": "flux2-klein-4b",
    "shapes": [{"width": 512, "height": 512, "steps": 4}],
    "arrivals": {"process": "poisson", "requests_per_s": 5.0},
    "objective": {"percentile": 95, "within_s": 1.0},
}


def main(today: dt.date | None = None) -> float:
    """Print the cheapest fleet and how far it carries; return its USD a month."""
    workload = fc.Workload.parse(PREVIEWS, "the previews")
    best = fc.plan(workload, today=today).best
    print(f"{best.option}: {best.why}")
    if best.serving is not None:
        print(f"One fewer: {best.serving.why_not_fewer}")
    curve = fc.load_sweep(workload, best.fleet)
    if curve.most_per_s is not None:
        print(f"The same GPUs keep the promise up to {curve.most_per_s:.1f} requests a second.")
    print(f"Answer: {best.gpus} x {best.gpu}, {best.total:,.0f} USD a month.")
    return best.total.value


if __name__ == "__main__":
    main()
