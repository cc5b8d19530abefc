"""Adaptive calibration: replayed over a record, and for real on the CPU."""

import io
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fluxcost.errors import InputError
from fluxcost.performance.architecture import load_architecture
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from measure.adaptive.information_gain import candidate_errors
from measure.adaptive.loop import (
    Adaptive,
    AdaptiveGoal,
    AdaptiveOutcome,
    describe_outcome,
    parse_goal,
    spent_minutes,
)
from measure.campaign_runner import RunRequest, run_campaign
from measure.journal import read_journal
from measure.json_lines import JOURNAL_FILE
from measure.suites import Point, Protocol, load_suite
from tests.measure.conftest import DATA, TINY_MODEL
from tests.synthetic import GRID, Machine, make_calibration

RECORD = load_calibration("h200-sxm/flux2-klein-4b/eager-bf16")
KLEIN = load_architecture("flux2-klein-4b")
COUNTS = Counter(cell.run for cell in RECORD.ok_cells)
RUNS = tuple(run for run, count in COUNTS.items() if count > 20)
"""Starts that measured the full suites."""


class Replay:
    """Serves the cells of one run of a record as if they were measured now."""

    def __init__(self, record: Calibration, run: str) -> None:
        runs = tuple(each for each in record.runs if each.id == run)
        self._rest = record.model_copy(update={"runs": runs, "soaks": (), "weight_scales": ()})
        self.known = {Point(c.shape, c.batch): c for c in record.ok_cells if c.run == run}
        self.cells: list[Cell] = []

    def measure(self, point: Point) -> None:
        self.cells.append(self.known[point])

    def calibration(self) -> Calibration | None:
        if not self.cells:
            return None
        return self._rest.model_copy(update={"cells": tuple(self.cells)})

    def left_out_errors(self) -> list[float]:
        known = self.calibration()
        assert known is not None
        times = fit(known).times
        return [
            abs(
                times.seconds(point.shape.pixels, point.batch, point.shape.steps)
                / float(np.median(cell.calls_s))
                - 1
            )
            for point, cell in self.known.items()
            if cell not in self.cells
        ]


def adaptive(site: Replay) -> Adaptive:
    return Adaptive(site, list(site.known), Protocol(), KLEIN)


@pytest.mark.parametrize("run", RUNS)
def test_a_quarter_of_the_full_suite_reaches_two_percent(run: str):
    """Starts of the shipped record; the cells left out were never seen by the fit. Their
    errors hold the moments' differences too, which measuring more would not take away."""
    site = Replay(RECORD, run)
    outcome = adaptive(site).run(AdaptiveGoal(0.02))
    whole = RECORD.model_copy(update={"cells": tuple(site.known.values())})
    assert outcome.stop == "target"
    assert outcome.cells <= len(site.known) / 2
    assert outcome.minutes < spent_minutes(whole) / 4
    assert float(np.median(site.left_out_errors())) < 0.03


def test_killed_and_started_again_it_goes_on_alike():
    whole, resumed = Replay(RECORD, RUNS[0]), Replay(RECORD, RUNS[0])
    adaptive(whole).run(AdaptiveGoal(0.02))
    resumed.cells = list(whole.cells[:5])
    adaptive(resumed).run(AdaptiveGoal(0.02))
    assert resumed.cells == whole.cells


def test_a_budget_is_kept():
    site = Replay(RECORD, RUNS[0])
    outcome = adaptive(site).run(AdaptiveGoal(0.001, minutes=1.5))
    assert outcome.stop == "budget"
    assert 1.0 < outcome.minutes <= 1.5 * 1.1  # a cell may take longer than was forecast
    assert outcome.error > 0.001


def test_without_a_budget_an_impossible_target_ends_with_the_candidates():
    record = make_calibration(Machine(), grid=GRID[:9])
    site = Replay(record, "run-1")
    outcome = adaptive(site).run(AdaptiveGoal(1e-9))
    assert outcome.stop == "exhausted"
    assert outcome.cells == len(site.known) == 9


