"""The lock holds what pyproject.toml asks for, each file by its hash."""

import re
import runpy
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "lock.py"))
APART = {"fuzz", "ray", "refresh"}
"""What no check installs."""

LINES = re.findall(
    r"^([a-z].*) \\\n((?:    --hash=.*\n)+)", SCRIPT["LOCK"].read_text(), re.MULTILINE
)


def asked() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    wanted = [line for name, lines in extras.items() if name not in APART for line in lines]
    found = [Requirement(line) for line in PROJECT["dependencies"] + wanted]
    return [each for each in found if each.name not in {"fluxcost", "torch"}]


def versions() -> dict[str, set[str]]:
    """A package may be locked at one version for old interpreters and at another for new ones."""
    found: dict[str, set[str]] = {}
    for line, _ in LINES:
        locked = Requirement(line)
        found.setdefault(locked.name, set()).add(str(locked.specifier).removeprefix("=="))
    return found


def test_every_requirement_is_locked_at_a_version_it_accepts():
    locked = versions()
    for requirement in asked():
        found = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in found), requirement


def test_every_file_is_held_to_a_sha256():
    text = SCRIPT["LOCK"].read_text()
    assert len(LINES) == len(re.findall(r"^[a-z]", text, re.MULTILINE)) > 100
    hashes = re.findall(r"--hash=(\S+)", text)
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)


def test_the_readme_installs_the_lock_and_the_torch_it_was_made_with():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "install --no-deps -r requirements.lock" in text
    assert f"torch=={SCRIPT['TORCH']}" in text


def test_builds_that_differ_by_machine_are_left_out():
    blocks = "".join(
        f"{name}==1 \\\n    --hash=sha256:00\n"
        for name in ("numpy", "nvidia-cublas", "nvidia-ml-py", "torch", "torchmetrics", "triton")
    )
    kept = re.findall(r"^([a-z-]+)==", SCRIPT["locked"](blocks), re.MULTILINE)
    assert kept == ["numpy", "nvidia-ml-py", "torchmetrics"]


def test_constraints_are_the_versions_of_the_lock():
    assert SCRIPT["CONSTRAINTS"].read_text() == SCRIPT["constrained"](SCRIPT["LOCK"].read_text())
