"""Workers that requests start and that stop when idle."""

from __future__ import annotations

from dataclasses import dataclass

from fluxcost.economics.billing import billed_seconds
from fluxcost.economics.coldstart import ColdStart
from fluxcost.economics.invoice import Amount
from fluxcost.economics.metering import Span
from fluxcost.economics.offers import Offer, Phase
from fluxcost.economics.uses.spans import IDLE_TAIL, ROUNDING, refuse_less


@dataclass(frozen=True)
class Serverless:
    """Workers started by requests and stopped when idle.

    Attributes:
        cold_starts: Times a month a worker starts.
        cold: What each start takes.
    """

    cold_starts: int
    cold: ColdStart

    def __post_init__(self) -> None:
        refuse_less("cold_starts", self.cold_starts, 1)

    def spans(self, offer: Offer, gpu_s: Amount, sized_for_s: float) -> tuple[Span, ...]:
        """Return each part of the starts, the runs, the idle tails, and what rounding adds."""
        count, phases = self.cold_starts, offer.billing.billed_phases
        starting = self.cold.parts() if Phase.STARTUP in phases else {}
        tail_s = (offer.billing.idle_timeout_s or 0.0) if Phase.IDLE in phases else 0.0
        run_s = gpu_s / offer.gpu_count
        startup_s = sum(starting.values())
        billed_s = billed_seconds(offer, running_s=run_s / count, startup_s=startup_s) * count
        rounding_s = billed_s - run_s - (startup_s + tail_s) * count
        return (
            *(Span(name, seconds * count) for name, seconds in starting.items()),
            Span("run", run_s),
            Span(IDLE_TAIL, tail_s * count),
            Span(ROUNDING, rounding_s),
        )
