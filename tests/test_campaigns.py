"""Campaigns over several hosts: what each host would start, and that it is a campaign.

SkyPilot's own parser is too heavy to install here: both tasks were read once by
`sky.Task.from_yaml` of skypilot 0.14.1, which gave back these node counts and accelerators.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from fluxcost.planning.export.deployment import NAMES
from fluxcost.planning.export.skypilot import CLOUDS
from measure.cli import app

ROOT = Path(__file__).parent.parent
CAMPAIGNS = ROOT / "examples" / "campaigns"
TASKS = {path.name: path for path in CAMPAIGNS.glob("*.sky.yaml")}
ONE_NODE = {"runpod", "verda"}
"""Clouds of which SkyPilot 0.14 takes no task of several nodes."""

FIRST = "10.0.0.1"

RECORDER = f"""#!{sys.executable}
import json, sys
print(json.dumps(sys.argv[1:]))
"""


def task(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(TASKS[name].read_text(encoding="utf-8"))
    return found


def started(script: str, folder: Path, **variables: str) -> list[str]:
    """Return the arguments with which a script starts python, which is not started."""
    python = folder / "python"
    python.write_text(RECORDER)
    python.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=os.environ | variables | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    arguments: list[str] = json.loads(line)
    assert arguments[:2] == ["-m", "measure"]
    return arguments[2:]


def options(arguments: list[str]) -> dict[str, Any]:
    """Return what `measure` understands of its arguments."""
    command = typer.main.get_command(app).commands[arguments[0]]  # type: ignore[attr-defined]
    found: dict[str, Any] = command.make_context(arguments[0], arguments[1:]).params
    return found


@pytest.mark.parametrize("name", TASKS)
def test_a_task_asks_for_gpus_by_the_names_that_exports_use(name: str):
    found = task(name)
    assert set(found) == {"name", "num_nodes", "resources", "workdir", "setup", "run"}
    resources = found["resources"]
    assert resources["infra"] in CLOUDS - ONE_NODE
    assert resources["accelerators"].split(":")[0] == NAMES["h100-sxm"].skypilot
    assert "'.[measure]'" in found["setup"]


def test_each_machine_measures_by_itself(tmp_path: Path):
    found = task("machines.sky.yaml")
    asked = options(started(found["run"], tmp_path, SKYPILOT_NODE_RANK="2"))
    assert asked["suite"] == ["generation", "batch"]
    assert asked["gpus"] is None
    assert found["resources"]["accelerators"].endswith(":1")


@pytest.mark.parametrize("rank", [0, 1])
def test_two_hosts_meet_and_share_all_their_gpus(tmp_path: Path, rank: int):
    found = task("two_hosts.sky.yaml")
    addresses = f"{FIRST}\n10.0.0.2\n"
    by_task = started(
        found["run"], tmp_path, SKYPILOT_NODE_RANK=str(rank), SKYPILOT_NODE_IPS=addresses
    )
    by_hand = started(f"bash examples/campaigns/two_hosts.sh {rank} {FIRST}", tmp_path)
    assert by_task == by_hand
    asked = options(by_hand)
    assert (asked["nodes"], asked["node_rank"]) == (found["num_nodes"], rank)
    assert asked["rendezvous"] == f"{FIRST}:29500"
    each = int(found["resources"]["accelerators"].split(":")[1])
    assert max(map(int, asked["gpus"].split(","))) == each * found["num_nodes"]


def test_the_plan_of_two_hosts_is_shown_without_a_gpu(tmp_path: Path):
    script = f"bash examples/campaigns/two_hosts.sh 0 {FIRST} --dry-run"
    done = CliRunner().invoke(app, started(script, tmp_path))
    assert done.exit_code == 0, done.output
    assert "16 replicas, all cores" in done.output
    assert re.search(r"^\d+ windows, about \d+ min", done.output, flags=re.MULTILINE)
