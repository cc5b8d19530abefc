"""What stands in the place of a price when there is none; never 0."""

from __future__ import annotations

from typing import Literal

from fluxcost.economics.rows import Usd
from fluxcost.errors import MissingDataError
from fluxcost.records import Record
from fluxcost.workload import Shape


class Unpublished(Record):
    """No price is published.

    Attributes:
        reason: contact-sales or not-found.
    """

    shape: Literal["unpublished"]
    reason: Literal["contact-sales", "not-found"]

    def usd_per_image(self, shape: Shape) -> float:
        """Refuse.

        Raises:
            MissingDataError: Always.
        """
        raise MissingDataError(
            f"no price is published ({self.reason}); ask the vendor and add the answer as a row "
            "of your own price folder."
        )


class ClaimedRange(Record):
    """A range somebody claimed, kept to be checked, that no price list confirms.

    Attributes:
        low_usd: Lower end, USD per image.
        high_usd: Upper end, USD per image.
    """

    shape: Literal["claimed-range"]
    low_usd: Usd
    high_usd: Usd

    def usd_per_image(self, shape: Shape) -> float:
        """Refuse.

        Raises:
            MissingDataError: Always.
        """
        raise MissingDataError(
            f"{self.low_usd:g} to {self.high_usd:g} USD per image is a claim that no price list "
            "confirms; choose a tariff with a published price."
        )
