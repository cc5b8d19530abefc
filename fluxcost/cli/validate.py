"""How far predictions are from measurements: `fluxcost validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_table, show_text
from fluxcost.documents import refuse_unwritable, write_atomically
from fluxcost.errors import InputError, MissingDataError
from fluxcost.units import percent, quantity, seconds
from fluxcost.validation.accuracy_page import accuracy_page
from fluxcost.validation.batch_choice import BatchRegret, BoundRegret
from fluxcost.validation.cells import CellError, OtherRecord
from fluxcost.validation.fit_validation import HeldOutScores, Validation
from fluxcost.validation.folds import HeldOut
from fluxcost.validation.memory_and_energy import EdgeReport, ResourceReport
from fluxcost.validation.scenarios.scenario_validation import (
    Band,
    ComparedQuantity,
    RunPrediction,
    RunReport,
)


def validate(
    *,
    calibration: Annotated[
        str | None, typer.Argument(help="Alias or path of a file; default: all that were measured.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Predict the cells of this record (alias, hash or path) instead."),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(help="Simulate this record of a GPU under load (name or path) instead."),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="Write the accuracy page of all measured records to this file."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Errors of fits on cells left out of them, or of the simulator on a GPU under load."""
    if page is not None:
        others = (calibration, against, scenario)
        _write_page(page, alone=all(each is None for each in others) and not json)
    elif scenario is not None:
        if against is not None:
            raise InputError(
                f"--against is {against!r} and --scenario is {scenario!r}; give one of the two."
            )
        _validate_scenario(scenario, calibration, json=json)
    elif against is not None:
        _validate_against(calibration, against, json=json)
    else:
        _validate_all([calibration] if calibration is not None else _measured(), json=json)


def _validate_all(names: list[str], *, json: bool) -> None:
    results, unscored = _scored([fc.load_calibration(name) for name in names])
    if not results:
        raise MissingDataError(" ".join(unscored))
    if json:
        show_json("validation", _checks(results) | {"unscored": unscored})
        return
    for result in results:
        _show_checks(result)
    for reason in unscored:
        show_text(f"not scored: {reason}")


def _checks(results: list[Validation]) -> dict[str, object]:
    """Return every check of every record, by kind."""
    return {
        "reports": [report.to_dict() for result in results for report in result.reports],
        "resources": [each.to_dict() for result in results for each in result.resources],
        "batch_choices": [each.batch_choice.to_dict() for each in results if each.batch_choice],
        "bound_choices": [each.bound_choice.to_dict() for each in results if each.bound_choice],
        "unseen": [result.unseen.to_dict() for result in results if result.unseen],
        "skipped": [each.to_dict() for result in results for each in result.skipped],
    }


def _show_checks(result: Validation) -> None:
    for report in result.reports:
        _show_report(report)
    for resource in result.resources:
        show_text(_resource_line(resource))
    if result.batch_choice:
        show_text(_regret_line(result.batch_choice))
    if result.bound_choice:
        show_text(_bound_line(result.bound_choice))
    if result.unseen:
        _show_unseen(result.unseen)
    for skipped in result.skipped:
        show_text(f"skipped {skipped.check}: {skipped.reason}")


def _scored(records: list[fc.Calibration]) -> tuple[list[Validation], list[str]]:
    """Return every check of the records that have the cells, and why the others do not."""
    scored: list[Validation] = []
    unscored: list[str] = []
    for record in records:
        try:
            scored.append(fc.validate_all(record))
        except MissingDataError as error:
            unscored.append(str(error))
    return scored, unscored


def _measured() -> list[str]:
    return [entry.alias for entry in fc.shipped_calibrations() if entry.source != "published"]


def _write_page(path: Path, *, alone: bool) -> None:
    if not alone:
        raise InputError("--page covers all measured records; give it alone.")
    refuse_unwritable(path)
    records = [fc.load_calibration(name) for name in _measured()]
    transfers = [
        fc.validate_against(here, there)
        for here in records
        for there in records
        if here.gpu.key != there.gpu.key
        and (here.model, here.stack.hash) == (there.model, there.stack.hash)
    ]
    scored, unscored = _scored(records)
    write_atomically(path, accuracy_page(scored, transfers, unscored))
    show_text(f"{len(scored)} records in {path}, {len(unscored)} with too few cells")


def _validate_against(calibration: str | None, against: str, *, json: bool) -> None:
    if calibration is None:
        raise InputError(
            f"--against is {against!r} but no calibration is given; name the calibration whose fit "
            "predicts it, such as `fluxcost validate MINE.json --against OTHER.json`."
        )
    report = fc.validate_against(fc.load_calibration(calibration), fc.load_calibration(against))
    if json:
        show_json("validation", {"reports": [report.to_dict()]})
        return
    _show_report(report)


