"""How well the simulator predicts a recorded load: the result, number by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from fluxcost.evidence.scenarios.record import Scenario
from fluxcost.records import Count, Finite, Name, NonNegative, Positive, Record

if TYPE_CHECKING:
    import pandas as pd


class Compared(Record):
    """One number, predicted and measured."""

    quantity: Name = Field(description="p50, p95, p99, throughput or utilization.")
    unit: Name
    predicted: NonNegative
    measured: Positive
    error: Finite = Field(description="Predicted over measured, less 1.")


class Band(Record):
    """Where the 99th percentile of nine in ten simulated runs of this length lies."""

    arrivals: Name = Field(description="'recorded', or 'fresh': drawn anew at the same rate.")
    runs: Count
    low_s: Positive
    high_s: Positive
    holds: bool = Field(description="Whether the measured 99th percentile lies within.")


class Prediction(Record):
    """One run as the simulator predicts it from one set of call times."""

    timings: Name = Field(description="'same start', or the calibration's alias.")
    source: Name = Field(description="Of the call times, such as measured or interpolated.")
    verdict: Name
    reason: str
    compared: tuple[Compared, ...]
    bands: tuple[Band, ...]

    def error(self, quantity: str) -> float:
        """Return one quantity's signed error."""
        return next(each.error for each in self.compared if each.quantity == quantity)


class RunReport(Record):
    """One recorded run against its predictions."""

    run: Name
    scenario: Scenario
    batching: Name
    load: Positive | None
    requests: Count
    verdict: Name = Field(description="By the same rule, from what was recorded.")
    reason: str
    slower_calls: Finite = Field(
        description="Calls under load over warm calls of their size, less 1; mean over calls."
    )
    predictions: tuple[Prediction, ...]


class NotReplayed(Record):
    """A run, or a set of call times, that was left out, with the reason."""

    what: Name
    reason: str


class ScenarioReport(Record):
    """How well the simulator predicts a loaded replica, run by run."""

    record: Name
    content_hash: Name
    runs: tuple[RunReport, ...]
    skipped: tuple[NotReplayed, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per run, call times and quantity; needs pandas."""
        import pandas as pd

        return pd.DataFrame(
            {
                "run": run.run,
                "load": run.load,
                "batching": run.batching,
                "timings": prediction.timings,
                **each.to_dict(),
            }
            for run in self.runs
            for prediction in run.predictions
            for each in prediction.compared
        )
