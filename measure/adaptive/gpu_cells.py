"""Adaptive calibration on a GPU: the cells of a campaign, in the order that the loop chooses."""

from __future__ import annotations

import itertools
import math

from rich.console import Console

from fluxcost.performance.calibration.extra_measurements import AdaptiveStop
from fluxcost.performance.calibration.schema import Calibration
from measure.adaptive.loop import Adaptive, AdaptiveGoal, AdaptiveOutcome, describe_outcome
from measure.campaign import Campaign, CampaignTask
from measure.journal import JournalRow
from measure.suites import Point


class GpuCellSource:
    """Measures the cells a campaign still has to do, one at a time, into its journal."""

    def __init__(self, campaign: Campaign, cells: dict[str, CampaignTask]) -> None:
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
    campaign: Campaign, goal: AdaptiveGoal, usd_per_hour: float | None, console: Console
) -> AdaptiveOutcome:
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

    def announce(point: Point, now: AdaptiveOutcome) -> None:
        console.print(
            f"{point}: next, {now.cells} cells and {now.minutes:.1f} min so far, expected "
            f"error {now.error:.1%}"
            if now.cells
            else f"{point}: first"
        )

    loop = Adaptive(
        GpuCellSource(campaign, cells),
        points,
        plan.protocol,
        campaign.bench.blueprint.architecture,
    )
    outcome = loop.run(goal, announce)
    journal.append(JournalRow(adaptive_stop=_record(outcome, goal, usd_per_hour, campaign.run.id)))
    console.print(describe_outcome(outcome, goal, usd_per_hour))
    for task in tasks[len(before) :]:
        if task.label not in candidates:
            _do(task, console)
    return outcome


def _do(task: CampaignTask, console: Console) -> None:
    console.print(task.label)
    task.execute()


def _record(
    outcome: AdaptiveOutcome, goal: AdaptiveGoal, usd_per_hour: float | None, run: str
) -> AdaptiveStop:
    return AdaptiveStop(
        run=run,
        target_error=goal.error,
        expected_error=outcome.error if math.isfinite(outcome.error) else None,
        stop=outcome.stop,
        cells=outcome.cells,
        minutes=outcome.minutes,
        usd_per_hour=usd_per_hour,
    )
