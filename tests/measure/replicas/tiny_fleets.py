"""Starting tiny fleets through the command line."""

import os
import subprocess
import sys
from pathlib import Path

from tests.measure.conftest import DATA, TINY_MODEL

ROOT = Path(__file__).parent.parent.parent.parent
SUITE = str(DATA / "tiny-scaling.yaml")
PATIENCE_S = 900.0
"""How long a fleet may take on a busy machine; half a minute on an idle one."""

# Replicas of a test share few cores; more threads than cores would only wait for each other.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def command(out, *more):
    suite = [] if "--suite" in more else ["--suite", SUITE]
    options = [*suite, "--model", TINY_MODEL, "--device", "cpu", "--out", str(out)]
    return [sys.executable, "-W", "error", "-m", "measure", "run", *options, *more]


def start(out, *more):
    return subprocess.Popen(
        command(out, *more),
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def workers_of(process):
    """Return the process ids of the replicas a launcher has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [int(pid) for pid, line in commands.items() if b"measure.replicas.worker" in line]
