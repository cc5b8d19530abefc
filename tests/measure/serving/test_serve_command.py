"""`python -m measure serve` as users start it: a process with a real, tiny pipeline on the CPU."""

import contextlib
import csv
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from fluxcost.errors import InputError
from fluxcost.performance.calibration.schema import read_calibration
from measure.cli import app
from tests.commands import Files, shown_json
from tests.measure.conftest import TINY_MODEL
from tests.measure.serving.stub_server import pictures, wait_until

ROOT = Path(__file__).parent.parent.parent.parent
START_S = 900.0
"""Patience with a busy machine; the server is ready in about ten seconds on an idle one."""

# Tests share few cores; more threads than cores would only wait for each other.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


class Process:
    """A server in a process of its own, and what it says."""

    def __init__(self, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        given = ["--model", TINY_MODEL, "--device", "cpu", "--port", str(self.port), *options]
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "measure", "serve", *given],
            cwd=ROOT,
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self.is_ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.strip())
            if self.said[-1] == "ready":
                self.is_ready.set()

    def wait_for(self, part: str) -> None:
        wait_until(lambda: any(part in line for line in self.said))

    def end(self) -> int:
        """Return the exit code once the process is gone."""
        code = self.process.wait(START_S)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served") / "requests.csv"


@pytest.fixture(scope="module")
def server(log: Path):
    started = Process("--max-batch", "2", "--warm", "64x64x1", "--log", str(log))
    try:
        assert started.is_ready.wait(START_S), started.said
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.end()


def test_an_endpoint_is_timed_into_a_record(server: Process, tmp_path: Path):
    out = tmp_path / "endpoint.json"
    options = ["--shape", "64x64x1", "--calls", "4", "--rate", "4", "--requests", "8"]
    done = CliRunner().invoke(app, ["endpoint", server.url, "--out", str(out), *options])
    assert done.exit_code == 0, done.output
    calibration = read_calibration(out)
    assert calibration.alias == "cpu/flux2-klein-tiny/eager-bf16-http"
    assert calibration.reference == server.url
    assert calibration.runs[0].environment.weights == "synthetic (seed 0, scale 1)"
    (cell,) = calibration.cells
    assert (cell.batch, len(cell.calls_s), len(cell.warmup_s)) == (1, 4, 3)
    (load,) = calibration.loads
    assert load.status == (200,) * 8
    assert load.endpoint == server.url


def test_the_same_seed_is_the_same_picture_whatever_its_company(server: Process):
    def make(seed: int) -> bytes:
        with httpx.Client(base_url=server.url, timeout=START_S) as client:
            body = {"prompt": "a teapot", "size": "64x64", "steps": 1, "seed": seed}
            (picture,) = pictures(client.post("/v1/images/generations", json=body))
            assert picture.size == (64, 64)
            return picture.tobytes()

    with ThreadPoolExecutor(3) as pool:
        first, second, other = pool.map(make, (5, 5, 6))
    # Rounding differs between batch sizes, by at most a few levels of 255.
    difference = max(abs(a - b) for a, b in zip(first, second, strict=True))
    assert difference <= 16
    assert max(abs(a - b) for a, b in zip(first, other, strict=True)) > 64


def test_sigterm_in_mid_batch_answers_all_that_was_accepted(
    server: Process, log: Path, capsys, tmp_path: Path
):
    long, short = ("256x256", 50), ("64x64", 3)

    def ask(size: str, steps: int) -> int:
        body = {"prompt": "a teapot", "size": size, "steps": steps}
        with httpx.Client(base_url=server.url, timeout=START_S) as client:
            return client.post("/v1/images/generations", json=body).status_code

    def metrics() -> str:
        return httpx.get(f"{server.url}/metrics").text

    with ThreadPoolExecutor(5) as pool:
        answers = [pool.submit(ask, *long)]
        wait_until(lambda: "fluxcost_replicas_busy 1.0" in metrics())
        # The first is being made, so the other four wait.
        answers += [pool.submit(ask, *short) for _ in range(4)]
        wait_until(lambda: "fluxcost_images_waiting 4.0" in metrics())
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("stopping once 5 accepted requests are answered")
        assert ask(*short) == 503
        assert [answer.result() for answer in answers] == [200] * 5
    assert server.end() == 0
    with log.open(newline="", encoding="utf-8") as stream:
        written = list(csv.DictReader(stream))
    ours = [row for row in written if int(row["steps"]) in {long[1], short[1]}]
    assert sorted(row["status"] for row in ours) == ["200"] * 5 + ["503"]
    assert max(int(row["batch"]) for row in ours) == 2
    _reconcile(capsys, Files(tmp_path), log, written)


def _reconcile(capsys, files: Files, log: Path, written: list[dict[str, str]]) -> None:
    """Read the log back with the command that it is written for."""
    bill = files.workload.parent / "bill.csv"
    bill.write_text(
        "BilledCost,ChargeCategory,ConsumedQuantity,ConsumedUnit,BillingCurrency\n"
        "3.6,Usage,1,Hours,USD\n"
    )
    given = ["--prices", files.prices, "--calibration", files.calibration]
    command = ["reconcile", "--plan", files.workload, "--bill", bill, "--requests", log]
    real = shown_json(capsys, *command, *given)["real"]
    assert real["images"] == sum(int(row["images"]) for row in written)
    gpu_s = sum(float(row["gpu_s"]) for row in written)
    assert real["image_s"] == pytest.approx(gpu_s / real["images"])


def test_stopped_while_it_builds_it_just_ends():
    started = Process()
    started.wait_for("on http://")

    def says_starting() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return "starting" in httpx.get(f"{started.url}/healthz").text
        return False

    wait_until(says_starting)
    started.process.send_signal(signal.SIGTERM)
    assert started.end() == 0, started.said


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--max-batch", "0"], "max_batch is 0"),
        (["--max-wait", "nan"], "max_wait_s is nan"),
        (["--queue-limit", "-1"], "--queue-limit is -1; expected 0 or more"),
        (["--warm", "64x64"], "--warm is '64x64'; expected WIDTHxHEIGHTxSTEPS"),
        (["--warm", "65x64x1"], "--warm is 65x64x1: width is 65; expected a multiple of 16"),
        (["--device", "gpu"], "--device is 'gpu'"),
        (["--stack", "compiled-bf16"], "add --warm, such as --warm 1024x1024x4"),
        (["--max-batch", "4", "--batch-sizes", "1,2"], "--batch-sizes is '1,2'; expected rising"),
        (["--port", "70000"], "--port 70000 cannot be listened on"),
        (["--log", "/nowhere/log.csv"], "/nowhere/log.csv: No such file"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: list[str], reason: str):
    given = [
        "serve",
        "--model",
        TINY_MODEL,
        *([] if "--device" in options else ["--device", "cpu"]),
    ]
    result = CliRunner().invoke(app, [*given, "--port", "0", *options])
    assert isinstance(result.exception, InputError)
    assert reason in str(result.exception)
