"""Placeholders for a price that is not published; never 0."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fluxcost.economics.prices.request import PLAIN, Request
from fluxcost.economics.terms import Usd
from fluxcost.errors import MissingDataError
from fluxcost.records import Record
from fluxcost.workload import Shape


class Unpublished(Record):
    """No price is published."""

    shape: Literal["unpublished"]
    reason: Literal["contact-sales", "not-found"] = Field(description="contact-sales or not-found.")

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Refuse.

        Raises:
            MissingDataError: Always.
        """
        raise MissingDataError(
            f"no price is published ({self.reason}); ask the vendor and add the answer as a row "
            "of your own price folder."
        )


class ClaimedRange(Record):
    """A range somebody claimed, kept to be checked, that no price list confirms."""

    shape: Literal["claimed-range"]
    low_usd: Usd = Field(description="Lower end, USD per image.")
    high_usd: Usd = Field(description="Upper end, USD per image.")

    def usd_per_image(self, shape: Shape, request: Request = PLAIN) -> float:
        """Refuse.

        Raises:
            MissingDataError: Always.
        """
        raise MissingDataError(
            f"{self.low_usd:g} to {self.high_usd:g} USD per image is a claim that no price list "
            "confirms; choose a tariff with a published price."
        )
