"""Replicas on two hosts, both of them this machine: one on each, and as the long form two."""

import contextlib
import os
import socket
from pathlib import Path

import pytest

from fluxcost.performance.calibration.extra_measurements import Replica
from fluxcost.performance.calibration.schema import read_calibration
from tests.measure.replicas.tiny_fleets import PATIENCE_S, SUITE, start


def free_port():
    """Return one below those that systems give to outgoing connections, so that none takes it."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.long)])
def each(request):
    """Replicas on each host."""
    return request.param


@pytest.fixture(scope="module")
def hosts(tmp_path_factory, each):
    out = tmp_path_factory.mktemp("hosts")
    suite = out / "suite.yaml"
    suite.write_text(Path(SUITE).read_text().replace("steps: [1, 2]", "steps: [1]"))
    shared = (
        "--suite",
        str(suite),
        "--gpus",
        "2" if each == 1 else "2,4",
        "--nodes",
        "2",
        "--rendezvous",
        f"127.0.0.1:{free_port()}",
    )
    processes = [start(out / f"host{n}", *shared, "--node-rank", str(n)) for n in (0, 1)]
    said = [process.communicate(timeout=PATIENCE_S)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "".join(said)
    return out


def test_each_host_keeps_the_journals_of_its_own_replicas(hosts, each):
    kept = {n: sorted(path.name for path in (hosts / f"host{n}").glob("rank-*")) for n in (0, 1)}
    ranks = [f"rank-{rank}" for rank in range(2 * each)]
    assert kept == {0: ranks[:each], 1: ranks[each:]}


def test_one_calibration_holds_all_replicas_of_both_hosts(hosts, each):
    assert not list((hosts / "host1").glob("calibration-*"))
    (path,) = (hosts / "host0").glob("calibration-*.json")
    calibration = read_calibration(path)
    assert len(calibration.runs) == 2
    assert {run.environment.gpu_count for run in calibration.runs} == {each}
    together: dict[str, list[Replica]] = {}
    for part in calibration.replicas:
        together.setdefault(part.window, []).append(part)
    assert sorted({len(parts) for parts in together.values()}) == (
        [1, 2] if each == 1 else [1, 2, 4]
    )
    for parts in together.values():
        seeds = sorted(seed for part in parts for seed in part.seeds)
        assert seeds == list(range(len(seeds)))
    by_host: dict[str, set[int]] = {run.id: set() for run in calibration.runs}
    for part in calibration.replicas:
        by_host[part.run].add(part.rank)
    assert sorted(map(sorted, by_host.values())) == [[*range(each)], [*range(each, 2 * each)]]
