"""A recorded load served again by the simulator: `fluxcost validate --scenario`."""

from __future__ import annotations

import fluxcost as fc
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.evidence.scenarios.report import Band, Compared, Prediction, RunReport
from fluxcost.units import percent, quantity, seconds


def show_scenario(name: str, calibration: str | None, *, json: bool) -> None:
    """Replay a record and show predictions beside what was measured."""
    given = None if calibration is None else fc.load_calibration(calibration)
    report = fc.validate_scenario(fc.load_scenario(name), calibration=given)
    if json:
        show_json(report.to_dict())
        return
    rows = [(run, prediction) for run in report.runs for prediction in run.predictions]
    show_text("Predicted, measured in brackets, signed error:")
    show_table([_numbers_row(run, prediction) for run, prediction in rows])
    show_text("The 99th percentile among simulated runs of the same length, and the verdicts:")
    show_table([_band_row(run, prediction) for run, prediction in rows])
    for run in report.runs:
        show_text(_calls_line(run))
    for skipped in report.skipped:
        show_text(f"skipped {skipped.what}: {skipped.reason}")


def _numbers_row(run: RunReport, prediction: Prediction) -> dict[str, str]:
    numbers = {each.quantity: _number(each) for each in prediction.compared}
    return {"run": run.run, "call times": prediction.timings, **numbers}


def _number(compared: Compared) -> str:
    """Return such as '1.02 s (1.00 s) +2.0 %'."""
    predicted, measured = (
        percent(value) if compared.unit == "1" else quantity(value, compared.unit)
        for value in (compared.predicted, compared.measured)
    )
    return f"{predicted} ({measured}) {100 * compared.error:+.1f} %"


def _band_row(run: RunReport, prediction: Prediction) -> dict[str, str]:
    measured = next(each for each in prediction.compared if each.quantity == "p99").measured
    bands = {f"{each.arrivals} arrivals, 90 %": _band(each) for each in prediction.bands}
    return {
        "run": run.run,
        "call times": prediction.timings,
        "measured p99": seconds(measured),
        **bands,
        "measured": run.verdict,
        "predicted": prediction.verdict,
    }


def _band(band: Band) -> str:
    where = "holds it" if band.holds else "misses it"
    return f"{seconds(band.low_s)} to {seconds(band.high_s)}, {where}"


def _calls_line(run: RunReport) -> str:
    way = "longer" if run.slower_calls >= 0 else "less"
    return (
        f"{run.run}, {run.requests} images: calls under load took "
        f"{percent(abs(run.slower_calls))} {way} than warm ones; {run.verdict}: {run.reason}"
    )
