"""What is left out never helps to predict itself."""

import pytest

from fluxcost.errors import InputError, MissingDataError
from fluxcost.evidence.folds import HeldOut, folds, sampled_runs
from fluxcost.evidence.validation import validate, validate_all
from fluxcost.performance.calibration import Calibration
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


def test_one_run_cannot_be_left_out_and_gives_one_report():
    calibration = make_calibration(seed=1)
    with pytest.raises(MissingDataError, match="1 runs have cells; expected at least 2"):
        validate(calibration, held_out="run")
    assert [report.held_out for report in validate_all(calibration)] == [HeldOut.GROUP]


def test_an_unknown_way_is_refused_by_name():
    with pytest.raises(InputError, match="held_out is 'cell'; expected one of group, group-in-run"):
        validate(make_calibration(seed=1), held_out="cell")
