"""The accuracy page: made of the records' own checks, and never older than they are."""

from pathlib import Path

import pytest

import fluxcost as fc
from fluxcost.performance.calibration.library import held_out_record
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.observations import groups_of
from fluxcost.validation.accuracy_page import COMMAND, accuracy_page, record_section
from fluxcost.validation.fit_validation import score_held_out_record
from tests.commands import refused
from tests.synthetic import make_calibration
from tests.validation.test_held_out_record import both_starts, edge

PAGE = (Path(__file__).parents[2] / "docs" / "accuracy.md").read_text(encoding="utf-8")
STALE = f"docs/accuracy.md is stale; run `{COMMAND}`"
SHIPPED = [
    fc.load_calibration(entry.alias)
    for entry in fc.shipped_calibrations()
    if entry.source == "measured"
]
MEASURED = [each for each in SHIPPED if len(groups_of(each.cells)) > 2]
"""Records with groups enough to leave one out."""
SMALL = [each for each in MEASURED if len(each.cells) < 12]
"""Records whose checks take seconds: a formula that changes shows in them as in the others."""


@pytest.mark.parametrize("record", MEASURED, ids=lambda record: record.alias)
def test_the_page_is_of_the_records_that_ship(record: Calibration):
    assert f"## {record.alias}\n\nRecord `{record.content_hash[:12]}`.\n" in PAGE, STALE


@pytest.mark.parametrize("record", SMALL, ids=lambda record: record.alias)
def test_the_page_says_what_the_checks_find_now(record: Calibration):
    assert record_section(fc.validate_all(record)) in PAGE, STALE


@pytest.mark.parametrize("record", MEASURED, ids=lambda record: record.alias)
def test_cells_no_fit_sees_are_on_the_page_as_soon_as_they_are_recorded(record: Calibration):
    start = PAGE.index(f"## {record.alias}\n")
    section = PAGE[start : PAGE.index("\n## ", start)]
    recorded = held_out_record(record) is not None
    assert ("held-out cells, in no fit" in section) == recorded, STALE
    assert ("No held-out cells are recorded" in section) != recorded, STALE


def test_unseen_cells_and_edges_have_their_lines():
    grid = [(side, side, 4, 1) for side in (512, 768, 1024, 1536)]
    calibration = make_calibration(grid=[*grid, (1024, 1024, 4, 16), (512, 512, 4, 4)])
    unseen = both_starts().model_copy(update={"memory_edges": (edge(31),)})
    found = fc.validate_all(calibration, unseen=unseen)
    assert found.unseen == score_held_out_record(fc.fit(calibration), unseen)
    page = accuracy_page([found])
    assert "| a run in the fit * | 4 |" in page
    assert "| a run not in the fit | 2 |" in page
    assert "- Memory at 1024x1024: batch 31 ran and 32 did not; " in page


def test_records_that_ship_with_too_few_cells_say_so():
    for record in SHIPPED:
        if record not in MEASURED:
            assert f"\n- {record.alias}: 2 groups of cells have samples; " in PAGE, STALE


def test_a_record_with_too_few_cells_is_named_and_not_scored():
    grid = [(side, side, 4, 1) for side in (512, 768, 1024)]
    found = fc.validate_all(make_calibration(grid=grid))
    reason = "mine: 2 groups of cells have samples; expected at least 3."
    assert f"## Too few cells to score\n\n- {reason}\n" in accuracy_page([found], (), [reason])
    assert "Too few cells" not in accuracy_page([found])


def test_a_page_of_one_record_is_refused(capsys, tmp_path: Path):
    command = ["validate", MEASURED[0].alias, "--page", tmp_path / "page.md"]
    assert refused(capsys, *command) == "--page covers all measured records; give it alone."
    assert not (tmp_path / "page.md").exists()
