"""What a fleet is asked, shared out and refused, without starting one."""

import io
import os

import pytest

from fluxcost.errors import InputError
from measure.cli import main
from measure.replicas.host_topology import own_share
from measure.replicas.image_encoding import FORMATS, natural_picture
from measure.replicas.process_group import shard
from measure.replicas.process_window import calls_for
from measure.replicas.window_plan import (
    FleetRequest,
    all_windows,
    check_fleet_request,
    finished,
    parse_cores,
    parse_gpus,
    pending,
    requested_windows,
)
from measure.suites import Point, Protocol, load_suite
from tests.fleets import fleet_calibration
from tests.measure.conftest import TINY_MODEL
from tests.measure.replicas.tiny_fleets import SUITE


@pytest.mark.parametrize("parts", [1, 2, 3, 8])
def test_shards_hold_every_job_once_and_the_same_number_each(parts):
    shards = [shard(5, part, parts) for part in range(parts)]
    assert sorted(job for each in shards for job in each) == list(range(5 * parts))
    assert {len(each) for each in shards} == {5}


@pytest.mark.parametrize(("cpus", "parts"), [(16, 2), (16, 3), (7, 4), (2, 2)])
def test_shares_of_cpus_are_equal_and_disjoint(cpus, parts):
    shares = [own_share(range(100, 100 + cpus), part, parts) for part in range(parts)]
    held = [cpu for share in shares for cpu in share]
    assert len(held) == len(set(held)) == parts * (cpus // parts)


def test_counts_are_read_in_any_order():
    assert parse_gpus("4, 1,2,2") == (1, 2, 4)
    assert parse_cores("1,4,all") == (None, 4, 1)
    assert parse_cores("2") == (None, 2)


@pytest.mark.parametrize("text", ["", "0", "1;2", "-1", "two", "1.5", "all"])
def test_what_is_no_count_of_gpus_is_refused(text):
    with pytest.raises(InputError, match=r"--gpus is .*; expected counts of GPUs, such as 1,2"):
        parse_gpus(text)


@pytest.mark.parametrize("text", ["", "0", "some", "1,-2"])
def test_what_is_no_count_of_cores_is_refused(text):
    with pytest.raises(InputError, match=r"--cores is .*; expected counts or all"):
        parse_cores(text)


def request(**fields):
    base = {"suites": ("scaling",), "out": "x", "model": "m", "stack": "s", "gpus": (1, 2)}
    return FleetRequest(**(base | fields))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"gpus": (3,), "nodes": 2}, "asks for 3 replicas on --nodes 2"),
        ({"nodes": 2}, "--nodes is above 1 without --rendezvous; give HOST:PORT"),
        ({"node_rank": 1}, "--node-rank is 1; expected 0 to 0"),
        ({"cores": (None, 10_000)}, "--cores is 10000; expected at most"),
        ({"threads": True, "gpus": (1,)}, "--threads has 1 GPU on 1 host; expected at least"),
        (
            {"threads": True, "gpus": (4,), "nodes": 2, "rendezvous": "h:1"},
            "--threads has 4 GPUs on 2 hosts; expected at least 2 GPUs of one host",
        ),
    ],
)
def test_fleets_that_do_not_add_up_are_refused(fields, sentence):
    with pytest.raises(InputError, match=sentence):
        check_fleet_request(request(**fields))
    check_fleet_request(request(cores=(None, max(1, len(os.sched_getaffinity(0)) // 2)), gpus=(1,)))


def test_every_window_stands_once_with_each_gpu_alone_under_the_same_cores():
    suites = [load_suite("scaling")]
    windows = all_windows(suites, (1, 2), (None, 4, 1), seed=0)
    assert len({window.key for window in windows}) == len(windows)
    # 4 points with all cores and 2 of them with 4 and with 1; two GPUs alone and both at once.
    assert len(windows) == (4 + 2 * 2) * 3
    conditions: dict[tuple[Point, int | None], set[tuple[int, ...]]] = {}
    for window in windows:
        conditions.setdefault((window.point, window.cores), set()).add(window.ranks)
    assert set(map(frozenset, conditions.values())) == {frozenset({(0,), (1,), (0, 1)})}
    assert windows != sorted(windows, key=str)
    assert windows == all_windows(suites, (1, 2), (None, 4, 1), seed=0)


def test_threads_of_one_process_come_last_and_only_when_asked():
    suites = [load_suite("scaling")]
    without = requested_windows(suites, request(gpus=(1, 2, 4)))
    assert not any(window.in_one_process for window in without)
    windows = requested_windows(suites, request(gpus=(1, 2, 4), threads=True))
    added = windows[len(without) :]
    assert windows[: len(without)] == without
    assert all(window.in_one_process and window.cores is None for window in added)
    sizes = [(w.point.shape.width, len(w.ranks)) for w in added]
    assert sizes == [(n, each) for n in (512, 1024) for each in (1, 1, 1, 1, 2, 4)]
    assert len({window.key for window in windows}) == len(windows)


def test_threads_are_timed_alone_and_at_once_in_the_same_start():
    windows = requested_windows([load_suite("scaling")], request(gpus=(1, 2), threads=True))
    assert pending(windows, set()) == windows
    everything = {window.key for window in windows}
    assert pending(windows, everything) == []
    torn = windows[-1]  # threads at once at 1024x1024; each alone was finished before a kill
    again = pending(windows, everything - {torn.key})
    assert again == windows[-3:]
    one = windows[0]  # a process each: nothing else is taken again
    assert pending(windows, everything - {one.key}) == [one]


def test_a_window_is_finished_once_every_replica_in_it_has_written_it_down():
    parts = fleet_calibration(loss=0.0).replicas
    by_rank = [[part for part in parts if part.rank == rank] for rank in (0, 1)]
    assert len(finished(by_rank)) == 2 * 3
    torn = [by_rank[0], [part for part in by_rank[1] if part.replicas == 1]]
    assert {key[-2] for key in finished(torn)} == {(0,), (1,)}
    threads = fleet_calibration(loss=0.0, loss_of_threads=0.0).replicas
    assert finished([list(threads), []]) > finished(by_rank)  # all of a process in one journal


@pytest.mark.parametrize(("call_s", "calls"), [(0.1, 30), (1.0, 8), (3.6, 4)])
def test_a_window_has_calls_and_seconds_enough(call_s, calls):
    protocol = Protocol(min_samples=8, min_samples_slow=4, min_duration_s=3.0)
    assert calls_for(call_s, protocol) == calls


def test_the_picture_compresses_like_a_photograph_not_like_noise():
    made = natural_picture(512, 512, seed=1)
    assert made.size == (512, 512)
    assert made.tobytes() == natural_picture(512, 512, seed=1).tobytes()
    bits = {}
    for kind, settings in FORMATS.values():
        stream = io.BytesIO()
        made.save(stream, kind, **settings)
        bits[kind] = 8 * stream.tell() / (512 * 512)
    # Photographs take 8 to 16 bits a pixel as PNG, noise 24; JPEG at quality 90 takes 1 to 4.
    assert 8 < bits["PNG"] < 16
    assert 1 < bits["JPEG"] < 4
    assert bits["WEBP"] < bits["JPEG"]


def said(capsys, monkeypatch, *options):
    arguments = ["measure", "run", "--model", TINY_MODEL, "--device", "cpu", *options]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code, capsys.readouterr()


def test_a_dry_run_lists_the_windows_and_starts_nothing(capsys, monkeypatch, tmp_path):
    out = str(tmp_path / "out")
    options = ("--suite", SUITE, "--out", out, "--gpus", "1,2", "--cores", "1,all", "--dry-run")
    code, streams = said(capsys, monkeypatch, *options)
    assert code == 0
    assert "64x64, 2 steps, batch 1, 2 replicas, all cores" in streams.out
    assert "9 windows, no flux2-klein-tiny call was timed yet" in streams.out
    assert not (tmp_path / "out").exists()


def test_a_shape_of_ones_own_is_timed_on_each_gpu_alone_and_on_both(capsys, monkeypatch, tmp_path):
    asked = ("--shape", "64x64x3", "--batch", "2", "--gpus", "1,2", "--dry-run")
    code, streams = said(capsys, monkeypatch, "--out", str(tmp_path / "out"), *asked)
    assert code == 0, streams.err
    assert "64x64, 3 steps, batch 2, 2 replicas, all cores" in streams.out
    assert "3 windows, " in streams.out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--suite", SUITE), "suite tiny-scaling times several GPUs; add --gpus"),
        (("--suite", SUITE, "--gpus", "two"), "--gpus is 'two'; expected counts of GPUs"),
        (("--suite", "scalin", "--gpus", "2"), "suite 'scalin' is not known"),
        (("--suite", SUITE, "--gpus", "2", "--device", "tpu"), "expected cuda or cpu"),
        (("--suite", SUITE, "--gpus", "2", "--cores", "99999"), "--cores is 99999"),
        (("--suite", "core", "--gpus", "2", "--threads"), "no suite has points of it"),
        (("--suite", SUITE, "--gpus", "2", "--nodes", "0"), "nodes is 0; expected: greater than"),
    ],
)
def test_a_mistake_is_one_sentence(capsys, monkeypatch, tmp_path, options, sentence):
    code, streams = said(capsys, monkeypatch, "--out", str(tmp_path / "out"), *options)
    assert code == 2
    assert sentence in streams.err
    assert streams.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
