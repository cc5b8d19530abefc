"""What is left out never helps to predict itself."""

import pytest

from fluxcost.errors import InputError, MissingDataError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.validation.fit_validation import validate, validate_all
from fluxcost.validation.folds import HeldOut, folds, sampled_runs
from tests.synthetic import make_calibration


def on_two_machines() -> Calibration:
    """The same grid on a second run, all of it 5 % slower, as another CPU might be."""
    first, second = make_calibration(seed=1), make_calibration(seed=2)
    run = second.runs[0].model_copy(update={"id": "another"})
    cells = [cell.model_copy(update={"run": "another"}) for cell in second.cells]
    return first.model_copy(update={"runs": (*first.runs, run), "cells": (*first.cells, *cells)})


def point(cell):
    return cell.width, cell.height, cell.batch


@pytest.mark.parametrize("held_out", list(HeldOut))
def test_every_cell_is_left_out_once(held_out: HeldOut):
    calibration = on_two_machines()
    left_out = [cell for fold in folds(calibration, held_out) for cell in fold.cells]
    assert sorted(map(id, left_out)) == sorted(map(id, calibration.ok_cells))


def test_a_group_is_left_out_of_every_run():
    for fold in folds(on_two_machines(), HeldOut.GROUP):
        assert not {point(cell) for cell in fold.cells} & {point(cell) for cell in fold.rest.cells}
        assert {cell.run for cell in fold.rest.cells} == set(sampled_runs(on_two_machines()))


def test_within_a_run_nothing_of_the_other_run_helps():
    for fold in folds(on_two_machines(), HeldOut.GROUP_IN_RUN):
        (run,) = {cell.run for cell in fold.cells}
        assert {cell.run for cell in fold.rest.cells} == {run}
        assert {each.id for each in fold.rest.runs} == {run}


def test_a_run_left_out_takes_all_its_records_along():
    first, second = folds(on_two_machines(), HeldOut.RUN)
    assert {cell.run for cell in first.cells} == {cell.run for cell in second.rest.cells}
    assert not {cell.run for cell in first.cells} & {cell.run for cell in first.rest.cells}


@pytest.mark.parametrize(
    ("held_out", "parts", "common"),
    [
        (HeldOut.RESOLUTION, 7, lambda cell: (cell.width, cell.height)),
        (HeldOut.BATCH, 5, lambda cell: cell.batch),
    ],
)
def test_nothing_of_a_size_or_batch_left_out_remains(held_out: HeldOut, parts: int, common):
    found = folds(on_two_machines(), held_out)
    assert len(found) == parts
    for fold in found:
        (left_out,) = {common(cell) for cell in fold.cells}
        assert left_out not in {common(cell) for cell in fold.rest.cells}


@pytest.mark.parametrize(
    ("held_out", "message"),
    [("resolution", "2 sizes have samples"), ("batch", "1 batches have samples")],
)
def test_two_sizes_or_one_batch_are_too_few(held_out: str, message: str):
    calibration = make_calibration(grid=[(512, 512, 4, 1), (1024, 1024, 4, 1), (512, 512, 8, 1)])
    with pytest.raises(MissingDataError, match=f"{message}; expected at least 3"):
        validate(calibration, held_out=held_out)


def test_one_run_cannot_be_left_out():
    with pytest.raises(MissingDataError, match="1 runs have cells; expected at least 2"):
        validate(make_calibration(seed=1), held_out="run")


def test_what_cannot_be_left_out_is_skipped_with_its_reason():
    sizes = ((512, 512), (768, 768), (1024, 1024), (1536, 1024))
    result = validate_all(make_calibration(grid=[(w, h, 4, 1) for w, h in sizes]))
    assert [report.held_out for report in result.reports] == ["group", "resolution"]
    assert result.batch_choice is None
    reasons = {skipped.check: skipped.reason for skipped in result.skipped}
    kinds = [HeldOut.BATCH, HeldOut.GROUP_IN_RUN, HeldOut.RUN]
    assert list(reasons) == [*kinds, "energy", "batch choice", "unseen"]
    assert "no size was measured at 3 batches" in reasons["batch choice"]
    assert "1 batches have samples; expected at least 3" in reasons[HeldOut.BATCH]
    assert "one run has cells" in reasons[HeldOut.GROUP_IN_RUN]
    group, resolution = result.reports  # one batch: a size is a group
    assert group.cells == resolution.cells


def test_an_unknown_way_is_refused_by_name():
    with pytest.raises(InputError, match="held_out is 'cell'; expected one of group, resolution, "):
        validate(make_calibration(seed=1), held_out="cell")
