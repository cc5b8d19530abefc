"""Choosing batches under a bound, against machines whose calls are known."""

import numpy as np
import pytest

from fluxcost.errors import MissingDataError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from fluxcost.validation.batch_choice import BOUNDS, BoundRegret, bound_regret
from fluxcost.validation.folds import HeldOut, folds
from tests.synthetic import make_calibration
from tests.validation.test_batch_choice import BATCHES, bent


def choices(calibration: Calibration) -> BoundRegret:
    return bound_regret(fit(calibration), folds(calibration, HeldOut.GROUP))


def seconds(calibration: Calibration, batch: int) -> float:
    (cell,) = [c for c in calibration.cells if c.width == 1024 and c.batch == batch]
    return float(np.median(cell.calls_s))


def test_a_machine_that_follows_the_physics_is_chosen_right_under_every_bound():
    calibration = bent(1, 1.0)
    found = choices(calibration)
    assert found.shapes == ("1024x1024, 4 steps",)
    assert BOUNDS - 6 <= len(found.choices) <= BOUNDS
    assert (found.max_regret, found.share_late) == (0, 0)
    for choice in found.choices:
        # rates rise with the batch, so the best is the largest that has ended by the bound
        ended = [batch for batch in BATCHES if seconds(calibration, batch) < choice.bound_s]
        assert choice.best in ended[-2:]


def test_a_batch_secretly_slower_than_physics_ends_late():
    """Batch 4 takes 1.2 times what the others say: under a bound between, it is chosen and late."""
    calibration = bent(4, 1.2)
    found = choices(calibration)
    late = [choice for choice in found.choices if choice.late > 0]
    assert late
    assert {choice.chosen for choice in late} == {4}
    assert 0.1 < found.max_late < 0.2
    assert found.share_late == len(late) / len(found.choices)


def test_a_batch_secretly_faster_is_regretted_where_it_is_not_chosen():
    """Batch 4 takes 0.75 of what the others say: under a bound it meets unknown to the fit, batch 2
    is chosen and the rate of 4 lost, less noise."""
    calibration = bent(4, 0.75)
    found = choices(calibration)
    lost = [choice for choice in found.choices if (choice.chosen, choice.best) == (2, 4)]
    assert lost
    truth = 1 - (2 / seconds(calibration, 2)) / (4 / seconds(calibration, 4))
    assert [choice.regret for choice in lost] == pytest.approx([truth] * len(lost), abs=0.03)
    assert found.max_regret >= lost[0].regret
    assert found.mean_regret == pytest.approx(np.mean([c.regret for c in found.choices]))


def test_two_batches_are_no_choice():
    grid = [(512, 512, 4, 1), (768, 768, 4, 1), (1024, 1024, 4, 1), (1024, 1024, 4, 2)]
    with pytest.raises(MissingDataError, match="no size was measured at 3 batches"):
        choices(make_calibration(grid=grid))
