"""How long the pages take in a real browser: python -m benchmarks.dashboard.

For each page the first view in a new session, and the time from a changed control to the new
number on screen, 20 times with values not asked before. The server is warmed by one view of each
page. Seconds differ between machines and with what else they do.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from playwright.sync_api import Browser

from tests.dashboard.test_browser import PATHS, Seen, browser_of, served

ROUNDS = 20
CHANGES: dict[str, tuple[str, str, Callable[[int], float]]] = {
    "what_if": ("Images", "Total, USD", lambda turn: 150_000 + 7_919 * turn),
    "break_even": ("Images a month", "API, USD a month", lambda turn: 400_000 + 7_919 * turn),
    "capacity": ("Requests a second", "Utilization", lambda turn: 3.1 + 0.37 * turn),
    "calibration": ("Denoising steps", "Latency, median", lambda turn: 5 + turn),
}
"""Page to the control changed, the number waited for, and the control's value by turn."""

CHANGED = """([label, before]) => [...document.querySelectorAll('[data-testid=stMetric]')]
    .some(metric => metric.innerText.startsWith(label)
        && metric.querySelector('[data-testid=stMetricValue]').innerText !== before)"""


def first_view(browser: Browser, address: str, path: str) -> float:
    """Return the seconds from an address to a page that is done."""
    tab = Seen(browser)
    started_s = time.perf_counter()
    tab.open(f"{address}/{path}")
    taken_s = time.perf_counter() - started_s
    tab.context.close()
    return taken_s


def changes(browser: Browser, address: str, name: str) -> list[float]:
    """Return the seconds from each change of a control to the new number."""
    label, number, value = CHANGES[name]
    tab = Seen(browser)
    page = tab.open(f"{address}/{PATHS[name]}")
    taken = []
    for turn in range(ROUNDS):
        before = tab.number(number)
        box = page.get_by_label(label, exact=True).first
        box.fill(f"{value(turn):g}")
        started_s = time.perf_counter()
        box.press("Enter")
        page.wait_for_function(CHANGED, arg=[number, before], polling=5)
        taken.append(time.perf_counter() - started_s)
        tab.settle()
    tab.context.close()
    return taken


def main() -> None:
    """Print first views and changes, page by page."""
    with served() as address, browser_of() as browser:
        cold_s = first_view(browser, address, "")
        print(f"first page of a server just started: {cold_s:.2f} s")
        for name, path in PATHS.items():
            first_view(browser, address, path)
            print(f"{name}, first view: {first_view(browser, address, path):.2f} s")
        for name in CHANGES:
            taken = sorted(changes(browser, address, name))
            p95 = statistics.quantiles(taken, n=20, method="inclusive")[-1]
            median = statistics.median(taken)
            print(f"{name}, a change of {CHANGES[name][0]}: median {median:.3f} s, p95 {p95:.3f} s")


if __name__ == "__main__":
    main()
