"""Cells and memory edges that no fit sees, scored where the truth of both is known."""

import pytest

import fluxcost as fc
from fluxcost.errors import InputError, MissingDataError
from fluxcost.performance.calibration.extra_measurements import MemoryEdge
from fluxcost.performance.calibration.library import HELD_OUT, held_out_record, shipped_calibrations
from fluxcost.performance.calibration.measured_cell import Cell, Memory, Samples
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from fluxcost.validation.fit_validation import score_held_out_record, validate_all
from fluxcost.validation.folds import only_runs
from fluxcost.validation.memory_and_energy import edge_report
from tests.synthetic import EAGER, Machine, make_calibration

ODD = [(896, 1152, 5, 1), (640, 640, 20, 1), (768, 768, 3, 3), (1600, 400, 2, 5)]
ELSEWHERE = "another start"

WHOLE = EAGER.model_copy(
    update={"alias": "whole-bf16", "settings": EAGER.settings | {"compile": "vae.decode"}}
)
"""A stack that does not decode layer by layer."""


def unseen(*, started: str = "run-1") -> Calibration:
    record = make_calibration(grid=ODD, seed=7)
    runs = (record.runs[0].model_copy(update={"id": started}),)
    cells = tuple(cell.model_copy(update={"run": started}) for cell in record.cells)
    return record.model_copy(update={"runs": runs, "cells": cells})


def both_starts() -> Calibration:
    here, there = unseen(), unseen(started=ELSEWHERE)
    slower = Machine(step_s_per_kilotoken=1.2 * Machine.step_s_per_kilotoken)
    cells = make_calibration(slower, grid=ODD[:2], seed=8).cells
    moved = tuple(cell.model_copy(update={"run": ELSEWHERE}) for cell in cells)
    return here.model_copy(update={"runs": here.runs + there.runs, "cells": here.cells + moved})


def test_cells_of_a_known_start_and_of_another_are_reported_apart():
    found = score_held_out_record(fit(make_calibration()), both_starts())
    known, new = found.known_run, found.new_run
    assert known is not None
    assert new is not None
    assert (known.same_run, new.same_run) == (True, False)
    assert (len(known.cells), len(new.cells)) == (4, 2)
    assert known.median_error < 0.015
    assert new.bias < -0.05  # the other machine's steps take a fifth longer


def test_a_start_that_is_known_is_also_asked_of_a_fit_without_it():
    """The calibration knows both starts; of each, the unseen cells are asked of the other's fit."""
    calibration = make_calibration()
    slower = make_calibration(Machine(step_s_per_kilotoken=1.2 * Machine.step_s_per_kilotoken))
    moved = tuple(cell.model_copy(update={"run": ELSEWHERE}) for cell in slower.cells)
    two = calibration.model_copy(
        update={
            "runs": (*calibration.runs, calibration.runs[0].model_copy(update={"id": ELSEWHERE})),
            "cells": calibration.cells + moved,
        }
    )
    found = score_held_out_record(fit(two), unseen())
    alone = score_held_out_record(fit(only_runs(two, {ELSEWHERE})), unseen())
    assert found.known_run is not None
    assert found.known_run.same_run
    assert alone.known_run is None
    assert found.new_run is not None
    assert alone.new_run is not None
    assert found.new_run.cells == alone.new_run.cells
    assert found.new_run.bias > 0.1  # the other's steps take a fifth longer
    assert abs(found.known_run.bias) < 0.015  # and the fit knows by how much


def test_a_calibration_that_holds_unseen_cells_is_refused():
    record = unseen()
    mixed = make_calibration()
    mixed = mixed.model_copy(update={"cells": mixed.cells + record.cells[:1]})
    with pytest.raises(InputError, match=r"1 of 4 cells .* expected none, since a fit knows"):
        validate_all(mixed, unseen=record)


def test_validate_all_carries_them_and_says_when_there_are_none():
    calibration = make_calibration(grid=[(side, side, 4, 1) for side in (512, 768, 1024)])
    assert validate_all(calibration, unseen=unseen()).unseen is not None
    reasons = {each.check: each.reason for each in validate_all(calibration).skipped}
    assert "measure them with the suite unseen" in reasons["unseen"]


def test_what_ships_for_scoring_is_in_no_calibration():
    for entry in shipped_calibrations():
        assert not entry.alias.startswith(HELD_OUT)
        calibration = fc.load_calibration(entry.alias)
        record = held_out_record(calibration)
        if record is not None:
            assert fc.load_calibration(HELD_OUT + entry.alias) == record
            keys = {(cell.shape, cell.batch) for cell in calibration.cells}
            assert not keys & {(cell.shape, cell.batch) for cell in record.cells}


def trial(batch: int, largest: int) -> Cell:
    head = {"width": 1024, "height": 1024, "steps": 1, "batch": batch, "run": "run-1"}
    if batch > largest:
        return Cell(**head, status="out_of_memory", reason="CUDA out of memory")
    allocated_gib = Machine().memory_gib(1024 * 1024, batch)
    return Cell(
        **head,
        samples=Samples(
            wall_s=(1.0,), text_encode_s=(0.1,), denoise_step_s=((0.5,),), vae_decode_s=(0.3,)
        ),
        memory=Memory(
            allocated_gib=allocated_gib,
            reserved_gib=allocated_gib + 1,
            device_gib=allocated_gib + 1,
        ),
    )


def edge(largest: int) -> MemoryEdge:
    trials = tuple(trial(batch, largest) for batch in (2, 16, largest, largest + 1))
    return MemoryEdge(width=1024, height=1024, steps=1, run="run-1", trials=trials)


def test_an_edge_is_compared_with_the_memory_that_was_fitted():
    """15.4 + 1.9922944 n GiB reaches 79.2 at n = 32.02; the imagined driver's share moves it."""
    calibration = make_calibration(stack=WHOLE)
    report = edge_report(fit(calibration), edge(31), unseen())
    assert (report.ran, report.refused, report.reason) == (31, 32, "out_of_memory")
    assert abs(report.predicted - 31) <= 2
    assert report.answered < report.predicted
    assert report.answer_ran
    assert [peak.batch for peak in report.peaks] == [2, 16, 31]
    assert report.worst_peak_error is not None
    assert report.worst_peak_error < 0.05


def test_layer_by_layer_a_decoder_makes_do_with_less_than_it_takes():
    """15.4 + 3 x 0.5 n GiB and 12 bytes a pixel reach 79.2 at n = 42.2, less the driver's share."""
    report = edge_report(fit(make_calibration()), edge(41), unseen())
    assert abs(report.predicted - 41) <= 1


def test_an_answer_that_did_not_run_is_said():
    assert not edge_report(fit(make_calibration()), edge(20), unseen()).answer_ran


def test_an_edge_past_reach_is_no_answer():
    small = make_calibration(grid=[(side, side, 4, 1) for side in (256, 320, 384)])
    with pytest.raises(MissingDataError, match="measure a larger cell first"):
        edge_report(fit(small), edge(31), unseen())
