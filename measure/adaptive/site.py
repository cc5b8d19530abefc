"""Adaptive calibration on a GPU: the cells of a campaign, in the order that the loop chooses."""

from __future__ import annotations

import itertools
import math

from rich.console import Console

from fluxcost.performance.calibration import Calibration
from fluxcost.performance.measured.adaptive_stop import AdaptiveStop
from measure.adaptive.goal import describe
from measure.adaptive.loop import Adaptive, Goal, Outcome
from measure.campaign import Campaign, Task
from measure.journal import Row
from measure.suites import Point


class CampaignSite:
    """Measures the cells a campaign still has to do, one at a time, into its journal."""

    def __init__(self, campaign: Campaign, cells: dict[str, Task]) -> None:
        self._campaign = campaign
        self._cells = cells

    def measure(self, point: Point) -> None:
        """Measure a cell and append it to the journal."""
        self._cells[str(point)].execute()

    def calibration(self) -> Calibration | None:
        """Return the journal as a calibration, None before the first cell."""
        journal = self._campaign.journal
        return journal.calibration() if journal.has_fitted_cells else None


def run_adaptive(
    campaign: Campaign, goal: Goal, usd_per_hour: float | None, console: Console
) -> Outcome:
    """Run a campaign with its cells in the order that tells most, to the goal.

    Cells that are held out of every fit are no candidates; all of them are measured, after those.
    """
    plan, journal = campaign.plan, campaign.journal
    entries = plan.ordered_points()
    points = [point for _, point, names in entries if not plan.is_held_out(names)]
    labels = {str(point) for _, point, _ in entries}
    tasks = list(campaign.tasks())
    before = list(itertools.takewhile(lambda task: task.label not in labels, tasks))
    candidates = {str(point) for point in points}
    cells = {task.label: task for task in tasks if task.label in candidates}
    for task in before:
        _do(task, console)

    def announce(point: Point, now: Outcome) -> None:
        console.print(
            f"{point}: next, {now.cells} cells and {now.minutes:.1f} min so far, expected "
            f"error {now.error:.1%}"
            if now.cells
            else f"{point}: first"
        )

    loop = Adaptive(
        CampaignSite(campaign, cells),
        points,
        plan.protocol,
        campaign.bench.blueprint.architecture,
    )
    outcome = loop.run(goal, announce)
    journal.append(Row(adaptive_stop=_record(outcome, goal, usd_per_hour, campaign.run.id)))
    console.print(describe(outcome, goal, usd_per_hour))
    for task in tasks[len(before) :]:
        if task.label not in candidates:
            _do(task, console)
    return outcome


def _do(task: Task, console: Console) -> None:
    console.print(task.label)
    task.execute()


def _record(outcome: Outcome, goal: Goal, usd_per_hour: float | None, run: str) -> AdaptiveStop:
    return AdaptiveStop(
        run=run,
        target_error=goal.error,
        expected_error=outcome.error if math.isfinite(outcome.error) else None,
        stop=outcome.stop,
        cells=outcome.cells,
        minutes=outcome.minutes,
        usd_per_hour=usd_per_hour,
    )
