"""What CONTRIBUTING.md shows a newcomer works as shown."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

import fluxcost as fc
from measure import stacks
from measure.bench import open_bench
from measure.cli import app
from measure.pipelines.blueprint import load_blueprint
from measure.stacks.stack_recipe import StackRecipe
from measure.suites import load_suite
from measure.telemetry import NullTelemetry
from tests.measure.conftest import TINY_MODEL
from tests.measure.stacks.test_stacks import POINT

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CPU = torch.device("cpu")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", TEXT, flags=re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


PROVIDER, SUITE = blocks("yaml")
COMMANDS = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
PATHS = sorted(
    set(re.findall(r"(?:dashboard|docs|fluxcost|measure|pricing|scripts|tests)/[\w./-]*", TEXT))
)


@pytest.mark.parametrize("path", [path.rstrip(".") for path in PATHS])
def test_every_place_it_names_exists(path: str):
    assert (ROOT / path).exists() or "NAME" in path or "GPU" in path


def test_its_provider_is_read_and_planned_with(tmp_path: Path):
    (tmp_path / "gpus").mkdir()
    (tmp_path / "gpus" / "acme.yaml").write_text(PROVIDER, encoding="utf-8")
    catalog = fc.load_catalog(tmp_path)
    workload = fc.load_workload(ROOT / "examples" / "ecommerce_catalog.yaml")
    assert "acme/h100-sxm" in {plan.option for plan in fc.plan(workload, catalog=catalog)}


def test_its_suite_has_the_cells_it_says(tmp_path: Path):
    path = tmp_path / "portraits.yaml"
    path.write_text(SUITE, encoding="utf-8")
    assert len(list(load_suite(str(path)).points())) == 2 * 2 * 2


def test_its_stack_makes_the_eager_picture():
    (source,) = blocks("python")
    added: dict[str, Any] = {}
    exec(compile(source, "CONTRIBUTING.md", "exec"), added)  # noqa: S102 - the page is ours
    recipes = (stacks.recipe("eager-bf16", CPU), added["recipe"](CPU))
    assert recipes[0].stack.hash != recipes[1].stack.hash
    eager, drawn = map(picture, recipes)
    assert float((eager - drawn).abs().max()) <= 4 * torch.finfo(torch.bfloat16).eps


def picture(made: StackRecipe) -> torch.Tensor:
    bench = open_bench(load_blueprint(TINY_MODEL), made, CPU, NullTelemetry(), weights=None, seed=0)
    drawn: torch.Tensor = bench.generate(POINT, output_type="pt").float()
    return drawn


@pytest.mark.parametrize(
    "command", [each.split()[3:] for each in COMMANDS if each.startswith("python -m measure")]
)
def test_its_timings_start_as_written(command: list[str]):
    sub = typer.main.get_command(app).commands[command[0]]  # type: ignore[attr-defined]
    sub.make_context(command[0], command[1:]).close()
