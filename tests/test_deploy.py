"""The deployment guide: its commands run here, or parse where they cannot; its batch is whole."""

import asyncio
import csv
import json
import re
import runpy
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from PIL import Image

from fluxcost.cli.app import app as fluxcost_app
from fluxcost.cli.app import run
from measure.cli import app as measure_app
from measure.serving.image_requests import parse_image_request
from tests.measure.serving.stub_server import Painter, color, serving

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "examples" / "deploy"
TEXT = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
CONTAINER = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"^```console\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
HERE = {"plan", "export"}
"""Commands of fluxcost that need no file of the reader's."""


def parsed(app: typer.Typer, command: list[str]) -> None:
    """Fail unless a command line is one that an app takes."""
    sub = typer.main.get_command(app).commands[command[0]]  # type: ignore[attr-defined]
    sub.make_context(command[0], list(command[1:])).close()


def batch() -> dict[str, Any]:
    return runpy.run_path(str(DEPLOY / "batch.py"))


def test_every_command_is_of_a_tool_that_is_checked_here():
    assert {shlex.split(command)[0] for command in COMMANDS} == {
        *("curl", "docker", "fluxcost", "kubectl", "python", "sky")
    }


def test_plans_and_exports_run_in_the_order_of_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys
):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "fluxcost" and words[1] in HERE:
            asked, _, out = (" ".join(words[1:])).partition(" > ")
            assert run(asked.split()) == 0
            told = capsys.readouterr().out
            if out:
                Path(out).write_text(told)
        elif words[0] == "fluxcost":
            parsed(fluxcost_app, words[1:])
        elif words[0] in {"kubectl", "sky"}:
            assert Path(words[-1]).is_file()
    (deployment, *_) = yaml.safe_load_all(Path("images.yaml").read_text())
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    parsed(measure_app, server["command"][3:])
    assert yaml.safe_load(Path("images.sky.yaml").read_text())["resources"]["infra"] == "lambda"


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if command.startswith("python -m measure ")]
)
def test_its_servers_and_timings_start_as_written(command: str):
    parsed(measure_app, shlex.split(command)[3:])


def test_its_request_is_one_the_server_takes():
    (command,) = [shlex.split(each) for each in COMMANDS if each.startswith("curl")]
    assert parse_image_request(command[command.index("-d") + 1].encode()).size == "512x512"


def test_the_container_copies_what_is_built_and_starts_a_server():
    copied = {
        source
        for line in re.findall(r"^COPY (.*)$", CONTAINER, flags=re.MULTILINE)
        for source in line.split()[:-1]
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], "pyproject.toml", "constraints.txt"}
    needed |= {project["project"]["readme"], *project["project"]["license-files"]}
    assert copied == needed
    assert all((ROOT / source).exists() for source in copied)
    (command,) = re.findall(r"^CMD (.*)$", CONTAINER, flags=re.MULTILINE)
    parsed(measure_app, json.loads(command)[3:])


def test_a_batch_is_made_once_whatever_queues_are_full(tmp_path: Path):
    script, listed, out = batch(), tmp_path / "prompts.csv", tmp_path / "pictures"
    with listed.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "prompt", "size", "seed"))
        writer.writerows((f"sku-{n}", f"teapot {n}", "64x48", "" if n else 500) for n in range(12))
    asked = script["read_list"](listed)
    first, second = Painter(call_s=0.01), Painter(call_s=0.01)
    with (
        serving(first, max_batch=2, queue_limit=1) as small,
        serving(second, max_batch=4) as other,
    ):
        urls = [small.url, other.url]
        assert asyncio.run(script["make_all"](asked, out, urls, 4)) == {}
        made = sum(first.batches) + sum(second.batches)
        (out / "sku-3.png").unlink()
        assert asyncio.run(script["make_all"](asked, out, urls, 4)) == {}
        assert sum(first.batches) + sum(second.batches) == made + 1
    assert made == 12
    assert {path.name for path in out.iterdir()} == {f"sku-{n}.png" for n in range(12)}
    for name, seed in (("sku-0", 500), ("sku-5", 6)):
        with Image.open(out / f"{name}.png") as picture:
            assert picture.size == (64, 48)
            assert picture.getpixel((0, 0)) == color(seed)


def test_what_cannot_be_made_is_named_and_leaves_no_file(tmp_path: Path):
    script, listed = batch(), tmp_path / "prompts.csv"
    listed.write_text("id,prompt,size\nodd,a teapot,65x48\n", encoding="utf-8")
    with serving(Painter()) as served:
        failed = asyncio.run(
            script["make_all"](script["read_list"](listed), tmp_path, [served.url], 1)
        )
    assert failed["odd"].startswith("status 400: ")
    assert not (tmp_path / "odd.png").exists()
    listed.write_text("id,prompt\n../odd,a teapot\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"picture 1: id is '\.\./odd'; expected letters"):
        script["read_list"](listed)
