"""How well the simulator predicts a recorded load: the result, number by number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from fluxcost.capacity.service_times import ServiceTimes
from fluxcost.capacity.simulate import utilization
from fluxcost.capacity.simulator.engine import SimulatedRun
from fluxcost.capacity.stability import stability_of
from fluxcost.checks import refuse_bad_seed, refuse_outside
from fluxcost.errors import FluxcostError, MissingDataError
from fluxcost.performance.calibration.library import load_calibration, shipped_calibrations
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import Fit, fit
from fluxcost.records import Count, Finite, Name, NonNegative, Positive, Record
from fluxcost.validation.scenarios.scenario_record import OPEN, LoadedRun, Scenario, ScenarioRecord
from fluxcost.validation.scenarios.scenario_replay import (
    calibrated_service,
    call_sizes,
    observed,
    replayed,
    warm_service,
    with_new_arrivals,
)

if TYPE_CHECKING:
    import pandas as pd


class ComparedQuantity(Record):
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


class RunPrediction(Record):
    """One run as the simulator predicts it from one set of call times."""

    timings: Name = Field(description="'same start', or the calibration's alias.")
    source: Name = Field(description="Of the call times, such as measured or interpolated.")
    verdict: Name
    reason: str
    compared: tuple[ComparedQuantity, ...]
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
    predictions: tuple[RunPrediction, ...]


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


RUNS = 100
"""Simulated runs behind a prediction, and behind each band: five of them lie past either end."""

LEAST_RUNS = 20
"""Fewer give no 5th and 95th percentile."""

PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0}

SAME_START = "same start"


def validate_scenario(
    record: ScenarioRecord,
    *,
    calibration: Calibration | None = None,
    runs: int = RUNS,
    seed: int = 0,
) -> ScenarioReport:
    """Serve every recorded open-loop run again in the simulator, and compare.

    Call times come from the warm calls of the same start, and from a calibration. The predicted
    numbers are means over simulated runs with the recorded arrivals, each with call times drawn
    anew; the measured 99th percentile is then sought in the band of nine in ten of them, and of as
    many runs whose arrivals are drawn anew too.

    Args:
        record: What `load_scenario` returns.
        calibration: Whose times to use as well; the shipped one of the same GPU, model and stack
            unless given.
        runs: Simulated runs of each kind, 20 at least.
        seed: The same seed gives the same report.

    Raises:
        InputError: runs or seed is out of range.
        MissingDataError: No run of the record can be replayed.
    """
    refuse_outside("runs", runs, LEAST_RUNS)
    refuse_bad_seed(seed)
    skipped: list[NotReplayed] = []
    chosen = _fit(record, calibration, skipped)
    reports: list[RunReport] = []
    for run in record.runs:
        if run.scenario not in OPEN:
            reason = "its next request waits for an answer, or all are there at once."
            skipped.append(NotReplayed(what=run.name, reason=reason))
        elif not run.searching:
            reports.append(_report(run, record, chosen, skipped, _Simulated(runs, seed)))
    if not reports:
        raise MissingDataError(
            f"{record.calibration}: no run of the record has arrivals of its own to replay; "
            "measure --scenario load."
        )
    return ScenarioReport(
        record=record.calibration,
        content_hash=record.content_hash,
        runs=tuple(reports),
        skipped=tuple(skipped),
    )


def _fit(
    record: ScenarioRecord, calibration: Calibration | None, skipped: list[NotReplayed]
) -> tuple[str, Fit] | None:
    """Return the calibration to use beside the warm calls, or note that there is none."""
    if calibration is not None:
        return calibration.alias, fit(calibration)
    if record.calibration in {each.alias for each in shipped_calibrations()}:
        return record.calibration, fit(load_calibration(record.calibration))
    reason = "no such calibration ships; name one to compare with it too."
    skipped.append(NotReplayed(what=record.calibration, reason=reason))
    return None


def _report(
    run: LoadedRun,
    record: ScenarioRecord,
    chosen: tuple[str, Fit] | None,
    skipped: list[NotReplayed],
    simulated: _Simulated,
) -> RunReport:
    warm = warm_service(run, record.warm_calls)
    seen = observed(run)
    verdict, reason, _ = stability_of(replayed(run, warm, simulated.seed), [seen])
    predictions = [simulated.predict(run, SAME_START, warm)]
    if chosen is not None:
        alias, fitted = chosen
        try:
            service = calibrated_service(run, record.warm_calls, fitted)
            predictions.append(simulated.predict(run, alias, service))
        except FluxcostError as error:
            skipped.append(NotReplayed(what=f"{run.name} by {alias}", reason=str(error)))
    return RunReport(
        run=run.name,
        scenario=run.scenario,
        batching=str(run.batching),
        load=run.load,
        requests=len(run.arrived_s),
        verdict=verdict,
        reason=reason,
        slower_calls=_slower_calls(run, record, warm),
        predictions=tuple(predictions),
    )


def _slower_calls(run: LoadedRun, record: ScenarioRecord, warm: ServiceTimes) -> float:
    mean_s = dict(zip(call_sizes(run, record.warm_calls), warm.occupancy_s[0], strict=True))
    calls = zip(run.calls.started_s, run.calls.finished_s, run.calls.size, strict=True)
    return float(np.mean([(end - start) / mean_s[size] for start, end, size in calls])) - 1


class _Simulated:
    """How many runs a prediction rests on, and their seed."""

    def __init__(self, runs: int, seed: int) -> None:
        self.runs = runs
        self.seed = seed

    def predict(self, run: LoadedRun, timings: str, service: ServiceTimes) -> RunPrediction:
        """Serve a run again with one set of call times."""
        trial = replayed(run, service, self.seed)
        central = [trial.run(index) for index in range(self.runs)]
        factors = self._factors(service)
        varied = [trial.run(index, factor) for index, factor in enumerate(factors)]
        fresh = [
            with_new_arrivals(run, service, self.seed + index).run(index, factor)
            for index, factor in enumerate(factors)
        ]
        verdict, reason, _ = stability_of(trial, central)
        measured_s = _percentile(run, 99)
        return RunPrediction(
            timings=timings,
            source=str(service.source),
            verdict=verdict,
            reason=reason,
            compared=tuple(_compared(run, central)),
            bands=(_band("recorded", varied, measured_s), _band("fresh", fresh, measured_s)),
        )

    def _factors(self, service: ServiceTimes) -> list[float]:
        """Return one timing error a run, from the service's draws."""
        if service.factors is None:
            return [1.0] * self.runs
        random = np.random.default_rng(self.seed)
        return [float(factor) for factor in random.choice(service.factors, self.runs)]


