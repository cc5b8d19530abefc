"""The pages are code: their blocks run, and what they say is printed is what is printed."""

from pathlib import Path

import pytest

from scripts.docs.constants import constants, with_constants
from scripts.docs.running import DAY, ROOT, count, pages, refreshed

PAGES = {str(page.relative_to(ROOT)): page.read_text("utf-8") for page in pages()}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints_what_it_says(name: str, tmp_path: Path):
    assert refreshed(PAGES[name], tmp_path) == PAGES[name], (
        f"python -m scripts.refresh_pages {name}"
    )


@pytest.mark.parametrize("name", [name for name in PAGES if name.count("/") == 2])
def test_every_tutorial_and_how_to_runs_code(name: str):
    assert count(PAGES[name]) >= 2


def test_the_day_of_the_prices_is_told():
    assert f"at the prices of {DAY}" in PAGES["docs/index.md"]


def test_a_number_that_is_not_what_is_printed_is_seen(tmp_path: Path):
    page = "```python\nprint(1 + 1)\n# => 3\n```\n"
    assert refreshed(page, tmp_path) == page.replace("3", "2")


def test_a_command_that_prints_otherwise_is_seen(tmp_path: Path):
    page = "```console\n$ fluxcost latency --batch 0\nfine\n$ echo $?\n0\n```\n"
    now = refreshed(page, tmp_path)
    assert "fine" not in now
    assert "fluxcost: " in now
    assert now.endswith("$ echo $?\n2\n```\n")


def test_lines_left_out_stay_left_out(tmp_path: Path):
    page = "```console\n$ fluxcost latency --help\n...\n  --help   old\n```\n"
    lines = refreshed(page, tmp_path).splitlines()
    assert lines[2] == "..."
    assert lines[3].endswith("Show this message and exit.")
    assert len(lines) == 5


def test_a_command_goes_on_after_a_backslash(tmp_path: Path):
    page = "```console\n$ fluxcost latency \\\n    --help\n...\n```\n"
    assert count(page) == 1
    assert refreshed(page, tmp_path) == page
    assert count(page.replace("...\n", "")) == 0


def test_a_program_that_cannot_run_here_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="'nvidia-smi' prints"):
        refreshed("```console\n$ nvidia-smi\n8 GPUs\n```\n", tmp_path)


def test_a_block_that_prints_more_than_its_marks_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="with 0 marks prints 1 lines"):
        refreshed("```python\nprint(1)\n```\n", tmp_path)


def test_a_stated_constant_is_the_codes():
    from fluxcost.performance.call_time import REACH

    assert with_constants("at most `REACH = 7` times") == f"at most `REACH = {REACH}` times"
    with pytest.raises(ValueError, match="0 documented constants are named NOWHERE"):
        with_constants("`NOWHERE = 1`")


def test_a_name_of_several_constants_needs_its_module():
    with pytest.raises(ValueError, match="documented constants are named REPLICATIONS"):
        with_constants("`REPLICATIONS = 1`")
    assert with_constants("`load_sweep.REPLICATIONS = 1`") == "`load_sweep.REPLICATIONS = 4`"


def test_constants_are_read_with_their_reasons():
    reach = next(each for each in constants() if each.name == "REACH")
    assert reach.module == "fluxcost.performance.call_time"
    assert "tokens x batch" in reach.meaning
