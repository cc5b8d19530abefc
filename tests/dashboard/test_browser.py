"""The pages in a real browser: main paths, two journeys, no errors, both widths and both schemes.

Screenshots are left in build/screenshots.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

import fluxcost as fc
from fluxcost.cli.dashboard import SETTINGS
from tests.dashboard import chromium
from tests.dashboard import test_break_even as renting
from tests.dashboard import test_capacity as serving
from tests.dashboard.hostile import ROW

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_S = 600.0
"""How long a condition may take: a busy machine needs minutes, an idle one a second."""

PATIENCE_MS = 1000 * PATIENCE_S
expect.set_options(timeout=PATIENCE_MS)
READY = """() => {
    const ready = document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
        && !document.querySelector('[data-testid=stSpinner]')
        && !document.querySelector('[data-stale=true]');
    window.framesReady = ready ? (window.framesReady ?? 0) + 1 : 0;
    return window.framesReady > 30;
}"""
"""A page at rest for 30 frames: a rerun that was asked for would show by then."""

HEIGHT = "document.querySelector('[data-testid=stMain]').scrollHeight"
NAMELESS = {"button", "textbox", "spinbutton", "slider", "combobox", "checkbox", "radio", "switch"}
PAGES = {
    "what_if": "What if",
    "break_even": "Break-even",
    "capacity": "Capacity",
    "compare": "Compare",
    "calibration": "Calibration",
    "prices": "Prices",
    "audit": "Audit",
}
PATHS = {name: "" if name == "what_if" else name.replace("_", "-") for name in PAGES}


@contextmanager
def served() -> Iterator[str]:
    """Serve the pages, as `fluxcost dashboard` does; yield their address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = SETTINGS | {"server.port": str(port), "server.headless": "true"}
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    command += [f"--{name}={value}" for name, value in options.items()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as server:
        try:
            _wait(f"http://localhost:{port}/_stcore/health")
            yield f"http://localhost:{port}"
        finally:
            server.terminate()


def _wait(url: str) -> None:
    def answers() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(url) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
        return False

    wait_until(answers, f"{url} did not answer")


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait until something holds; fail once it did not for `PATIENCE_S`."""
    for _ in range(int(PATIENCE_S / 0.2)):
        if holds():
            return
        time.sleep(0.2)
    pytest.fail(f"{otherwise} within {PATIENCE_S:g} s.")


@contextmanager
def browser_of() -> Iterator[Browser]:
    """Start a Chromium; where there is none, fail and say so."""
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.MISSING)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=list(FLAGS), timeout=PATIENCE_MS
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_of() as started:
        yield started


class Seen:
    """A page of the browser, and everything it complained about."""

    def __init__(self, browser: Browser, width: int = 1280, scheme: Any = "light") -> None:
        size: Any = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("dialog", lambda dialog: self.problems.append(f"dialog {dialog.message}"))

    def _asked(self, request: Request) -> None:
        # Streamlit's own pages can send usage statistics and load maps, fonts and icons.
        if urlsplit(request.url).hostname not in {"localhost", None}:
            self.problems.append(f"the page asked for {request.url}")

    def _heard(self, message: ConsoleMessage) -> None:
        # Opened below the root, Streamlit first asks for its own service there, and learns by a 404
        # that it is at the root.
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            self.problems.append(message.text)

    def open(self, url: str) -> Page:
        self.page.goto(url)
        self.page.get_by_role("heading", level=1).wait_for()
        self.settle()
        return self.page

    def settle(self) -> None:
        self.page.evaluate("window.framesReady = 0")
        self.page.wait_for_function(READY)
        expect(self.page.get_by_test_id("stException")).to_have_count(0)

    def type(self, label: str, value: object) -> None:
        """Type a value that is not there yet, and wait for its answer: the address holds it then.

        That the address changed is not enough: an earlier answer may still be on its way.
        """
        box = self.page.get_by_label(label, exact=True).first
        box.fill(str(value))
        box.press("Enter")
        self.page.wait_for_url(lambda url: str(value) in _stated(url))
        self.settle()

    def download(self, label: str) -> bytes:
        with self.page.expect_download() as coming:
            self.page.get_by_role("button", name=label, exact=True).click()
        return Path(coming.value.path()).read_bytes()

    def number(self, label: str) -> str:
        metric = self.page.get_by_test_id("stMetric").filter(has_text=label).first
        return metric.get_by_test_id("stMetricValue").inner_text().strip()

    def shoot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        size = self.page.viewport_size
        assert size is not None
        self.page.set_viewport_size({"width": size["width"], "height": self._height()})
        self.settle()
        self.page.screenshot(path=SHOTS / f"{name}.png")
        self.page.set_viewport_size(size)

    def _height(self) -> int:
        """Return the height of all of the page, once its charts and tables have theirs."""
        before, height = -1, 0
        while before != height:
            before = height
            self.page.wait_for_timeout(500)
            height = self.page.evaluate(HEIGHT)
        return min(height, 4000)

    def charts(self, number: int) -> list[list[str]]:
        """Return what each chart draws, in no order: ticks that stay are drawn before new ones."""
        drawn = self.page.get_by_test_id("stVegaLiteChart").locator("svg")
        expect(drawn).to_have_count(number)
        self._height()
        return [sorted(each.inner_html().split("<")) for each in drawn.all()]

    def nameless(self) -> list[str]:
        """Return the controls that a screen reader would have no name for."""
        session = self.context.new_cdp_session(self.page)
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        found = [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored") and "role" in node
        ]
        return [role for role, name in found if role in NAMELESS and not name.strip()]


def _stated(url: str) -> list[str]:
    """Return the values in an address, numbers as Python writes them."""
    return [
        f"{float(value):.15g}" if value.replace(".", "", 1).isdecimal() else value
        for _, value in parse_qsl(urlsplit(url).query)
    ]


@pytest.fixture
def seen(browser: Browser) -> Iterator[Seen]:
    tab = Seen(browser)
    yield tab
    tab.context.close()
    assert tab.problems == []


def test_every_page_is_reached_by_its_name_without_an_error(seen: Seen, address: str):
    page = seen.open(address)
    for name, title in PAGES.items():
        page.get_by_role("link", name=title, exact=True).click()
        expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
        seen.settle()
        assert page.get_by_test_id("stAlert").all_inner_texts() == [], name
        assert seen.nameless() == [], name
        seen.shoot(f"{name}-1280-light")


@pytest.mark.long
def test_every_page_fits_a_phone_in_the_dark(browser: Browser, address: str):
    tab = Seen(browser, 390, "dark")
    for name, path in PATHS.items():
        page = tab.open(f"{address}/{path}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        main = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        assert max(wide, main) <= 390, name
        tab.shoot(f"{name}-390-dark")
    tab.context.close()
    assert tab.problems == []


def test_sizing_a_service_takes_four_interactions(seen: Seen, address: str):
    seen.open(f"{address}/capacity")
    seen.type("Requests a second", 12)  # 1
    seen.type("Within, seconds", 1.5)  # 2
    answer = json.loads(seen.download("JSON"))  # 3
    program = seen.download("Python").decode()  # 4
    asked = serving.workload(
        arrivals={"requests_per_s": 12.0}, objective={"percentile": 95, "within_s": 1.5}
    )
    found = fc.size_fleet(asked, serving.fleet(), calibration=serving.FIT)
    assert answer["simulation"] == json.loads(json.dumps(found.to_dict()))
    assert seen.number("GPUs, one replica each") == str(found.fleet.replicas)
    assert "'requests_per_s': 12" in program


@pytest.mark.long
def test_deciding_api_or_own_gpus_takes_three_interactions(seen: Seen, address: str):
    seen.open(f"{address}/break-even?offer={renting.OFFER}&tariff={renting.TARIFF}")
    seen.type("Images a month", 4_000_000)  # 1
    answer = json.loads(seen.download("JSON"))  # 2
    picture = seen.download("PNG")  # 3
    result = renting.answered(renting.asked())
    assert answer["at"] == json.loads(json.dumps(result.at(4_000_000).to_dict()))
    assert answer["reason"] == result.reason
    assert seen.number("Cheaper at your volume") == "rented GPUs"
    assert picture.startswith(b"\x89PNG")


@pytest.mark.long
def test_a_view_is_shared_by_its_address(seen: Seen, browser: Browser, address: str):
    page = seen.open(address)
    seen.type("Images", 54_321)
    seen.type("Ready within, hours", 3)
    assert "images=54321" in page.url
    report = seen.download("Report").decode()
    assert report.startswith("<!doctype html>")
    assert "54,321 images, ready within 3 h of renting" in report
    other = Seen(browser)
    other.open(page.url)
    assert other.number("Total, USD") == seen.number("Total, USD")
    assert "54,321 images" in other.page.inner_text("[data-testid=stMain]")
    other.context.close()
    assert other.problems == []


@pytest.mark.long
def test_charts_follow_their_controls(seen: Seen, browser: Browser, address: str):
    seen.open(f"{address}/capacity")
    before = seen.charts(3)
    seen.type("Requests a second", 30)
    opened = Seen(browser)
    opened.open(f"{address}/capacity?rate=30")
    wait_until(
        lambda: before != seen.charts(3) == opened.charts(3),
        "charts did not become those of a page opened with the control's value",
    )
    opened.context.close()
    assert opened.problems == []


@pytest.mark.long
def test_two_hundred_megabytes_are_refused_before_they_are_sent(
    seen: Seen, address: str, tmp_path: Path
):
    large = tmp_path / "large.json"
    with large.open("wb") as stream:
        stream.truncate(200 * 2**20)
    page = seen.open(f"{address}/calibration")
    page.locator("input[type=file]").set_input_files(large)
    expect(page.get_by_text("File must be 8.0MB or smaller.")).to_be_visible()
    assert seen.number("Latency, median")
    _wait(f"{address}/_stcore/health")


@pytest.mark.long
def test_a_script_in_a_name_is_text(seen: Seen, address: str, tmp_path: Path):
    name = "<img src=x onerror=alert(1)>.yaml"
    (tmp_path / name).write_text(ROW.replace("1.25", ".nan"))
    page = seen.open(f"{address}/prices")
    page.locator("input[type=file]").set_input_files(tmp_path / name)
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text(f"the file {name}, row 1 (mine/h100): price.amount is nan")
    good = f"good {name}"
    (tmp_path / good).write_text(ROW)
    page.locator("input[type=file]").set_input_files(tmp_path / good)
    expect(page.get_by_text(f"In use: {good}")).to_be_visible()
    expect(page.get_by_role("heading", name="How answers move")).to_be_visible()
