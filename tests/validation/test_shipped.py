"""Every calibration that ships: above its floors, and predicted from its own rest as reported.

The bounds are what the fit reached on the shipped records, rounded up: a change that makes it worse
fails here. Where a bound is above the aim (within a run 1.5 % median and 5 % at the 95th
percentile, another machine 3 % and 8 %), the eager stack waits for a CPU whose pace differs from
one start to the next by more than that.
"""

import contextlib
import functools
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from fluxcost.errors import MissingDataError
from fluxcost.estimate import Source, UntrustworthyError
from fluxcost.performance.calibration.library import (
    held_out_record,
    load_calibration,
    shipped_calibrations,
)
from fluxcost.performance.exact_cells import PUBLISHED_SIGMA
from fluxcost.performance.fit import Fit, fit
from fluxcost.performance.observations import groups_of
from fluxcost.validation.batch_choice import batch_regret, bound_regret
from fluxcost.validation.cells import ValidationReport
from fluxcost.validation.fit_validation import score_folds, score_held_out_record, validate
from fluxcost.validation.folds import Fold, HeldOut, folds, sampled_runs
from fluxcost.validation.memory_and_energy import edge_report, resource_report
from fluxcost.workload.shape import Shape

MEASURED = [entry.alias for entry in shipped_calibrations() if entry.source is Source.MEASURED]
OTHER_MODELS = [alias for alias in MEASURED if "/flux2-klein-4b/" not in alias]
"""Records taken to compare models: two to four sizes and batches."""
FULL = [alias for alias in MEASURED if alias not in OTHER_MODELS]
FEW = [alias for alias in MEASURED if len(load_calibration(alias).cells) <= 7]
"""Records of other models, of too few cells to tell energy from."""
SCORED = [alias for alias in FEW if "z-image" not in alias]
"""Z-Image's two sizes, an image a call, leave none to predict another from."""
SEVERAL = [alias for alias in FULL if len(sampled_runs(load_calibration(alias))) > 1]
EAGER = "h200-sxm/flux2-klein-4b/eager-bf16"
COMPILED = "h200-sxm/flux2-klein-4b/compiled-bf16"
H100_EAGER = "h100-sxm/flux2-klein-4b/eager-bf16"
H100_COMPILED = "h100-sxm/flux2-klein-4b/compiled-bf16"
H100_FP8 = "h100-sxm/flux2-klein-4b/compiled-fp8"
FP8 = "h200-sxm/flux2-klein-4b/compiled-fp8"
BOUNDS = {
    (EAGER, HeldOut.GROUP): (0.019, 0.075),  # of three starts, one with a slower CPU
    (EAGER, HeldOut.GROUP_IN_RUN): (0.017, 0.065),
    (EAGER, HeldOut.RUN): (0.03, 0.115),
    (EAGER, HeldOut.RESOLUTION): (0.024, 0.08),
    (EAGER, HeldOut.BATCH): (0.017, 0.07),
    (H100_EAGER, HeldOut.GROUP): (0.015, 0.05),
    (H100_EAGER, HeldOut.GROUP_IN_RUN): (0.021, 0.105),  # most starts have few cells
    (H100_EAGER, HeldOut.RUN): (0.032, 0.25),
    (H100_EAGER, HeldOut.RESOLUTION): (0.027, 0.06),
    (H100_EAGER, HeldOut.BATCH): (0.021, 0.065),
    (H100_COMPILED, HeldOut.GROUP): (0.01, 0.02),
    (H100_COMPILED, HeldOut.GROUP_IN_RUN): (0.018, 0.027),
    (H100_COMPILED, HeldOut.RUN): (0.01, 0.02),
    (H100_COMPILED, HeldOut.RESOLUTION): (0.014, 0.045),
    (H100_COMPILED, HeldOut.BATCH): (0.015, 0.05),
    (H100_FP8, HeldOut.GROUP): (0.015, 0.03),
    (H100_FP8, HeldOut.RESOLUTION): (0.015, 0.025),  # two batches, none to leave out
    (COMPILED, HeldOut.GROUP): (0.015, 0.025),
    (COMPILED, HeldOut.GROUP_IN_RUN): (0.013, 0.023),
    (COMPILED, HeldOut.RUN): (0.01, 0.02),
    (COMPILED, HeldOut.RESOLUTION): (0.02, 0.03),
    (COMPILED, HeldOut.BATCH): (0.03, 0.055),
    (FP8, HeldOut.GROUP): (0.015, 0.025),
    (FP8, HeldOut.RESOLUTION): (0.015, 0.025),
    (FP8, HeldOut.BATCH): (0.025, 0.085),  # 16 from 1 and 4, at one size
}
"""Alias and what is left out, to the largest median and 95th percentile of the errors."""
OVER_ALL = (HeldOut.GROUP, HeldOut.RESOLUTION, HeldOut.BATCH)
SHORT = {COMPILED, FP8, H100_FP8}
"""Of each kind of stack at least one; eager is here by its sizes, batches and runs, whose folds are
few. The rest runs with the long forms."""


