"""The GPU as a place to measure cells at: a campaign whose tasks are done in another order."""

from __future__ import annotations

from rich.console import Console

from fluxcost.performance.calibration import Calibration
from measure.adaptive.goal import describe
from measure.adaptive.loop import Adaptive, Goal, Outcome
from measure.campaign import Campaign, Task
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
        return journal.calibration() if journal.cells else None


def run_adaptive(
    campaign: Campaign, goal: Goal, usd_per_hour: float | None, console: Console
) -> Outcome:
    """Run a campaign's probes, then its cells in the order that tells most, to the goal."""
    points = [point for _, point, _ in campaign.plan.ordered_points()]
    tasks = {task.label: task for task in campaign.tasks()}
    cells = {str(point): tasks[str(point)] for point in points if str(point) in tasks}
    for label, task in tasks.items():
        if label not in cells:
            console.print(label)
            task.execute()

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
        campaign.plan.protocol,
        campaign.bench.blueprint.architecture,
    )
    outcome = loop.run(goal, announce)
    console.print(describe(outcome, goal, usd_per_hour))
    return outcome