def _show_report(report: fc.ValidationReport) -> None:
    if report.held_out in {HeldOut.GROUP, None}:
        show_table([_cell_row(cell) for cell in report.cells])
    for refusal in report.refusals:
        show_text(f"refused: {refusal.cell}: {refusal.reason}")
    show_text(
        f"{report.calibration}, {_asked(report)}: median error "
        f"{percent(report.median_error)}, 95th percentile {percent(report.p95_error)}, bias "
        f"{percent(report.bias)}, {percent(report.coverage)} of cells inside their 90 % interval, "
        f"whose median half-width is {percent(report.median_half_width)}{_of_runs(report)}."
    )
    if report.against is not None:
        _show_differences(report.against)


def _of_runs(report: fc.ValidationReport) -> str:
    return " (for the runs measured; for other runs it is wider)" if report.same_run else ""


def _asked(report: fc.ValidationReport) -> str:
    if report.held_out is not None:
        return f"{_LEFT_OUT[report.held_out]} ({report.folds})"
    assert report.against is not None  # noqa: S101 - a report is of one or the other
    return f"against {report.against.calibration} ({report.against.content_hash[:12]})"


def _show_unseen(found: HeldOutScores) -> None:
    if found.known_run:
        show_text("Cells that no fit sees, of a start the fit knows:")
        _show_report(found.known_run)
    if found.new_run:
        show_text("Cells that no fit sees, of a start the fit does not know:")
        _show_report(found.new_run)
    for edge in found.edges:
        show_text(_edge_line(edge))


def _edge_line(edge: EdgeReport) -> str:
    tried = f"batch {edge.ran} ran" + (
        f", {edge.refused} did not ({edge.reason.replace('_', ' ')})" if edge.reason else ""
    )
    peaks = (
        f"; peaks within {percent(edge.worst_peak_error)}"
        if edge.worst_peak_error is not None
        else ""
    )
    verdict = "ran" if edge.answer_ran else "did not run"
    return (
        f"{edge.size} on the GPU: {tried}; {edge.predicted} predicted{peaks}; answered "
        f"{edge.answered} with {percent(edge.margin)} left free (limited by {edge.limited_by}), "
        f"which {verdict}."
    )


def _show_differences(against: OtherRecord) -> None:
    for difference in against.differences:
        show_text(f"different {difference.name}: {difference.here}; there {difference.there}")
    if against.alike:
        show_text(f"alike: {', '.join(against.alike)}")
    if against.unknown:
        show_text(f"not recorded in both: {', '.join(against.unknown)}")


def _resource_line(found: ResourceReport) -> str:
    return (
        f"{found.calibration}, {found.quantity} of each size and batch left out of all runs "
        f"({found.folds}): median error {percent(found.median_error)}, 95th percentile "
        f"{percent(found.p95_error)}, worst {percent(found.max_error)}, "
        f"{percent(found.coverage)} of cells inside their 90 % interval."
    )


def _regret_line(found: BatchRegret) -> str:
    verdict = ", within it" if found.within_noise else ""
    return (
        f"{found.calibration}, each shape's batch chosen as if it had not been measured "
        f"({len(found.choices)}): throughput lost to the best batch at most "
        f"{percent(found.max_regret)}, median {percent(found.median_regret)}; noise of the "
        f"measurement {percent(found.noise)}{verdict}."
    )


def _bound_line(found: BoundRegret) -> str:
    return (
        f"the same under {len(found.choices)} bounds on the latency: throughput lost beyond noise "
        f"at most {percent(found.max_regret)}, mean {percent(found.mean_regret)}; "
        f"{percent(found.share_late)} of the calls late beyond it, at most by "
        f"{percent(found.max_late)}."
    )


_LEFT_OUT = {
    HeldOut.GROUP: "each size and batch left out of all runs",
    HeldOut.RESOLUTION: "each size left out at every batch",
    HeldOut.BATCH: "each batch left out at every size",
    HeldOut.GROUP_IN_RUN: "each size and batch left out of its own run",
    HeldOut.RUN: "each run left out",
}


def _cell_row(cell: CellError) -> dict[str, str]:
    return {
        "cell": cell.cell,
        "measured": seconds(cell.measured_s),
        "predicted": seconds(cell.predicted_s),
        "low": seconds(cell.low_s),
        "high": seconds(cell.high_s),
        "error": percent(cell.relative_error),
        "covered": "yes" if cell.covered else "no",
        "source": cell.source,
    }


def _validate_scenario(name: str, calibration: str | None, *, json: bool) -> None:
    """Replay a record and show predictions beside what was measured."""
    given = None if calibration is None else fc.load_calibration(calibration)
    report = fc.validate_scenario(fc.load_scenario(name), calibration=given)
    if json:
        show_json("scenario-validation", report.to_dict())
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


def _numbers_row(run: RunReport, prediction: RunPrediction) -> dict[str, str]:
    numbers = {each.quantity: _number(each) for each in prediction.compared}
    return {"run": run.run, "call times": prediction.timings, **numbers}


def _number(compared: ComparedQuantity) -> str:
    """Return such as '1.02 s (1.00 s) +2.0 %'."""
    predicted, measured = (
        percent(value) if compared.unit == "1" else quantity(value, compared.unit)
        for value in (compared.predicted, compared.measured)
    )
    return f"{predicted} ({measured}) {100 * compared.error:+.1f} %"


def _band_row(run: RunReport, prediction: RunPrediction) -> dict[str, str]:
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
