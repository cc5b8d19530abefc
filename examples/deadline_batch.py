"""A million thumbnails by Monday: what does each hour less cost?

Run it with: python examples/deadline_batch.py
"""

from __future__ import annotations

import datetime as dt

import fluxcost as fc

HOURS = (60, 24, 8)


def main(today: dt.date | None = None) -> float:
    """Print the cheapest way for each deadline; return USD of the tightest."""
    for hours in HOURS:
        best = fc.plan(thumbnails(hours), today=today).best
        print(f"{hours} h, {best.option}: {best.why}")
    print(f"Answer: {best.gpus} x {best.gpu}, {best.total:,.0f} USD.")
    return best.total.value


def thumbnails(hours: float) -> fc.Workload:
    """Return the job: three small pictures for each larger one."""
    asked = {
        "name": f"thumbnails within {hours} h",
        "model": "flux2-klein-4b",
        "shapes": [
            {"width": 512, "height": 512, "steps": 4, "weight": 3},
            {"width": 768, "height": 768, "steps": 4, "weight": 1},
        ],
        "deadline": {"images": 1_000_000, "hours": hours},
        "utilization": 0.9,
        "startup_minutes": 10,
    }
    return fc.Workload.parse(asked, "the thumbnails")


if __name__ == "__main__":
    main()
