"""Ratios of known truth, and comparisons that would mean nothing."""

import subprocess
import sys

import numpy as np
import pytest

from fluxcost.errors import InputError, MissingDataError
from fluxcost.performance.calibration.schema import Calibration
from measure.calibration_comparison import compare_calibrations, describe_ratio
from tests.synthetic import make_calibration


def sped_up(calibration: Calibration, factor: float) -> Calibration:
    """The same calls, each of its times divided by a factor."""

    def faster(cell):
        samples = cell.samples
        columns = {
            name: np.array(getattr(samples, name)) / factor for name in type(samples).model_fields
        }
        return cell.model_copy(
            update={"samples": type(samples)(**{k: v.tolist() for k, v in columns.items()})}
        )

    stack = calibration.stack.model_copy(update={"alias": "faster"})
    return calibration.model_copy(
        update={"stack": stack, "cells": tuple(faster(cell) for cell in calibration.cells)}
    )


def with_package(calibration: Calibration, name: str, version: str) -> Calibration:
    def changed(run):
        packages = run.environment.packages | {name: version}
        environment = run.environment.model_copy(update={"packages": packages})
        return run.model_copy(update={"environment": environment})

    return calibration.model_copy(update={"runs": tuple(map(changed, calibration.runs))})


def test_a_record_compared_with_itself_is_exactly_one():
    calibration = make_calibration(seed=1)
    cells, mean = compare_calibrations(calibration, calibration)
    assert len(cells) == len(calibration.cells)
    for ratio in (mean, *(cell.ratio for cell in cells)):
        assert (ratio.low, ratio.value, ratio.high) == (1, 1, 1)
        assert describe_ratio(ratio) == "no significant difference"


def test_a_known_speed_up_is_found_at_every_cell():
    calibration = make_calibration(seed=1)
    cells, mean = compare_calibrations(calibration, sped_up(calibration, 1.5))
    for cell in cells:
        assert cell.ratio.value == pytest.approx(1 / 1.5)
        assert cell.ratio.low < 1 / 1.5 < cell.ratio.high
        assert cell.verdict == "1.50 times faster"
    assert mean.value == pytest.approx(1 / 1.5)


def test_slower_is_said_the_other_way_round():
    calibration = make_calibration(seed=1)
    _, mean = compare_calibrations(sped_up(calibration, 1.5), calibration)
    assert describe_ratio(mean) == "1.50 times slower"


def test_two_noisy_runs_of_one_truth_do_not_differ():
    _, mean = compare_calibrations(make_calibration(seed=1), sped_up(make_calibration(seed=2), 1.0))
    assert describe_ratio(mean) == "no significant difference"


def test_another_torch_is_refused_by_name_unless_it_is_the_point():
    calibration = make_calibration(seed=1)
    newer = sped_up(with_package(calibration, "torch", "9.9"), 1.5)
    with pytest.raises(InputError, match=r"torch is .* and 9\.9 in the second.*--across torch"):
        compare_calibrations(with_package(calibration, "torch", "9.8"), newer)
    _, mean = compare_calibrations(
        with_package(calibration, "torch", "9.8"), newer, across=["torch"]
    )
    assert mean.value == pytest.approx(1 / 1.5)


def test_other_models_and_strangers_are_refused():
    calibration = make_calibration(seed=1)
    other = calibration.model_copy(update={"model": "another"})
    with pytest.raises(InputError, match="time flux2-klein-4b and another"):
        compare_calibrations(calibration, other)
    first, second = (
        calibration.model_copy(update={"cells": cells})
        for cells in (calibration.cells[:12], calibration.cells[12:])
    )
    with pytest.raises(MissingDataError, match="share no cell"):
        compare_calibrations(first, second)
    with pytest.raises(InputError, match="--across names colour; expected some of gpu"):
        compare_calibrations(calibration, calibration, across=["colour"])


def test_the_command_prints_each_cell_and_the_mean():
    eager, compiled = (f"h200-sxm/flux2-klein-4b/{stack}-bf16" for stack in ("eager", "compiled"))
    command = [sys.executable, "-m", "measure", "compare", eager, compiled]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.count("times faster") >= 10
    assert "geometric mean of 11 cells" in result.stdout
