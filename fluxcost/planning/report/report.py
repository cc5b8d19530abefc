"""The report: its content, and the forms it is written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fluxcost.documents import write_atomically
from fluxcost.errors import InputError
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.planning.candidates import name_of
from fluxcost.planning.explain import explain_fitted, fits_for
from fluxcost.planning.plans import Plans
from fluxcost.planning.quality_floor import asked_for
from fluxcost.planning.report.alternatives import (
    StackAnswer,
    alternative_plans,
    rejected_groups,
    stacks_beside,
)
from fluxcost.planning.report.content import ReportContent
from fluxcost.planning.report.rendering import to_csv, to_html, to_text
from fluxcost.planning.report.sections import (
    asked_lines,
    constraint_lines,
    facts_of,
    price_rows,
    risks_of,
    timing_rows,
)
from fluxcost.workload.workload import Workload


@dataclass(frozen=True, eq=False)
class Report(ReportContent):
    """A report that can be written as a page, as Markdown or as a table."""

    def to_html(self) -> str:
        """Return one page that needs no network.

        Raises:
            InputError: The extra `report` is not installed.
        """
        return to_html(self)

    def to_markdown(self) -> str:
        """Return the same as Markdown, without the picture."""
        return to_text(self)

    def to_csv(self) -> str:
        """Return one row per plan, stack and rejected candidate."""
        return to_csv(self)

    def save(self, path: Path | str) -> None:
        """Write the report as the form that the name ends in: .html, .md or .csv.

        Raises:
            InputError: The name ends in something else, or the extra `report` is not installed.
            DocumentError: It cannot be written.
        """
        path = Path(path)
        check_form(path)
        write_atomically(path, _FORMS[path.suffix](self))


_FORMS: dict[str, Callable[[Report], str]] = {
    ".html": Report.to_html,
    ".md": Report.to_markdown,
    ".csv": Report.to_csv,
}


def check_form(path: Path) -> None:
    """Raise where a report cannot be written under a name.

    Raises:
        InputError: It ends in something else than .html, .md or .csv.
    """
    if path.suffix not in _FORMS:
        raise InputError(f"report is {str(path)!r}; expected a name in {', '.join(_FORMS)}.")


def report(
    workload: Workload, plans: Plans, calibrations: Iterable[Calibration] | None = None
) -> Report:
    """Return the report of a workload's plans.

    Args:
        workload: What the plans are for.
        plans: As `plan` gave them.
        calibrations: The timings they were made with, where they were given.

    Raises:
        InfeasibleError: No plan meets the constraints.
    """
    from fluxcost.capacity.demand import demand_of

    best, recipe = plans.best, plans.recipe
    given = None if calibrations is None else list(calibrations)
    asked = asked_for(workload, best)
    fits = fits_for(asked, recipe.catalog, given)
    explanation = explain_fitted(asked, plans, fits, recipe.catalog)
    rivals = alternative_plans(plans)
    shown = [best, *(rival.plan for rival in rivals)]
    rented = next((each for each in plans if each.gpu is not None), None)
    stacks: tuple[StackAnswer, ...] = ()
    if rented is not None:
        its = asked_for(workload, rented)
        fits_here = fits if its.model == asked.model else fits_for(its, recipe.catalog, given)
        stacks = tuple(stacks_beside(rented, its, plans, fits_here))
    named = [each.calibration for each in shown if each.calibration is not None]
    timed = tuple(dict.fromkeys([*named, *(stack.calibration for stack in stacks)]))
    mine = {name_of(each): each for each in given or ()}
    known = {name: mine.get(name) or load_calibration(name) for name in timed}
    components = (component.option for each in shown for component in each.components)
    return Report(
        workload=workload,
        plans=plans,
        asked=tuple(asked_lines(workload, demand_of(workload) if workload.arrivals else None)),
        constraints=tuple(constraint_lines(workload.constraints)),
        facts=tuple(facts_of(best)),
        rivals=rivals,
        stacks_on=None if rented is None else rented.option,
        stacks=stacks,
        losers=tuple(rejected_groups(plans)),
        explanation=explanation,
        risks=tuple(risks_of(best, recipe.catalog, known, explanation, recipe.today)),
        timings=tuple(timing_rows(timed, known)),
        prices=tuple(price_rows(dict.fromkeys(components), recipe.catalog)),
    )
