"""How rented GPUs are used: from GPU seconds of work to the instance seconds that are billed.

Each purchase mode is a small record with one method, `spans`, which splits billed time by what it
was used for. Fleets are sized for a given amount of work (a plan takes the upper bound of its
interval) and billed for another, one amount or one for each draw.
"""

from fluxcost.economics.rental import MONTH_S, Use
from fluxcost.economics.usage.instances import (
    AlwaysOn,
    Autoscaled,
    BatchJobs,
    Overflow,
    Reserved,
    Scheduled,
)
from fluxcost.economics.usage.serverless import Serverless
from fluxcost.economics.usage.spot import Spot

__all__ = [
    "MONTH_S",
    "AlwaysOn",
    "Autoscaled",
    "BatchJobs",
    "Overflow",
    "Reserved",
    "Scheduled",
    "Serverless",
    "Spot",
    "Use",
]
