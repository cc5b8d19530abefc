"""Every test: no other machine is reached, and property tests draw the same examples every time,
so that a failure is one anyone can repeat. Fits are kept in one store for all workers and for the
processes that tests start.
"""

import os

import pytest
from hypothesis import settings

from fluxcost.performance.fit_store import VARIABLE
from tests.offline import guard

guard()
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    # Keys hold the hash of the fit's code: what is kept from an earlier run is never stale.
    os.environ[VARIABLE] = str(config.rootpath / ".pytest_cache" / "fluxcost")
