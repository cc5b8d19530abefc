"""Two replicas through the command line: one killed in mid-run, then the same command again."""

import json
import os
import signal
import time
from collections import Counter

import pytest

import fluxcost as fc
from fluxcost.performance.calibration.extra_measurements import Replica
from fluxcost.performance.calibration.schema import read_calibration
from measure.json_lines import JOURNAL_FILE
from tests.measure.replicas.tiny_fleets import PATIENCE_S, start, workers_of

OPTIONS = ("--gpus", "1,2", "--cores", "1,all", "--split-image", "--threads")


def rows(out):
    journals = sorted(out.glob(f"rank-*/{JOURNAL_FILE}"))
    return [json.loads(line) for path in journals for line in path.read_text().splitlines()[1:]]


def kill_one_after(out, line):
    """Start the fleet, kill its last replica once `line` was said, and wait for the end."""
    said = []
    with start(out, *OPTIONS) as process:
        for each in process.stdout:
            said.append(each)
            if line in each:
                break
        victim = workers_of(process)[-1]
        killed_s = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        said += process.stdout.readlines()
        code = process.wait(timeout=PATIENCE_S)
    return said, code, time.monotonic() - killed_s, victim


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    out = tmp_path_factory.mktemp("fleet") / "out"
    said, code, seconds, victim = kill_one_after(out, "[2/12]")
    return out, said, code, seconds, victim, rows(out)


@pytest.fixture(scope="module")
def resumed(killed):
    out = killed[0]
    process = start(out, *OPTIONS)
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    (path,) = out.glob("calibration-*.json")
    return out, said, read_calibration(path)


def test_a_killed_replica_ends_the_run_within_seconds_with_its_rank_and_reason(killed):
    out, said, code, seconds, victim, _ = killed
    assert code == 2
    assert seconds < PATIENCE_S  # about 1 s; a hang would last half an hour
    assert f"(process {victim}) was killed by SIGKILL" in said[-1]
    assert f"kept in {out}" in said[-1]
    assert "Traceback" not in "".join(said)


def test_what_was_measured_before_is_kept_and_not_measured_again(killed, resumed):
    before = [row["replica"] for row in killed[5] if "replica" in row]
    assert len({row["window"] for row in before}) >= 2
    after = {(row.window, row.rank): row for row in resumed[2].replicas}
    for row in before:
        assert list(after[row["window"], row["rank"]].samples.wall_s) == row["samples"]["wall_s"]
    assert len(resumed[2].runs) == 2
    measured = Counter(
        (r.rank, r.replicas, r.steps, r.cores, r.in_one_process) for r in resumed[2].replicas
    )
    assert set(measured.values()) == {1}
    # Replica, alone or together, three conditions; and one as threads of one process.
    assert len(measured) == 2 * 2 * (3 + 1)


def test_seeds_are_shared_out_without_duplicates_or_gaps(resumed):
    by_window: dict[str, list[Replica]] = {}
    for part in resumed[2].replicas:
        by_window.setdefault(part.window, []).append(part)
    for parts in by_window.values():
        assert len(parts) == parts[0].replicas
        seeds = sorted(seed for part in parts for seed in part.seeds)
        assert seeds == list(range(len(seeds)))
        assert len({len(part.seeds) for part in parts}) == 1


def test_replicas_are_held_to_the_cores_asked_and_to_no_others(resumed):
    everything = tuple(sorted(os.sched_getaffinity(0)))
    for part in resumed[2].replicas:
        if part.cores is None:
            assert part.cpus == everything
        else:
            assert len(part.cpus) == part.cores == part.threads
    held = {part.rank: set(part.cpus) for part in resumed[2].replicas if part.cores == 1}
    assert not held[0] & held[1]


def test_threads_of_one_process_are_kept_apart_from_processes(resumed):
    threads = [part for part in resumed[2].replicas if part.in_one_process]
    at_once = [(part.rank, part.replicas, part.steps) for part in threads]
    assert at_once == [(0, 1, 1), (1, 1, 1), (0, 2, 1), (1, 2, 1)]
    assert len({part.window for part in threads}) == 3
    assert len({part.window.partition("/")[0] for part in threads}) == 1
    assert "2 replicas in one process" in threads[-1].window
    kept = {row["replica"]["rank"] for row in rows(resumed[0]) if "replica" in row}
    assert kept == {0, 1}


def test_spans_of_every_call_lie_within_it_and_calls_within_the_window(resumed):
    for part in resumed[2].replicas:
        assert min(part.samples.host_s) > 0
        assert sum(part.samples.wall_s) <= part.elapsed_s + 1e-4


def test_the_calibration_is_one_that_fluxcost_fits(resumed):
    calibration = resumed[2]
    assert calibration.alias == "cpu/flux2-klein-tiny/eager-bf16"
    assert {cell.gpus for cell in calibration.cells} == {1}
    assert len(calibration.cells) == 2 * 2  # each point on each replica alone
    assert {cell.run for cell in calibration.cells} <= {run.id for run in calibration.runs}
    assert all(run.environment.gpu_count == 2 for run in calibration.runs)
    from fluxcost.performance.scaling.replica_windows import ReplicaWindows

    fleets = ReplicaWindows(
        calibration, "tiny", lambda shape, batch: shape.pixels * batch, lambda _shape, _batch: 0.0
    )
    efficiency = fleets.law(fc.Shape(64, 64, steps=2), 1).efficiency(2)
    assert efficiency.value > 0  # two replicas on shared cores; the size is not the point


def test_the_end_of_a_run_shows_what_it_found(resumed):
    said = resumed[1]
    for heading in ("Replicas at once", "rate by CPU cores a replica", "Encoding on the CPU"):
        assert heading in said
    assert "one image of 64x64, 2 steps on 2 GPUs (ulysses)" in said
    assert "s left" in said
    assert "2 threads" in said


def test_encoding_is_timed_alone_and_by_all_at_once(resumed):
    kinds = Counter((e.image_format, e.to_disk, e.replicas) for e in resumed[2].encodings)
    formats = ("png level 6", "jpeg quality 90", "webp quality 90")
    expected = {
        (name, to_disk, n): n for name in formats for to_disk in (False, True) for n in (1, 2)
    }
    assert kinds == expected


def test_one_image_on_two_replicas_is_the_picture_one_of_them_draws(resumed):
    (split,) = resumed[2].split_images
    assert (split.gpus, split.method) == (2, "ulysses")
    assert split.wall_s
    assert split.alone_s
    assert split.difference < 0.1  # bfloat16 in another order; another picture differs by about 1


@pytest.mark.long
def test_a_finished_fleet_measures_nothing_again(resumed):
    out = resumed[0]
    before = rows(out)
    process = start(out, *OPTIONS)
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "nothing new" in said
    assert rows(out) == before
