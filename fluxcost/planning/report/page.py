"""A report as one HTML page: no script, no network, every name escaped by the template."""

from __future__ import annotations

from importlib.resources import files

from fluxcost.errors import InputError
from fluxcost.planning.report import tables
from fluxcost.planning.report.content import HOW_TO_REPEAT, ReportContent
from fluxcost.planning.report.picture import to_svg

TEMPLATE = "page.html"


def to_html(report: ReportContent) -> str:
    """Return the page.

    Raises:
        InputError: The extra `report` is not installed.
    """
    try:
        import jinja2
        import markupsafe
    except ImportError:
        raise InputError(
            "an HTML report needs jinja2; pip install 'fluxcost[report]', or write it as .md."
        ) from None
    source = files("fluxcost.planning.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(
        report=report,
        tables=tables,
        how_to_repeat=HOW_TO_REPEAT,
        # Drawn by a library that escapes the names in it.
        picture=markupsafe.Markup(to_svg(report)),  # noqa: S704
    )
