"""Joining campaigns keeps every cell with its run, and refuses what does not belong together."""

from datetime import UTC, datetime

import pytest

from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.calibration.measuring_run import Environment, MeasuringRun
from fluxcost.performance.calibration.schema import Calibration
from measure.calibration_merge import merge_calibrations
from measure.journal import Journal, JournalRow
from measure.json_lines import JOURNAL_FILE
from tests.measure.test_journal import HEADER, a_cell

ENVIRONMENT = Environment(
    gpu_name="a CPU",
    gpu_memory_gib=8.0,
    cpu_model="a CPU",
    cpu_cores=2,
    host_memory_gib=8.0,
    python="3.11",
    packages={},
    weights="synthetic",
)


def campaign(folder, run, *steps, header=HEADER):
    journal = Journal.open(folder, header)
    journal.append(
        JournalRow(
            run=MeasuringRun(
                id=run, started_at=datetime(2026, 11, 23, tzinfo=UTC), environment=ENVIRONMENT
            )
        )
    )
    for each in steps:
        journal.append(JournalRow(cell=a_cell(each).model_copy(update={"run": run})))
    journal.close()
    return folder / JOURNAL_FILE


def test_a_point_measured_on_two_machines_stands_twice(tmp_path):
    one = campaign(tmp_path / "one", "r1", 1, 2)
    two = campaign(tmp_path / "two", "r2", 2)
    joined = merge_calibrations([one, two])
    assert [(cell.steps, cell.run) for cell in joined.cells] == [(1, "r1"), (2, "r1"), (2, "r2")]
    assert [run.id for run in joined.runs] == ["r1", "r2"]


def test_calibrations_and_unfinished_journals_join(tmp_path):
    one = campaign(tmp_path / "one", "r1", 1)
    saved = tmp_path / "one.json"
    merge_calibrations([one]).save(saved)
    two = campaign(tmp_path / "two", "r2", 2)
    two.write_bytes(two.read_bytes() + b'{"cell": {"wid')
    joined = merge_calibrations([saved, two])
    assert isinstance(joined, Calibration)
    assert len(joined.cells) == 2


def test_the_same_run_twice_is_refused(tmp_path):
    one = campaign(tmp_path / "one", "r1", 1)
    with pytest.raises(InputError, match="the same run is in two of the files"):
        merge_calibrations([one, one])


def test_another_model_is_refused_by_name(tmp_path):
    one = campaign(tmp_path / "one", "r1", 1)
    other = HEADER.model_copy(update={"model": "other"})
    two = campaign(tmp_path / "two", "r2", 1, header=other)
    with pytest.raises(InputError, match=r"is cpu/other/eager-bf16.*expected cpu/tiny/eager-bf16"):
        merge_calibrations([one, two])


def test_an_empty_journal_is_refused(tmp_path):
    path = tmp_path / JOURNAL_FILE
    path.write_text("")
    with pytest.raises(DocumentError, match="empty; expected a journal"):
        merge_calibrations([path])