def is_short(alias: str, held_out: HeldOut = HeldOut.GROUP) -> bool:
    of_groups = held_out in {HeldOut.GROUP, HeldOut.GROUP_IN_RUN}
    return alias in SHORT or (alias == EAGER and not of_groups)


def marked(*values: Any, long: bool) -> Any:
    """Return a case, which runs with the long forms where it is one."""
    return pytest.param(*values, marks=[pytest.mark.long] if long else [])


def pairs(*held_out: HeldOut) -> list[Any]:
    """Return the bounded records, each with what is left out of it."""
    return [marked(*pair, long=not is_short(*pair)) for pair in BOUNDS if pair[1] in held_out]


@functools.cache
def groups_left_out(alias: str) -> list[Fold]:
    """Return the folds that several tests ask, each fitted once."""
    return folds(load_calibration(alias), HeldOut.GROUP)


@functools.cache
def report_of(alias: str, held_out: HeldOut) -> ValidationReport:
    calibration = load_calibration(alias)
    if held_out is HeldOut.GROUP:
        return score_folds(calibration, held_out, groups_left_out(alias))
    return validate(calibration, held_out=held_out)


@functools.cache
def fit_of(alias: str) -> Fit:
    return fit(load_calibration(alias))


def test_every_record_that_ships_has_bounds():
    assert {alias for alias, _ in BOUNDS} == set(FULL)


def test_records_of_few_cells_know_what_they_cannot_tell():
    """What they answer is near and inside; small images whose launches they do not show, and
    batches past their reach, are refused."""
    tellable = [
        alias for alias in OTHER_MODELS if len(groups_of(load_calibration(alias).cells)) > 2
    ]
    assert set(OTHER_MODELS) - set(tellable) == {"h100-sxm/z-image-turbo/eager-bf16"}
    cells = [cell for alias in tellable for cell in report_of(alias, HeldOut.GROUP).cells]
    errors = np.abs([cell.relative_error for cell in cells])
    assert len(cells) >= 10
    assert np.median(errors) <= 0.03
    assert max(errors) <= 0.12
    assert np.mean([cell.covered for cell in cells]) >= 0.85


@pytest.mark.parametrize(("alias", "held_out"), pairs(*OVER_ALL))
def test_what_is_left_out_is_predicted_with_honest_intervals(alias: str, held_out: HeldOut):
    report = report_of(alias, held_out)
    median, p95 = BOUNDS[alias, held_out]
    assert report.median_error <= median
    assert report.p95_error <= p95
    assert report.coverage >= 0.85
    from_two = (alias, held_out) == (FP8, HeldOut.BATCH)
    assert report.median_half_width <= (0.12 if from_two else 0.09)


