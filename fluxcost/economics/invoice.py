"""Invoices: what is charged, line by line, under the column names of FOCUS.

FOCUS is the FinOps Foundation's open format for bills. Of its four costs, List is the public price,
Contracted the price agreed, Billed what is invoiced in the period, and Effective spreads money paid
ahead over the time it covers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from fluxcost.errors import InputError
from fluxcost.estimate import Draws, Estimate, Source

Amount = float | Draws
"""A number, or one for each draw."""


class Category(StrEnum):
    """FOCUS charge categories."""

    USAGE = "Usage"
    PURCHASE = "Purchase"
    CREDIT = "Credit"
    TAX = "Tax"


@dataclass(frozen=True, eq=False)
class Line:
    """One charge.

    Attributes:
        name: What is charged for.
        category: Its kind.
        quantity: How much of it, in `unit`.
        unit: Such as h, GiB or images.
        list_usd: USD at the public price.
        contracted_usd: USD at the price agreed.
        effective_usd: USD with money paid ahead spread over what it covers.
        billed_usd: USD on this month's invoice.
    """

    name: str
    category: Category
    quantity: Amount
    unit: str
    list_usd: Amount
    contracted_usd: Amount
    effective_usd: Amount
    billed_usd: Amount

    @classmethod
    def plain(
        cls, name: str, quantity: Amount, unit: str, usd: Amount, list_usd: Amount | None = None
    ) -> Line:
        """Return usage that is billed as it is used."""
        listed = usd if list_usd is None else list_usd
        return cls(name, Category.USAGE, quantity, unit, listed, usd, usd, usd)

    @classmethod
    def other(cls, name: str, category: Category, usd: Amount) -> Line:
        """Return a fee, credit or tax, the same in all four columns."""
        return cls(name, category, 1.0, "month", usd, usd, usd, usd)


COSTS = ("list_usd", "contracted_usd", "effective_usd", "billed_usd")


@dataclass(frozen=True, eq=False)
class Invoice:
    """The charges of one month or job.

    Attributes:
        provider: Who sends it.
        resource: Id of the offer or tariff.
        lines: The charges.
    """

    provider: str
    resource: str
    lines: tuple[Line, ...]

    @property
    def billed_usd(self) -> Amount:
        """USD on the invoice."""
        return _total(line.billed_usd for line in self.lines)

    @property
    def effective_usd(self) -> Amount:
        """USD with money paid ahead spread over what it covers."""
        return _total(line.effective_usd for line in self.lines)

    @property
    def contracted_usd(self) -> Amount:
        """USD at the price agreed."""
        return _total(line.contracted_usd for line in self.lines)

    @property
    def list_usd(self) -> Amount:
        """USD at the public price."""
        return _total(line.list_usd for line in self.lines)

    def line(self, name: str) -> Line:
        """Return a line by name.

        Raises:
            InputError: There is no such line.
        """
        for line in self.lines:
            if line.name == name:
                return line
        names = ", ".join(line.name for line in self.lines)
        raise InputError(f"line {name!r} is not on the invoice; expected one of {names}.")

    def to_focus(self) -> list[dict[str, Any]]:
        """Return one row per line with FOCUS column names; amounts must be plain numbers."""
        return [
            {
                "ProviderName": self.provider,
                "ResourceId": self.resource,
                "BillingCurrency": "USD",
                "ChargeCategory": str(line.category),
                "ChargeDescription": line.name,
                "ConsumedQuantity": float(line.quantity),
                "ConsumedUnit": line.unit,
                "ListCost": float(line.list_usd),
                "ContractedCost": float(line.contracted_usd),
                "EffectiveCost": float(line.effective_usd),
                "BilledCost": float(line.billed_usd),
            }
            for line in self.lines
        ]

    def to_csv(self) -> str:
        """Return the rows of `to_focus` as CSV."""
        rows = self.to_focus()
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


@dataclass(frozen=True, eq=False)
class Bill:
    """An invoice with intervals.

    Attributes:
        invoice: The charges at the point estimates.
        billed: USD on the invoice.
        effective: USD with money paid ahead spread over what it covers.
        lines: Effective USD by line.
        images: Images it pays for.
        caveats: What a reader must know about the prices.
    """

    invoice: Invoice
    billed: Estimate
    effective: Estimate
    lines: Mapping[str, Estimate]
    images: int
    caveats: tuple[str, ...]

    @property
    def usd_per_image(self) -> Estimate:
        """Effective USD over the images."""
        return self.effective.scaled(1 / self.images, "USD/image")

    def to_dict(self) -> dict[str, Any]:
        """Return the bill as plain values; `focus` holds the rows of a FOCUS export."""
        return {
            "offer": self.invoice.resource,
            "images": self.images,
            "billed": self.billed.to_dict(),
            "effective": self.effective.to_dict(),
            "usd_per_image": self.usd_per_image.to_dict(),
            "lines": {name: usd.to_dict() for name, usd in self.lines.items()},
            "focus": self.invoice.to_focus(),
            "caveats": list(self.caveats),
        }


def estimated(
    make: Callable[..., Invoice],
    inputs: tuple[Estimate, ...],
    *,
    images: int,
    caveats: tuple[str, ...],
) -> Bill:
    """Return the bill of an invoice made once at the point and once over all draws."""
    point = make(*(estimate.value for estimate in inputs))
    drawn = make(*(estimate.draws for estimate in inputs))
    source = Source.weakest(estimate.source for estimate in inputs)
    evidence = tuple(dict.fromkeys(line for each in inputs for line in each.evidence))

    def spread(value: Amount, drawn: Amount) -> Estimate:
        draws = np.broadcast_to(np.asarray(drawn, dtype=np.float64), inputs[0].draws.shape)
        return Estimate(float(value), "USD", source, evidence, draws)

    pairs = zip(point.lines, drawn.lines, strict=True)
    return Bill(
        invoice=point,
        billed=spread(point.billed_usd, drawn.billed_usd),
        effective=spread(point.effective_usd, drawn.effective_usd),
        lines={one.name: spread(one.effective_usd, all_.effective_usd) for one, all_ in pairs},
        images=images,
        caveats=caveats,
    )


def _total(amounts: Iterable[Amount]) -> Amount:
    total: Amount = 0.0
    for amount in amounts:
        total = total + amount
    return total
