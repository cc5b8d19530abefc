"""Pages opened as an address opens them, in this process and without a browser."""

from typing import Any

from streamlit.testing.v1 import AppTest

import fluxcost as fc
from dashboard import show
from fluxcost.units import percent, quantity

PAGES = ("what_if", "break_even", "capacity", "compare", "calibration", "prices", "audit")


def opened(name: str, **parameters: Any) -> AppTest:
    """Open a page with these query parameters."""
    app = AppTest.from_string(f"from dashboard import {name}\n{name}.page()", default_timeout=600)
    for key, value in parameters.items():
        app.query_params[key] = value
    return settled(app)


def settled(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception
    return page


def numbers(page: AppTest) -> dict[str, str]:
    """Return what stands in large type, by label."""
    return {metric.label: metric.value for metric in page.metric}


def bounds(page: AppTest) -> dict[str, str]:
    """Return what stands below the numbers, by label."""
    return {metric.label: metric.delta for metric in page.metric}


def shown(estimate: fc.Estimate) -> str:
    """Return an estimate's value as a page shows it."""
    unit = estimate.unit.split("/")[0]
    return show.plain(percent(estimate.value) if unit == "1" else quantity(estimate.value, unit))


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.markdown, *page.caption))


def sentence(page: AppTest) -> str:
    """Return the one error a page shows."""
    assert len(page.error) == 1
    said: str = page.error[0].value
    assert "\n" not in said
    return said


def controls(page: AppTest) -> list[Any]:
    kinds = (
        page.selectbox,
        page.number_input,
        page.radio,
        page.slider,
        page.multiselect,
        page.toggle,
        page.text_input,
    )
    return [control for kind in kinds for control in kind]