def _compared(run: LoadedRun, runs: list[SimulatedRun]) -> Iterable[ComparedQuantity]:
    for name, percentile in PERCENTILES.items():
        predicted = np.mean([each.percentile_s(percentile) for each in runs])
        yield _one(name, "s", float(predicted), _percentile(run, percentile))
    rates = [each.images / (each.span_s + each.left_s) for each in runs]
    yield _one("throughput", "images/s", float(np.mean(rates)), run.throughput_per_s)
    busy = float(np.mean([utilization(each) for each in runs]))
    yield _one("utilization", "1", busy, utilization(observed(run)))


def _one(quantity: str, unit: str, predicted: float, measured: float) -> ComparedQuantity:
    return ComparedQuantity(
        quantity=quantity,
        unit=unit,
        predicted=predicted,
        measured=measured,
        error=predicted / measured - 1,
    )


def _band(arrivals: str, runs: list[SimulatedRun], measured_s: float) -> Band:
    low, high = np.quantile([each.percentile_s(99) for each in runs], (0.05, 0.95))
    return Band(
        arrivals=arrivals,
        runs=len(runs),
        low_s=float(low),
        high_s=float(high),
        holds=bool(low <= measured_s <= high),
    )


def _percentile(run: LoadedRun, percentile: float) -> float:
    """Return a percentile as the simulator counts it: one of the responses, not between two."""
    return float(np.percentile(run.image_response_s, percentile, method="inverted_cdf"))
