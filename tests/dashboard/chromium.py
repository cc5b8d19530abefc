"""The browser of the browser tests: found where systems keep it, or installed by this script.

`python -m tests.dashboard.chromium` prints its path; where there is none it asks the system's
packages (as root), then Playwright, and else says in one sentence what to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "no Chromium was found and none could be installed; expected one of "
    f"{', '.join(NAMES)} on PATH, or its path in the variable CHROMIUM: install it, such as with "
    "`apt-get install chromium` or `python -m playwright install --with-deps chromium`."
)
INSTALLERS = (
    (("apt-get", "update", "-qq"), ("apt-get", "install", "-y", "-qq", "chromium")),
    (("python", "-m", "playwright", "install", "--with-deps", "chromium"),),
)


def find() -> str | None:
    """Return the path of a Chromium, or None."""
    if stated := os.environ.get("CHROMIUM"):
        return stated if Path(stated).is_file() else None
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in found if path and _runs(path)), _playwrights())


def _runs(path: str) -> bool:
    # Where packages are sandboxed, a stub may stand in for a browser that is not installed.
    done = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=600)
    return done.returncode == 0


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def install() -> str | None:
    """Install a Chromium by the first way that works; return its path, or None."""
    for commands in INSTALLERS:
        for command in commands:
            program = sys.executable if command[0] == "python" else shutil.which(command[0])
            if program is None:
                break
            done = subprocess.run([program, *command[1:]], check=False, stdout=sys.stderr)
            if done.returncode:
                break
        if path := find():
            return path
    return None


def main() -> int:
    """Print the path of a Chromium."""
    path = find() or install()
    print(path or MISSING, file=sys.stdout if path else sys.stderr)
    return 0 if path else 1


if __name__ == "__main__":
    sys.exit(main())
