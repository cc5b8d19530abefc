"""Timing a server: latency from when a request was due, and nothing dropped in silence."""

import asyncio
import http.server
import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fluxcost.errors import DocumentError, FluxcostError, InputError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.extra_measurements import SentLoad
from fluxcost.performance.calibration.schema import Calibration, read_calibration
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape
from measure.calibration_merge import merge_calibrations
from measure.cli import app
from measure.endpoint.client import NO_ANSWER, ImagesEndpoint
from measure.endpoint.endpoint_report import late, percentiles_of
from measure.endpoint.load_generation import (
    Schedule,
    drawn_schedule,
    replayed_schedule,
    send_on_schedule,
)
from tests.measure.serving.stub_server import (
    PATIENCE_S,
    SHAPE,
    Painter,
    Served,
    serving,
    wait_until,
)

GPU = ["--gpu", "h100-sxm", "--gpu-name", "NVIDIA H100 80GB HBM3", "--memory-gib", "79.2"]


def run(url: str, out: Path, *options: str) -> str:
    given = ["--shape", "64x48x2", "--calls", "3", "--out", str(out)]
    done = CliRunner().invoke(app, ["endpoint", url, *given, *options])
    if done.exception is not None:
        raise done.exception
    return done.output


def timed(url: str, out: Path, *options: str) -> Calibration:
    run(url, out, *options)
    return read_calibration(out)


def at(*due_s: float) -> Schedule:
    return Schedule("given", (SHAPE,), (0,) * len(due_s), due_s)


def sent(url: str, schedule: Schedule, timeout_s: float = PATIENCE_S):
    async def send():
        target = ImagesEndpoint(url, timeout_s=timeout_s)
        async with target.client() as client:
            return await send_on_schedule(client, target, schedule)

    return asyncio.run(send())


def test_our_server_says_what_it_is(tmp_path: Path):
    with serving(Painter(), max_batch=4) as served:
        output = run(served.url, tmp_path / "a.json", "--rate", "50", "--requests", "20")
    calibration = read_calibration(tmp_path / "a.json")
    assert calibration.source is Source.MEASURED
    assert calibration.alias == "h100-sxm/painter/eager-bf16-http"
    assert calibration.stack.settings["served_max_batch"] == 4
    assert calibration.stack.settings["dtype"] == "bfloat16"
    (cell,) = calibration.cells
    assert cell.run == calibration.runs[0].id
    (load,) = calibration.loads
    assert load.arrivals == "poisson, seed 0"
    assert len(load.latency_s) == 20
    assert "one request at a time" in output
    assert "1 cells and 1 loads" in output


def release_after(painter: Painter, seconds: float):
    painter.wait_until_begun()  # a busy machine may send late
    time.sleep(seconds)
    painter.gate.set()


def test_a_wait_counts_from_when_the_request_was_due():
    painter = Painter(held=True)
    with serving(painter) as served:
        # A closed loop would see one slow answer here; every request due meanwhile is late.
        release = threading.Thread(target=release_after, args=(painter, 0.6))
        release.start()
        result = sent(served.url, at(0.0, 0.1, 0.2, 0.3))
        release.join()
    load = result.load("run", ImagesEndpoint(served.url))
    assert len(load.latency_s) == 4
    assert (np.array(load.latency_s) > [0.5, 0.4, 0.3, 0.2]).all()
    assert (np.array(load.sent_s) >= load.due_s).all()


def release_once_refused(painter: Painter, served: Served, requests: int):
    counted = f'requests_total{{status="429"}} {requests}.0'
    wait_until(lambda: counted in served.client.get("/metrics").text)
    painter.gate.set()


def test_refusals_and_failures_are_counted_and_told(tmp_path: Path):
    painter = Painter()
    with serving(painter, queue_limit=1) as served:
        run(served.url, tmp_path / "warm.json")
        painter.gate.clear()
        release = threading.Thread(target=release_once_refused, args=(painter, served, 2))
        release.start()
        result = sent(served.url, at(0.0, 0.1, 0.2, 0.3))
        release.join()
        statuses = sorted(reply.status for reply in result.replies)
        assert statuses == [200, 200, 429, 429]
        assert "more images do not fit" in next(r.reason for r in result.replies if r.reason)
        assert len(result.load("run", ImagesEndpoint(served.url)).latency_s) == 2
        painter.error = RuntimeError("no")
        assert [reply.status for reply in sent(served.url, at(0.0)).replies] == [500]
        painter.error = None
        painter.gate.clear()
        (gone,) = sent(served.url, at(0.0), timeout_s=1.0).replies
        assert (gone.status, gone.reason) == (NO_ANSWER, "ReadTimeout")
        painter.gate.set()


