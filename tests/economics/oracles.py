"""Bills of one session and of one month, worked from the price of an hour: oracles for tests."""

from __future__ import annotations

from fluxcost.economics.offers import HOURS_PER_MONTH, SECONDS_PER_HOUR, Offer
from fluxcost.economics.rental import billed_seconds


def session_usd(
    offer: Offer, *, running_s: float, startup_s: float = 0.0, instances: int = 1
) -> float:
    """Return the bill in USD for one session of some whole instances.

    Raises:
        InputError: A duration is negative, NaN or infinite.
        MissingDataError: The vendor publishes no price.
    """
    hours = billed_seconds(offer, running_s=running_s, startup_s=startup_s) / SECONDS_PER_HOUR
    return hours * offer.usd_per_instance_hour * instances


def month_usd(offer: Offer, instances: int = 1) -> float:
    """Return the bill in USD for some whole instances kept for a month of 730 hours.

    Raises:
        MissingDataError: The vendor publishes no price.
    """
    return HOURS_PER_MONTH * offer.usd_per_instance_hour * instances
