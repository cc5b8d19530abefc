"""Cells that no fit may see: measured in the same start, written into a record of their own."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from fluxcost.documents import write_atomically
from fluxcost.errors import InputError
from fluxcost.performance.calibration.schema import Calibration, read_calibration
from measure.adaptive.loop import AdaptiveGoal
from measure.calibration_merge import merge_calibrations
from measure.calibration_report import print_report
from measure.campaign_runner import RunRequest, run_campaign
from measure.journal import read_journal
from measure.json_lines import JOURNAL_FILE
from measure.suites import Point, load_suite
from tests.measure.conftest import DATA, TINY_MODEL

ADAPTIVE, UNSEEN = str(DATA / "tiny-adaptive.yaml"), str(DATA / "tiny-unseen.yaml")
SHORT = AdaptiveGoal(1e-5, minutes=0.02)


def run(
    out: Path, *suites: str, goal: AdaptiveGoal | None = None, usd_per_hour: float | None = None
) -> str:
    """Run the command in this process and return what it prints."""
    printed = io.StringIO()
    request = RunRequest(
        suites=suites,
        out=out,
        model=TINY_MODEL,
        stack="eager-bf16",
        weights=None,
        device="cpu",
        seed=0,
        scratch=out,
        usd_per_hour=usd_per_hour,
        dry_run=False,
        goal=goal,
    )
    run_campaign(request, Console(file=printed, width=500))
    return printed.getvalue()


def points(record: Calibration) -> set[Point]:
    return {Point(cell.shape, cell.batch) for cell in record.cells}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adaptive calibration and unseen cells, measured in one start."""
    out = tmp_path_factory.mktemp("unseen")
    run(out, ADAPTIVE, UNSEEN, goal=SHORT, usd_per_hour=3.0)
    return out


def record(folder: Path, name: str) -> Calibration:
    (path,) = folder.glob(f"{name}-*.json")
    return read_calibration(path)


def test_unseen_cells_stand_in_a_record_of_their_own(folder: Path):
    seen, unseen = record(folder, "calibration"), record(folder, "held-out")
    assert points(unseen) == set(load_suite(UNSEEN).points())
    assert not points(unseen) & points(seen)
    assert points(seen) <= set(load_suite(ADAPTIVE).points())


def test_both_records_are_of_the_same_start(folder: Path):
    seen, unseen = record(folder, "calibration"), record(folder, "held-out")
    assert {cell.run for cell in seen.cells} == {cell.run for cell in unseen.cells}
    assert [each.id for each in seen.runs] == [each.id for each in unseen.runs]


def test_no_way_of_reading_the_journal_shows_them_to_a_fit(folder: Path):
    journal = folder / JOURNAL_FILE
    unseen = set(load_suite(UNSEEN).points())
    assert not points(read_journal(journal)) & unseen
    assert not points(merge_calibrations([journal])) & unseen


def test_the_record_says_how_the_adaptive_calibration_ended(folder: Path):
    seen, unseen = record(folder, "calibration"), record(folder, "held-out")
    (end,) = seen.adaptive_stops
    assert end.stop == "budget"
    assert end.target_error == SHORT.error
    assert end.expected_error is not None
    assert end.expected_error > SHORT.error
    assert end.cells == len(seen.cells)
    assert end.usd == pytest.approx(3.0 * end.minutes / 60)
    assert unseen.adaptive_stops == ()


def test_the_report_prints_how_it_ended(folder: Path):
    console = Console(width=200, record=True, file=io.StringIO())
    print_report(record(folder, "calibration"), console)
    assert "adaptive calibration to 0.0%: stopped by budget after" in console.export_text()


def test_a_finished_run_measures_nothing_again(folder: Path):
    before = read_journal(folder / JOURNAL_FILE).cells
    again = run(folder, ADAPTIVE, UNSEEN, goal=SHORT)
    assert read_journal(folder / JOURNAL_FILE).cells == before
    assert "nothing new; the held-out record is in" in again


def test_a_point_is_either_held_out_or_not(tmp_path: Path):
    both = tmp_path / "both.yaml"
    text = Path(UNSEEN).read_text(encoding="utf-8")
    write_atomically(both, text.replace("name: tiny-unseen", "name: both").replace("true", "false"))
    with pytest.raises(InputError, match=r"tiny-unseen and both both ask for .* run them one at a"):
        run(tmp_path / "out", UNSEEN, str(both))


def test_a_cpu_has_no_memory_edge(tmp_path: Path):
    with pytest.raises(InputError, match="sought on a GPU only: leave out suites with memory_edge"):
        run(tmp_path / "out", "memory-edge")