def test_the_table_says_what_was_refused(tmp_path: Path):
    with serving(Painter(call_s=0.1), queue_limit=0) as served:
        options = ["--arrivals", "constant", "--rate", "300", "--requests", "30"]
        output = run(served.url, tmp_path / "a.json", *options)
    (load,) = read_calibration(tmp_path / "a.json").loads
    refused = load.status.count(429)
    assert refused > 0  # thirty come while a replica without a queue makes a few
    assert load.status.count(200) + refused == 30
    row = next(line for line in output.splitlines() if "300.00" in line and "│" in line)
    assert row.replace("│", " ").split()[:5] == [
        "300.00",
        "30",
        str(30 - refused),
        str(refused),
        "0",
    ]
    assert "1 more images do not fit: 0 wait and at most 0 may" in output


def test_a_server_log_is_replayed(tmp_path: Path):
    log, again = tmp_path / "log.csv", tmp_path / "again.csv"
    for path in (log, again):
        with serving(Painter(), log=path) as served:
            if path is log:
                served.post()
                served.post(size="96x96")
                served.post()
            else:
                options = ["--arrivals", str(log)]
                calibration = timed(served.url, tmp_path / "a.json", *options)
    (load,) = calibration.loads
    assert load.arrivals == "replay of log.csv"
    assert load.shapes == ((64, 48, 2), (96, 96, 2))
    assert load.shape_of == (0, 1, 0)
    assert np.allclose(np.diff(load.due_s), np.diff(replayed_schedule(log).due_s), atol=1e-5)


def test_a_record_answers_its_own_calls_and_joins_with_its_like(tmp_path: Path):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    with serving(Painter(), model="flux2-klein-4b") as served:
        for file in files:
            timed(served.url, file, "--rate", "50", "--requests", "5")
    first = read_calibration(files[0])
    latency = fit(first).latency(SHAPE)
    assert latency.value == pytest.approx(float(np.median(first.cells[0].calls_s)))
    assert latency.source is Source.MEASURED
    joined = merge_calibrations(files)
    assert len(joined.runs) == len(joined.loads) == 2
    assert {load.run for load in joined.loads} == {run.id for run in joined.runs}


class Stranger(http.server.BaseHTTPRequestHandler):
    """Another server's images API: it knows none of our fields, and answers as it is told."""

    protocol_version = "HTTP/1.1"
    pictures = 1
    asked: dict[str, object]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Stranger.asked = body | {"key": self.headers["authorization"]}
        self._answer(200, {"data": [{"b64_json": ""}] * self.pictures})

    def do_GET(self) -> None:
        self._answer(404, {"detail": "not found"})

    def _answer(self, status: int, content: object) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def stranger(pictures: int = 1):
    Stranger.pictures = pictures
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_another_server_is_asked_in_openais_words_only(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "secret")
    named = ["--model", "flux2-klein-4b", "--stack", "theirs", *GPU]
    more = ["--extra", '{"num_inference_steps": 2}', "--api-key-env", "THE_KEY"]
    with stranger() as url:
        calibration = timed(url, tmp_path / "a.json", *named, *more)
    assert calibration.alias == "h100-sxm/flux2-klein-4b/theirs"
    assert calibration.runs == ()
    assert calibration.reference == url
    assert Stranger.asked == {
        "prompt": Stranger.asked["prompt"],
        "n": 1,
        "size": "64x48",
        "response_format": "b64_json",
        "model": "flux2-klein-4b",
        "num_inference_steps": 2,
        "key": "Bearer secret",
    }
    assert "secret" not in (tmp_path / "a.json").read_text()