def test_what_would_not_fit_is_not_tried():
    site = Replay(RECORD, RUNS[0])
    full = Cell(
        width=1024,
        height=1024,
        steps=4,
        batch=2,
        run=RUNS[0],
        status="out_of_memory",
        reason="full",
    )
    site.cells = [*list(site.known.values())[:3], full]
    adaptive(site).run(AdaptiveGoal(1e-9, minutes=3.0))
    assert not any(cell.batch > 2 and cell.width >= 1024 for cell in site.cells[4:])


def test_a_cell_tells_most_of_itself_and_of_its_neighbors():
    """Gains are at least each point's own variance, and fall for what was measured nearby."""
    few = make_calibration(grid=[(512, 512, 4, 1), (1024, 1024, 4, 1), (512, 512, 4, 16)])
    points = [Point(c.shape, c.batch) for c in make_calibration().cells if c.steps == 8]
    known = candidate_errors(fit(few), points, Protocol())
    assert np.all(known.gains >= known.sigmas**2 * (1 - 1e-9))
    more = candidate_errors(fit(make_calibration()), points, Protocol())
    assert more.error < known.error
    assert known.next_within(math.inf) in points
    assert known.next_within(0.001) is None


@pytest.mark.parametrize(
    ("options", "goal"),
    [
        (("2%", None, None, None), AdaptiveGoal(0.02)),
        (("0.05", 3.0, None, None), AdaptiveGoal(0.05, 3.0)),
        (("2%", 30.0, 0.5, 3.0), AdaptiveGoal(0.02, 10.0)),
        ((None, None, None, 3.0), None),
    ],
)
def test_goals_are_read(options: tuple[str, float, float, float], goal: AdaptiveGoal | None):
    assert parse_goal(*options) == goal


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("200%", None, None, None), "--target-error is '200%'; expected a share"),
        (("two", None, None, None), "--target-error is 'two'"),
        (("2%", -1.0, None, None), "--max-minutes is -1"),
        (("2%", None, 1.0, None), "add --usd-per-hour"),
        ((None, 5.0, None, None), "add --target-error"),
    ],
)
def test_wrong_goals_are_one_sentence(options: tuple[str, float, float, float], sentence: str):
    with pytest.raises(InputError, match=sentence):
        parse_goal(*options)


def test_the_end_is_said_in_one_sentence():
    met = describe_outcome(AdaptiveOutcome("target", 0.018, 9, 1.2), AdaptiveGoal(0.02), 3.0)
    assert met.startswith("target of 2.0% met: expected median error at the candidates left 1.8%")
    assert "9 cells, 1.2 min of timed calls, $0.06" in met
    assert describe_outcome(
        AdaptiveOutcome("budget", 0.05, 4, 1.0), AdaptiveGoal(0.02), None
    ).startswith("budget spent")


def run(out: Path, goal: AdaptiveGoal | None) -> str:
    """Run the command in this process and return what it prints."""
    printed = io.StringIO()
    console = Console(file=printed, width=500)
    request = RunRequest(
        suites=(str(DATA / "tiny-adaptive.yaml"),),
        out=out,
        model=TINY_MODEL,
        stack="eager-bf16",
        weights=None,
        device="cpu",
        seed=0,
        scratch=out,
        usd_per_hour=None,
        dry_run=False,
        goal=goal,
    )
    run_campaign(request, console)
    return printed.getvalue()


def test_it_runs_for_real_and_resumes(tmp_path: Path):
    first = run(tmp_path, AdaptiveGoal(1e-5, minutes=0.02))
    assert "budget spent before the target of 0.0%" in first
    before = read_journal(tmp_path / JOURNAL_FILE).cells
    second = run(tmp_path, AdaptiveGoal(0.9))
    assert "target of 90.0% met" in second
    after = read_journal(tmp_path / JOURNAL_FILE).cells
    points = set(load_suite(str(DATA / "tiny-adaptive.yaml")).points())
    assert after[: len(before)] == before
    assert 8 <= len(after) < len(points)
    assert len({(cell.shape, cell.batch) for cell in after}) == len(after)


def test_the_suite_asks_for_a_target(tmp_path: Path):
    with pytest.raises(InputError, match="add --target-error, such as --target-error 2%"):
        run(tmp_path, None)
