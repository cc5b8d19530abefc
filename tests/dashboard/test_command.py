"""`fluxcost dashboard` starts Streamlit on the pages, whether installed or checked out."""

import importlib.util
import runpy
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from streamlit import config, net_util
from streamlit.config_option import ConfigOption
from streamlit.web import bootstrap

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
    assert started[:2] == ["streamlit", "run"]
    assert Path(started[2]).samefile(ROOT / "dashboard" / "app.py")
    assert {
        "--client.toolbarMode=minimal",
        "--browser.gatherUsageStats=false",
        "--server.port=8600",
        "--server.address=localhost",
        "--browser.serverAddress=localhost",
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


@pytest.mark.parametrize("address", [*dashboard.EVERYWHERE, "192.0.2.7"])
def test_no_service_is_asked_where_this_machine_is(
    capsys, started: list[str], monkeypatch: pytest.MonkeyPatch, address: str
):
    shown(capsys, "dashboard", "--address", address, "--no-browser")
    for option in started[3:]:
        name, value = option.removeprefix("--").split("=")
        monkeypatch.setitem(config.get_config_options(), name, _option(name, value))
    monkeypatch.setattr(net_util, "get_external_ip", lambda: pytest.fail("asked the internet"))
    monkeypatch.setattr(net_util, "get_internal_ip", lambda: pytest.fail("asked the network"))
    bootstrap._print_url(is_running_hello=False)
    found = "localhost" if address in dashboard.EVERYWHERE else address
    assert f"--browser.serverAddress={found}" in started
    assert f"URL: http://{found}:8501" in capsys.readouterr().out


def _option(name: str, value: str) -> ConfigOption:
    option = ConfigOption(name)
    option.set_value(value, "command line")
    return option


@pytest.mark.parametrize("port", ["0", "65536", "web"])
def test_a_port_out_of_range_is_refused(capsys, started: list[str], port: str):
    assert refused(capsys, "dashboard", "--port", port).startswith("Invalid value for '--port'")
    assert not started
