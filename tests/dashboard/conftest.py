"""Pages in tests: what Streamlit would look up anew for each opened page is looked up once."""

import functools

import pytest
from streamlit.components.v2 import manifest_scanner


@pytest.fixture(scope="session", autouse=True)
def _components_scanned_once():
    """Read the metadata of all installed packages once a process: AppTest does for each page."""
    scan = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield
