"""`fluxcost dashboard` starts Streamlit on the pages, whether installed or checked out."""

import importlib.util
import runpy
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dashboard import uploads
from fluxcost.cli import dashboard
from tests.commands import refused, shown

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the arguments that Streamlit is started with."""
    arguments: list[str] = []

    def start(module: str, **_: Any) -> None:
        arguments.extend([module, *sys.argv[1:]])

    monkeypatch.setattr(runpy, "run_module", start)
    monkeypatch.setattr(sys, "argv", ["fluxcost"])
    return arguments


def test_it_runs_the_pages_of_a_checkout(capsys, started: list[str]):
    shown(capsys, "dashboard", "--port", 8600, "--no-browser")
    assert started[:3] == ["streamlit", "run", str(ROOT / "dashboard" / "app.py")]
    assert {
        "--client.toolbarMode=minimal",
        "--browser.gatherUsageStats=false",
        "--server.port=8600",
        "--server.address=localhost",
        "--server.headless=true",
    } <= set(started)


def test_streamlit_alone_runs_them_with_the_same_settings():
    document = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    found = {
        f"{part}.{name}": str(value).lower() if isinstance(value, bool) else str(value)
        for part, settings in document.items()
        for name, value in settings.items()
    }
    assert found == dashboard.SETTINGS
    assert found["server.maxUploadSize"] == str(uploads.MOST_MB)


def test_it_runs_the_pages_of_a_wheel(
    capsys, started: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    script = tmp_path / "fluxcost" / "dashboard" / "app.py"
    script.parent.mkdir(parents=True)
    script.touch()
    monkeypatch.setattr(dashboard, "PACKAGE", tmp_path / "fluxcost")
    shown(capsys, "dashboard")
    assert started[:3] == ["streamlit", "run", str(script)]


def test_without_streamlit_it_names_the_extra(
    capsys, started: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert refused(capsys, "dashboard") == (
        "dashboard needs streamlit, which is not installed; pip install 'fluxcost[dashboard]'."
    )
    assert not started


@pytest.mark.parametrize("port", ["0", "65536", "web"])
def test_a_port_out_of_range_is_refused(capsys, started: list[str], port: str):
    assert refused(capsys, "dashboard", "--port", port).startswith("Invalid value for '--port'")
    assert not started