@pytest.mark.parametrize("is_whole", [False, pytest.param(True, marks=pytest.mark.long)])
def test_intervals_of_all_records_together_hold_nine_cells_in_ten(*, is_whole: bool):
    """The aim is 85 to 97 % of at least 120 cells, and a half-width of 4 % between measured ones:
    it is 4.5 %, most of it the CPU's pace in calls that wait for it. Cells are asked of the start
    that timed them; what another adds is judged by the starts left out."""
    asked = [pair for pair in BOUNDS if pair[1] in OVER_ALL]
    asked += [(alias, HeldOut.GROUP_IN_RUN) for alias in SEVERAL]
    asked = [pair for pair in asked if is_whole or is_short(*pair)]
    cells = [cell for pair in asked for cell in report_of(*pair).cells]
    between = [cell for cell in cells if cell.source == "interpolated"]
    widths = [(cell.high_s - cell.low_s) / 2 / cell.predicted_s for cell in between]
    assert len(cells) >= 120
    assert 0.85 <= np.mean([cell.covered for cell in cells]) <= 0.97
    assert np.median(widths) <= 0.047


@pytest.mark.parametrize(
    ("alias", "shapes", "regret"),
    [
        marked(EAGER, 2, 0.01, long=True),
        (COMPILED, 1, 0.01),
        marked(H100_EAGER, 2, 0.01, long=True),
        marked(H100_COMPILED, 1, 0.01, long=True),
    ],
)
def test_batches_chosen_unseen_lose_next_to_nothing(alias: str, shapes: int, regret: float):
    whole, groups = fit_of(alias), groups_left_out(alias)
    found = batch_regret(whole, groups)
    assert len(found.choices) == shapes
    assert found.max_regret <= regret
    assert found.within_noise
    bound = bound_regret(whole, groups)
    assert len(bound.choices) >= 35
    assert bound.max_regret <= 0.01
    assert bound.share_late == 0


@pytest.mark.parametrize("alias", SCORED)
def test_shipped_memory_of_other_models_is_predicted_unseen(alias: str):
    """A UNet's activations weigh more beside its weights, which the decoder's do not tell.

    Compiled, whose peak also depends on what was compiled before, one of its 6 is outside.
    """
    memory = resource_report(fit_of(alias), "memory", HeldOut.GROUP, groups_left_out(alias))
    wide = alias.endswith("sdxl-1.0/compiled-bf16")
    assert memory.max_error <= (0.075 if wide else 0.04 if "sdxl" in alias else 0.015)
    assert memory.coverage >= (0.8 if wide else 1)


@pytest.mark.parametrize(
    "alias", [marked(each, long=not is_short(each)) for each in MEASURED if each not in FEW]
)
def test_shipped_memory_and_energy_are_predicted_unseen(alias: str):
    """The aims are 3 % for memory and 5 % for energy.

    A compiled stack's peak depends on what was compiled before it by up to 4.3 %.
    """
    measured, parts = fit_of(alias), groups_left_out(alias)
    memory = resource_report(measured, "memory", HeldOut.GROUP, parts)
    energy = resource_report(measured, "energy", HeldOut.GROUP, parts)
    assert memory.median_error <= 0.03
    assert memory.max_error <= (0.043 if "compiled" in alias else 0.01)
    assert energy.median_error <= (0.035 if "fp8" in alias else 0.02)
    assert energy.p95_error <= (0.055 if "fp8" in alias else 0.05)
    assert memory.coverage >= (0.7 if "fp8" in alias else 0.85)  # of its 7 cells, 2 outside
    assert energy.coverage >= 0.75  # of 9 cells, 2 outside


@pytest.mark.parametrize(("alias", "held_out"), pairs(HeldOut.GROUP_IN_RUN, HeldOut.RUN))
def test_runs_predict_themselves_and_each_other(alias: str, held_out: HeldOut):
    report = report_of(alias, held_out)
    median, p95 = BOUNDS[alias, held_out]
    assert report.median_error <= median
    assert report.p95_error <= p95


@pytest.mark.parametrize(
    "alias", [marked(each, long=each not in {EAGER, COMPILED, FP8}) for each in FULL]
)
def test_shipped_fits_keep_their_order(alias: str):
    fitted = fit_of(alias)
    times = answered(fitted, [(Shape(side, side, 5), 1) for side in range(400, 2049, 16)])
    assert len(times) > 30
    assert times == sorted(times)
    calls = answered(fitted, [(Shape(768, 768, 5), batch) for batch in range(1, 17)])
    assert len(calls) > 5
    assert calls == sorted(calls)


def answered(fitted: Fit, asked: list[tuple[Shape, int]]) -> list[float]:
    """Return the median seconds of what the fit does not refuse, in order."""
    found = []
    for shape, batch in asked:
        with contextlib.suppress(UntrustworthyError, MissingDataError):
            found.append(fitted.latency(shape, batch).value)
    return found


@pytest.mark.parametrize(
    ("aliases", "count"), [((EAGER, COMPILED), 81), marked(tuple(SEVERAL), 196, long=True)]
)
def test_intervals_from_one_start_hold_nine_in_ten_cells_of_another(
    aliases: tuple[str, ...], count: int
):
    cells = [cell for alias in aliases for cell in report_of(alias, HeldOut.RUN).cells]
    assert len(cells) == count
    assert 0.88 <= np.mean([cell.covered for cell in cells]) <= 0.97


@pytest.mark.parametrize(
    ("alias", "known", "new"),
    [
        marked(H100_EAGER, (0.018, 0.08, 0.9), (0.015, 0.1, 0.9), long=True),
        (H100_COMPILED, None, (0.022, 0.03, 0.97)),
        (EAGER, (0.022, 0.14, 0.75), (0.04, 0.21, 0.65)),
        (COMPILED, (0.016, 0.03, 0.97), (0.014, 0.03, 0.97)),
    ],
)
def test_cells_no_fit_ever_saw_are_predicted_as_those_left_out(
    alias: str, known: tuple[float, float, float] | None, new: tuple[float, float, float]
):
    """The aim is 1.5 % and 5 % of a start the fit knows, 3 % and 8 % of another.

    Eager misses it: seconds in which the CPU launches slowly move a small call by a quarter, and
    the H200's two other starts, within an hour of one host, do not show how slow a CPU may be.
    """
    fitted = fit_of(alias)
    unseen = held_out_record(fitted.calibration)
    assert unseen is not None
    found = score_held_out_record(fitted, unseen)
    assert (found.known_run is None) == (known is None)
    for report, bounds in ((found.known_run, known), (found.new_run, new)):
        if report is not None and bounds is not None:
            assert len(report.cells) >= 12
            assert report.median_error <= bounds[0]
            assert report.p95_error <= bounds[1]
            assert report.coverage >= bounds[2]


@pytest.mark.parametrize("alias", [EAGER, H100_EAGER])
def test_the_largest_batch_that_ran_is_named(alias: str):
    fitted = fit_of(alias)
    unseen = held_out_record(fitted.calibration)
    assert unseen is not None
    reports = [edge_report(fitted, edge, unseen) for edge in unseen.memory_edges]
    assert len(reports) == 2
    assert all(report.predicted == report.ran and report.answer_ran for report in reports)


def test_a_printed_figure_repeats_no_better_than_our_own():
    """The spread given to published figures is that between two starts of the stock stack, each
    point counting alike however often it was timed, rounded up."""
    squares = []
    for alias in (EAGER, H100_EAGER):
        by_point: dict[str, list[float]] = {}
        for cell in load_calibration(alias).ok_cells:
            assert cell.samples is not None
            by_point.setdefault(cell.label, []).append(float(np.median(cell.samples.wall_s)))
        pairs = [list(combinations(medians, 2)) for medians in by_point.values()]
        squares += [
            np.mean([np.log(second / first) ** 2 for first, second in each])
            for each in pairs
            if each
        ]
    assert PUBLISHED_SIGMA - 0.01 < np.sqrt(np.mean(squares)) <= PUBLISHED_SIGMA
