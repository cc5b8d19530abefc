"""Choosing batches unseen, against machines whose best batch is known."""

import numpy as np
import pytest

from fluxcost.errors import MissingDataError
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.validation.batch_choice import BatchChoice, choose_batches
from tests.synthetic import Machine, make_calibration

BATCHES = (1, 2, 4, 8)
GRID = [(512, 512, 4, 1), (768, 768, 4, 1), *((1024, 1024, 4, batch) for batch in BATCHES)]


def bent(batch: int, factor: float, machine: Machine | None = None) -> Calibration:
    """A calibration whose calls of one batch take another time than the machine's physics say."""
    straight = make_calibration(machine, grid=GRID, seed=3)
    cells = [stretched(cell, factor if cell.batch == batch else 1.0) for cell in straight.cells]
    return straight.model_copy(update={"cells": tuple(cells)})


def stretched(cell: Cell, factor: float) -> Cell:
    assert cell.samples is not None
    samples = cell.samples.model_copy(
        update={
            "wall_s": tuple(wall * factor for wall in cell.samples.wall_s),
            "text_encode_s": tuple(span * factor for span in cell.samples.text_encode_s),
            "denoise_step_s": tuple(
                tuple(span * factor for span in row) for row in cell.samples.denoise_step_s
            ),
            "vae_decode_s": tuple(span * factor for span in cell.samples.vae_decode_s),
        }
    )
    return cell.model_copy(update={"samples": samples})


def rate(calibration: Calibration, batch: int) -> float:
    """Images a second of the calls themselves."""
    (cell,) = [c for c in calibration.cells if c.width == 1024 and c.batch == batch]
    assert cell.samples is not None
    return batch / float(np.mean(cell.samples.wall_s))


def only_choice(calibration: Calibration) -> BatchChoice:
    found = choose_batches(calibration)
    (choice,) = found.choices
    assert (found.max_regret, found.median_regret) == (choice.regret, choice.regret)
    assert (found.noise, found.within_noise) == (choice.noise, choice.within_noise)
    return choice


def test_a_machine_that_follows_the_physics_is_chosen_right():
    choice = only_choice(bent(1, 1.0))
    assert (choice.shape, choice.batches) == ("1024x1024, 4 steps", BATCHES)
    assert choice.chosen == choice.best == 8
    assert choice.regret == 0
    assert choice.noise > 0
    assert choice.within_noise


def test_a_batch_that_is_secretly_best_is_regretted():
    calibration = bent(4, 0.8)
    choice = only_choice(calibration)
    assert (choice.chosen, choice.best) == (8, 4)
    assert choice.regret == pytest.approx(1 - rate(calibration, 8) / rate(calibration, 4))
    assert choice.best_images_per_s == pytest.approx(rate(calibration, 4))
    assert choice.chosen_images_per_s == pytest.approx(rate(calibration, 8))
    assert choice.noise < 0.05
    assert not choice.within_noise


def test_a_regret_the_measurement_cannot_tell_is_within_its_noise():
    machine = Machine(gpu_noise=0.08)
    straight = bent(4, 1.0, machine)
    choice = only_choice(bent(4, rate(straight, 4) / rate(straight, 8) / 1.01, machine))
    assert (choice.chosen, choice.best) == (8, 4)
    assert choice.regret == pytest.approx(1 - 1 / 1.01)
    assert choice.regret < choice.noise
    assert choice.within_noise


def test_two_batches_are_no_choice():
    grid = [(512, 512, 4, 1), (768, 768, 4, 1), (1024, 1024, 4, 1), (1024, 1024, 4, 2)]
    with pytest.raises(MissingDataError, match="no size was measured at 3 batches"):
        choose_batches(make_calibration(grid=grid))
    steps = [*grid, (1024, 1024, 8, 4)]  # a third batch, but at other steps
    with pytest.raises(MissingDataError, match="no size was measured at 3 batches"):
        choose_batches(make_calibration(grid=steps))
