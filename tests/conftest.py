"""Every test: no other machine is reached, and property tests draw the same examples every time,
so that a failure is one anyone can repeat. Fits are kept in one store for all workers and for the
processes that tests start.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from fluxcost.economics.catalog import Catalog
from fluxcost.performance.fit_store import VARIABLE
from tests.examples import SHORT, WHOLE
from tests.offline import guard

FOLDER = Path(__file__).parent

guard()
settings.register_profile("whole", deadline=None, derandomize=True, max_examples=WHOLE)
settings.register_profile("short", settings.get_profile("whole"), max_examples=SHORT)


@pytest.fixture(autouse=True)
def _prices_of_today(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no answer begin by saying that the shipped prices are old, on whatever day tests run."""
    if "old_prices" not in request.fixturenames:
        monkeypatch.setattr(Catalog, "age_note", lambda _catalog, _today: None)


@pytest.fixture
def old_prices() -> None:
    """Leave a test what is said of old prices."""


LONGEST_FIRST = (
    "validation/test_shipped.py",
    "measure/replicas/test_worker.py",
    "measure/serving/test_serve_command.py",
    "dashboard/test_browser.py",
    "docs/test_pages.py",
    "test_models_page.py",
    "test_examples.py",
    "planning/test_plan.py",
)
"""Files whose tests take longest: begun last, one of them would be waited for alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {FOLDER / name: place for place, name in enumerate(LONGEST_FIRST)}
    gone = [path for path in places if not path.is_file()]
    assert not gone, f"LONGEST_FIRST in tests/conftest.py names no file: {gone}"
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_configure(config: pytest.Config) -> None:
    # Before tests are imported, whose settings begin with those of the profile.
    settings.load_profile("short" if config.option.markexpr == "not long" else "whole")
    # Keys hold the hash of the fit's code: what is kept from an earlier run is never stale.
    os.environ[VARIABLE] = str(config.rootpath / ".pytest_cache" / "fluxcost")
