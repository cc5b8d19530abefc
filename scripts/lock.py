"""Write requirements.lock, the versions and hashes the checks run against, and constraints.txt.

`python scripts/lock.py` keeps what is locked and adds what pyproject.toml asks anew; with
`--upgrade` it takes the newest of everything.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
CONSTRAINTS = ROOT / "constraints.txt"
TORCH = "2.13.0"
"""Kept out of the lock, so that each machine takes the build it has a GPU for: the README's second
command names it."""

HEADER = """\
# Written by scripts/lock.py: what '.[release,test]' needs on Linux, macOS and Windows, with the
# hash of every file that may be installed. torch and its CUDA libraries are not here: their files
# differ between builds of one version.
"""
CONSTRAINTS_HEADER = """\
# Written by scripts/lock.py: the versions of requirements.lock, for an install that needs some of
# them. pip takes no hashes here without asking them of everything.
"""
PER_BUILD = re.compile(r"(nvidia-(?!ml-py)|cuda-|torch==|triton==)")
BLOCK = re.compile(r"^[a-z].*\n(?:^[ ]+.*\n)*", flags=re.MULTILINE)


def compiled(*options: str) -> str:
    """Return what uv resolves from pyproject.toml, near what is locked already."""
    with tempfile.TemporaryDirectory() as folder:
        pinned, found = Path(folder) / "pinned.txt", Path(folder) / "found.txt"
        pinned.write_text(f"torch=={TORCH}\n")
        if LOCK.exists():
            found.write_text(LOCK.read_text())
        command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--quiet"]
        command += ["--extra", "release", "--extra", "test", "--constraint", str(pinned)]
        command += ["--generate-hashes", "--universal", "--python-version", "3.11"]
        command += ["--no-header", "--no-annotate", "--output-file", str(found)]
        subprocess.run([*command, *options], cwd=ROOT, check=True)
        return found.read_text()


def locked(text: str) -> str:
    """Return the lock of what was resolved."""
    return HEADER + "".join(block for block in BLOCK.findall(text) if not PER_BUILD.match(block))


def constrained(lock: str) -> str:
    """Return the versions of a lock, and torch's, as constraints."""
    lines = [block.partition(" \\\n")[0] for block in BLOCK.findall(lock)]
    return CONSTRAINTS_HEADER + "\n".join(sorted([*lines, f"torch=={TORCH}"])) + "\n"


if __name__ == "__main__":
    LOCK.write_text(locked(compiled(*sys.argv[1:])))
    CONSTRAINTS.write_text(constrained(LOCK.read_text()))
