"""A whole tiny campaign through the command line, killed and resumed."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from fluxcost.performance.calibration.schema import read_calibration
from measure.bench import Bench, TimedCall
from measure.campaign_runner import RunRequest, run_campaign
from measure.cli import main
from measure.json_lines import JOURNAL_FILE
from measure.stage_timing import CallSpans
from measure.suites import load_suite
from tests.measure.conftest import TINY_MODEL, TINY_SUITE

ROOT = Path(__file__).parent.parent.parent


def arguments(out, *more):
    options = ["--suite", TINY_SUITE, "--model", TINY_MODEL, "--device", "cpu", "--out", str(out)]
    return ["run", *options, *more]


def command(out, *more):
    return [sys.executable, "-W", "error", "-m", "measure", *arguments(out, *more)]


def cell_rows(out):
    path = out / JOURNAL_FILE
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return [row["cell"] for row in rows if "cell" in row]


def keys(cells):
    return Counter((c["width"], c["height"], c["steps"], c["batch"]) for c in cells)


def kill_after_cells(out, count):
    """Start the campaign and kill it with no warning once it has written `count` cells."""
    process = subprocess.Popen(command(out), cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 900
    while len(cell_rows(out)) < count and process.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return cell_rows(out)


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    out = tmp_path_factory.mktemp("campaign")
    before = kill_after_cells(out, 3)
    run(out)
    return out, before


def run(out):
    """Run the campaign in this process, which has imported PyTorch, and return what it prints."""
    printed = io.StringIO()
    request = RunRequest(
        suites=(TINY_SUITE,),
        out=out,
        model=TINY_MODEL,
        stack="eager-bf16",
        weights=None,
        device="cpu",
        seed=0,
        scratch=out,
        usd_per_hour=None,
        dry_run=False,
        goal=None,
    )
    run_campaign(request, Console(file=printed, width=500))
    return printed.getvalue()


def test_after_kill_and_resume_every_cell_stands_once(resumed):
    out, before = resumed
    after = cell_rows(out)
    wanted = {(*(p.shape.width, p.shape.height, p.shape.steps), p.batch) for p in suite_points()}
    assert 3 <= len(before) < len(after)
    assert after[: len(before)] == before
    assert keys(after) == dict.fromkeys(wanted, 1)


def suite_points():
    return set(load_suite(TINY_SUITE).points())


def test_the_calibration_holds_what_the_journal_does(resumed):
    out, _ = resumed
    (path,) = out.glob("calibration-*.json")
    calibration = read_calibration(path)
    assert calibration.content_hash.startswith(path.stem.removeprefix("calibration-"))
    assert calibration.alias == "cpu/flux2-klein-tiny/eager-bf16"
    assert len(calibration.ok_cells) == len(suite_points())
    assert len(calibration.runs) == 2
    assert {cell.run for cell in calibration.cells} == {run.id for run in calibration.runs}
    assert [scale.scale for scale in calibration.weight_scales] == [1.0, 0.0, 10.0, 1.0]
    assert len(calibration.soaks) == 1
    assert [same.error for same in calibration.sameness] == [calibration.sameness[0].eager_error]
    assert all(run.ceilings and run.ceilings.matmul for run in calibration.runs[-1:])


def test_the_order_is_shuffled_and_repeats_with_the_seed(resumed):
    out, _ = resumed
    orders = [cell["order"] for cell in cell_rows(out)]
    assert orders == sorted(orders)
    sizes = [(c["width"], c["steps"], c["batch"]) for c in cell_rows(out)]
    assert sizes != sorted(sizes)


def test_a_finished_campaign_measures_nothing_again(resumed):
    out, _ = resumed
    journal = (out / JOURNAL_FILE).read_bytes()
    assert "nothing new" in run(out)
    assert (out / JOURNAL_FILE).read_bytes() == journal


def said(capsys, monkeypatch, *words):
    """Run a command in this process: another would import PyTorch anew."""
    monkeypatch.setattr(sys, "argv", ["measure", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code, capsys.readouterr()


def test_report_prints_every_cell(capsys, monkeypatch, resumed):
    out, _ = resumed
    (path,) = out.glob("calibration-*.json")
    code, streams = said(capsys, monkeypatch, "report", str(path))
    assert code == 0, streams.err
    for cell in cell_rows(out):
        assert f"{cell['width']}x{cell['height']}, {cell['steps']} steps" in streams.out


def a_slow_call(bench, where):
    """Make one small picture in place of the timed call, and say that it took long.

    Without a suite the protocol is the one for a GPU, which wants seconds of calls at each cell;
    those of a slow cell are the fewest.
    """
    bench.generate(where, output_type="pil")
    steps = (1.0,) * where.shape.steps
    return TimedCall(2.0 + sum(steps), CallSpans(1.0, steps, 1.0))


def test_shapes_of_ones_own_are_timed_at_every_batch_without_a_suite(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(Bench, "time_call", a_slow_call)
    shapes = ["--shape", "64x64x1", "--shape", "64X48x2", "--batch", "1", "--batch", "2"]
    tiny = ["--model", TINY_MODEL, "--device", "cpu", "--out", str(tmp_path)]
    code, streams = said(capsys, monkeypatch, "run", *tiny, *shapes)
    assert code == 0, streams.err
    sizes = [(64, 64, 1), (64, 48, 2)]
    wanted = {(*size, batch) for size in sizes for batch in (1, 2)}
    assert keys(cell_rows(tmp_path)) == dict.fromkeys(wanted, 1)
    (path,) = tmp_path.glob("calibration-*.json")
    assert len(read_calibration(path).ok_cells) == len(wanted)


def test_shapes_of_ones_own_join_a_suite(capsys, monkeypatch, tmp_path):
    asked = arguments(tmp_path / "out", "--shape", "64x64x7", "--dry-run")
    code, streams = said(capsys, monkeypatch, *asked)
    assert code == 0, streams.err
    assert "64x64, 7 steps, batch 1" in streams.out
    assert f"{len(suite_points()) + 1} cells" in streams.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--stack", "eager-bf61"], "stack 'eager-bf61' is not known"),
        (["--model", "flux2-klein-4x"], "nearest: flux2-klein-4b"),
        (["--device", "tpu"], "--device is 'tpu'; expected cuda, cuda:N or cpu"),
        (["--usd-per-hour", "-1"], "--usd-per-hour is -1.0; expected a positive number"),
        (["--suite", "nope.yaml"], "nope.yaml: No such file"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    capsys, monkeypatch, tmp_path, options, sentence
):
    code, streams = said(capsys, monkeypatch, *arguments(tmp_path / "out", *options))
    assert code == 2
    assert sentence in streams.err
    assert len(streams.err.strip().splitlines()) == 1
    assert not (tmp_path / "out" / JOURNAL_FILE).exists()


def test_a_mistake_ends_a_process_as_it_ends_the_command(tmp_path):
    merge = ["merge", str(tmp_path / "none.json"), "--out", str(tmp_path / "merged.json")]
    asked = [sys.executable, "-W", "error", "-m", "measure", *merge]  # needs no PyTorch
    result = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "none.json: No such file or directory" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
