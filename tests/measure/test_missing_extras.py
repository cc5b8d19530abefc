"""What measure says on a machine that lacks what it times with."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest

from measure import cli

ROOT = Path(__file__).parent.parent.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


@pytest.fixture(scope="module")
def holders() -> Mapping[str, list[str]]:
    """Distributions by the module they install."""
    return metadata.packages_distributions()


WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from measure.cli import main; main()"


def test_without_torch_it_names_the_extra(tmp_path: Path):
    asked = ["run", "--suite", "core", "--out", str(tmp_path), "--dry-run"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *asked], capture_output=True, text=True, check=False
    )
    told = "measure: torch is not installed; pip install 'fluxcost[measure]'.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def test_a_module_that_no_extra_holds_is_a_fault_of_ours(monkeypatch):
    def fail(*_, **__) -> None:
        raise ModuleNotFoundError(name="measure.gone")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(ModuleNotFoundError):
        cli.main()


@pytest.mark.parametrize(("module", "extra"), cli.EXTRAS.items())
def test_the_extra_it_names_holds_the_module(
    holders: Mapping[str, list[str]], module: str, extra: str
):
    needs = {re.split(r"[>=\[]", each)[0].lower() for each in EXTRAS[extra]}
    found = {each.lower().replace("_", "-") for each in holders.get(module, ())}
    assert found & needs