def test_an_answer_without_pictures_is_no_answer(tmp_path: Path):
    with stranger(pictures=0) as url:
        (reply,) = sent(url, at(0.0)).replies
        assert (reply.status, reply.reason) == (NO_ANSWER, "0 pictures of 1")
        with pytest.raises(FluxcostError, match="0 pictures of 1; expected pictures"):
            run(url, tmp_path / "a.json", "--model", "m", "--stack", "x", *GPU)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--stack", "x", *GPU], "does not say which model it serves; add --model"),
        (["--model", "m", *GPU], "does not say which stack it runs; add --stack"),
        (["--model", "m", "--stack", "x"], "does not say which GPU it runs on; add --gpu"),
        (["--extra", "{"], "--extra or the address cannot be used"),
        (["--extra", "[]"], "--extra is '[]'; expected a JSON object"),
        (["--rate", "0"], "--rate is 0.0; expected requests a second"),
        (["--rate", "1", "--requests", "0"], "--requests is 0"),
        (["--rate", "1", "--arrivals", "bursty"], "expected constant or poisson, or a CSV file"),
        (["--calls", "0"], "--calls is 0"),
        (["--timeout", "0"], "--timeout is 0.0"),
        (["--api-key-env", "NO_SUCH_KEY"], "names NO_SUCH_KEY, which is not set"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path: Path, options: list[str], reason: str):
    with stranger() as url, pytest.raises(InputError) as refused:
        run(url, tmp_path / "a.json", *options)
    assert reason in str(refused.value)
    assert not (tmp_path / "a.json").exists()


def test_nothing_there_is_said(tmp_path: Path):
    for url in ("http://127.0.0.1:1", "127.0.0.1:1", "http://[", "gopher://x"):
        with pytest.raises(InputError):
            run(url, tmp_path / "a.json")
    (tmp_path / "b.json").write_text("")
    with pytest.raises(InputError, match="exists; choose another name"):
        run("http://127.0.0.1:1", tmp_path / "b.json")


def test_a_server_that_is_not_ready_is_not_timed(tmp_path: Path):
    painter = Painter(held=True)

    def build() -> Painter:
        assert painter.gate.wait(60)
        return painter

    with serving(build, ready=False) as served:
        with pytest.raises(FluxcostError, match='"starting"'):
            run(served.url, tmp_path / "a.json")
        painter.gate.set()


def test_schedules_are_drawn_alike_from_the_same_seed():
    shapes = (SHAPE, Shape(96, 96, 2))
    first = drawn_schedule("poisson", 5.0, 4000, shapes, 1)
    assert first == drawn_schedule("poisson", 5.0, 4000, shapes, 1)
    assert first != drawn_schedule("poisson", 5.0, 4000, shapes, 2)
    gaps = np.diff((0.0, *first.due_s))
    assert gaps.mean() == pytest.approx(0.2, rel=0.05)
    assert gaps.std() == pytest.approx(0.2, rel=0.08)
    assert np.mean(first.shape_of) == pytest.approx(0.5, abs=0.03)
    even = drawn_schedule("constant", 4.0, 8, (SHAPE,), 1)
    assert even.due_s == pytest.approx(np.arange(1, 9) / 4)
    assert even.requests_per_s == pytest.approx(4.0)


def test_percentiles_are_values_seen():
    values = np.array([4.0, 1.0, 3.0, 2.0])
    assert percentiles_of(values, (50, 75, 99, 100)) == [2.0, 3.0, 4.0, 4.0]


def test_a_client_that_cannot_keep_up_is_told():
    load = SentLoad(
        run="run",
        endpoint="http://x",
        arrivals="given",
        requests_per_s=10.0,
        images=1,
        shapes=((64, 64, 1),),
        shape_of=(0, 0, 0),
        due_s=(0.1, 0.2, 0.3),
        sent_s=(0.1, 0.25, 0.3),
        ended_s=(0.6, 0.7, 0.8),
        status=(200, 200, 503),
    )
    assert load.latency_s == pytest.approx((0.5, 0.5))
    assert late(load) == pytest.approx(0.05)
    assert late(load.model_copy(update={"sent_s": (0.1, 0.21, 0.3)})) is None
    assert late(load.model_copy(update={"status": (0, 0, 503)})) is None
    with pytest.raises(InputError, match="one shape, due, sent and ended time"):
        SentLoad.parse(load.model_dump() | {"due_s": (0.1,)}, "a load")
    with pytest.raises(InputError, match="one shape, due, sent and ended time"):
        SentLoad.parse(load.model_dump() | {"shape_of": (0, 1, 0)}, "a load")


def test_a_record_that_could_not_be_written_is_refused_before_anything_is_timed(tmp_path: Path):
    out = tmp_path / "none" / "served.json"
    with pytest.raises(DocumentError, match="its folder does not exist; make it first"):
        run("http://127.0.0.1:1", out)
