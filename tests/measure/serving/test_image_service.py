"""Behind real sockets: batches, refusals, clients that leave, calls that fail, and the end."""

import contextlib
import csv
import json
import socket
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fluxcost.capacity.trace import read_trace
from fluxcost.economics.reconcile import read_month
from fluxcost.errors import FluxcostError
from fluxcost.workload.shape import Shape
from measure.serving.image_requests import CLIENT_GONE
from measure.serving.request_log import COLUMNS
from tests.measure.serving.stub_server import (
    PATIENCE_S,
    SHAPE,
    Painter,
    Served,
    color,
    health,
    message,
    pictures,
    serving,
    wait_until,
)


def rows(log: Path) -> list[dict[str, str]]:
    with log.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_picture_of_the_size_and_seed_asked_for():
    with serving(Painter()) as served:
        answer = served.post(size="96x64", steps=3, seed=300)
        (picture,) = pictures(answer)
        assert (picture.format, picture.size) == ("PNG", (96, 64))
        assert picture.getpixel((5, 5)) == color(300)
        told = answer.json()
        assert (told["size"], told["steps"], told["seed"]) == ("96x64", 3, 300)
        assert told["weights"] == answer.headers["x-fluxcost-weights"] == "synthetic"
        assert answer.headers["server-timing"].startswith("queue;dur=")
        (default,) = pictures(served.post())
        assert default.size == (SHAPE.width, SHAPE.height)


@pytest.mark.parametrize(("asked", "made"), [("jpeg", "JPEG"), ("webp", "WEBP")])
def test_other_formats(asked: str, made: str):
    with serving(Painter()) as served:
        (picture,) = pictures(served.post(output_format=asked))
        assert picture.format == made


def test_several_images_come_in_the_order_of_their_seeds_over_several_calls():
    painter = Painter()
    with serving(painter, max_batch=2) as served:
        made = pictures(served.post(n=5, seed=10))
    assert [picture.getpixel((0, 0)) for picture in made] == [color(10 + each) for each in range(5)]
    assert painter.batches == [2, 2, 1]


def test_images_of_one_shape_that_wait_together_are_made_together():
    painter = Painter(held=True)
    with serving(painter, max_batch=4) as served:
        first = served.posting()
        painter.wait_until_begun()
        others = [served.posting(seed=each, prompt=str(each)) for each in range(5)]
        served.wait_for_waiting(5)
        wide = served.posting(size="128x48")
        served.wait_for_waiting(6)
        painter.gate.set()
        for each, future in enumerate(others):
            assert pictures(future.result())[0].getpixel((0, 0)) == color(each)
        assert pictures(wide.result())[0].size == (128, 48)
        assert pictures(first.result())
    assert painter.batches == [1, 4, 1, 1]
    assert painter.calls[1][0] == SHAPE


def test_the_better_priority_is_made_first():
    painter = Painter(held=True)
    with serving(painter) as served:
        first = served.posting(prompt="first")
        painter.wait_until_begun()
        patient = served.posting(prompt="patient", priority=5)
        served.wait_for_waiting(1)
        urgent = served.posting(prompt="urgent")
        served.wait_for_waiting(2)
        painter.gate.set()
        for future in (first, patient, urgent):
            assert pictures(future.result())
    assert [prompts[0] for _, prompts in painter.calls] == ["first", "urgent", "patient"]


def test_two_replicas_work_at_once():
    painters = Painter(held=True), Painter(held=True)
    with serving(*painters) as served:
        futures = [served.posting(), served.posting()]
        for painter in painters:
            painter.wait_until_begun()
        for painter in painters:
            painter.gate.set()
        assert all(pictures(future.result()) for future in futures)


def test_past_the_queue_limit_requests_are_refused_and_those_accepted_answered():
    painter = Painter(held=True)
    with serving(painter, queue_limit=3) as served:
        accepted = [served.posting()]
        painter.wait_until_begun()
        accepted += [served.posting(n=2)]
        served.wait_for_waiting(2)
        refused = served.post(n=2)
        assert refused.status_code == 429
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert message(refused).startswith("2 more images do not fit: 2 wait and at most 3 may;")
        assert int(refused.headers["retry-after"]) >= 1
        accepted += [served.posting(n=1)]
        served.wait_for_waiting(3)
        assert served.post().status_code == 429
        painter.gate.set()
        assert [len(pictures(future.result())) for future in accepted] == [1, 2, 1]


def leave(served: Served, **fields) -> socket.socket:
    """Send a request and return the socket that waits for its answer."""
    body = json.dumps({"prompt": "gone"} | fields).encode()
    url = httpx.URL(served.url)
    connection = socket.create_connection((url.host, url.port or 0), PATIENCE_S)
    head = f"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_a_client_that_leaves_harms_nobody(tmp_path: Path):
    painter, log = Painter(held=True), tmp_path / "log.csv"
    with serving(painter, max_batch=2, log=log) as served:
        while_made = leave(served, n=1)
        painter.wait_until_begun()
        while_waiting = leave(served, n=2)
        served.wait_for_waiting(2)
        stays = served.posting(n=2, seed=7)
        served.wait_for_waiting(4)
        while_waiting.close()
        served.wait_for_waiting(2)
        while_made.close()
        wait_until(lambda: 'requests_total{status="499"} 2.0' in metrics_text(served))
        painter.gate.set()
        assert len(pictures(stays.result())) == 2
    assert painter.batches == [1, 2]
    made = {(row["status"], row["asked"], row["images"], row["accepted"]) for row in rows(log)}
    gone = str(CLIENT_GONE)
    assert made == {(gone, "1", "1", "0"), (gone, "2", "0", "0"), ("200", "2", "2", "2")}
    spent = {row["asked"] + row["images"]: float(row["gpu_s"]) for row in rows(log)}
    assert spent["11"] > 0
    assert spent["20"] == 0


def test_half_a_request_harms_nobody():
    with serving(Painter()) as served:
        url = httpx.URL(served.url)
        with socket.create_connection((url.host, url.port or 0), PATIENCE_S) as connection:
            connection.sendall(b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\n")
            connection.sendall(b"Content-Length: 500\r\n\r\n{")
        assert pictures(served.post())
        wait_until(lambda: 'requests_total{status="499"} 1.0' in metrics_text(served))


def metrics_text(served: Served) -> str:
    return served.client.get("/metrics").text


def test_a_call_that_fails_is_an_answer_and_the_next_one_works():
    painter = Painter()
    painter.error = RuntimeError("the GPU said\nno")
    with serving(painter) as served:
        for expected in ("ready", "ready", "failing"):
            answer = served.post()
            assert answer.status_code == 500
            assert message(answer) == "the images were not made: the GPU said no."
            assert health(served) == expected
        painter.error = None
        assert pictures(served.post())
        assert health(served) == "ready"


def test_what_does_not_fit_is_not_the_gpus_failure():
    painter = Painter()
    painter.error = FluxcostError("2048x2048 does not fit into the GPU's memory")
    with serving(painter) as served:
        answers = [served.post(n=2, seed=None) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [500] * 4
        assert health(served) == "ready"


def test_before_it_is_built_it_says_so():
    painter = Painter(held=True)

    def build() -> Painter:
        assert painter.gate.wait(PATIENCE_S)
        return painter

    with serving(build, ready=False) as served:
        answer = served.client.get("/healthz")
        assert (answer.status_code, answer.json()) == (503, {"status": "starting"})
        refused = served.post()
        assert refused.status_code == 503
        assert "not ready yet" in message(refused)
        assert refused.headers["retry-after"] == "10"
        painter.gate.set()
        wait_until(lambda: health(served) == "ready")
        assert pictures(served.post())


def test_a_build_that_fails_ends_the_server_with_its_reason():
    def build() -> Painter:
        raise FluxcostError("no such weights")

    with serving(build, ready=False) as served, contextlib.suppress(httpx.HTTPError):
        wait_until(lambda: served.service.failure is not None)
    assert str(served.service.failure) == "no such weights"


def test_told_to_stop_it_answers_what_it_accepted_and_refuses_the_rest(tmp_path: Path):
    painter, log = Painter(held=True), tmp_path / "log.csv"
    with serving(painter, max_batch=2, max_wait_s=60.0, log=log) as served:
        accepted = [served.posting(n=2), served.posting(n=2), served.posting(n=1)]
        painter.wait_until_begun()
        wait_until(lambda: served.service.waiting >= 3 or len(painter.calls) > 1)
        served.drain()
        wait_until(lambda: health(served) == "draining")
        refused = served.post()
        assert refused.status_code == 503
        assert message(refused) == "this server is stopping; send the request to another one."
        assert refused.headers["connection"] == "close"
        assert "retry-after" in refused.headers
        painter.gate.set()
        # The last image waited for company that cannot come: it is made at once.
        assert sum(len(pictures(future.result())) for future in accepted) == 5
        wait_until(lambda: not reachable(served))
    statuses = sorted(row["status"] for row in rows(log))
    assert statuses == ["200"] * 3 + ["503"]


def reachable(served: Served) -> bool:
    url = httpx.URL(served.url)
    try:
        with socket.create_connection((url.host, url.port or 0), PATIENCE_S):
            return True
    except ConnectionError:
        return False


MALFORMED = [
    (b"", 400, "the body is not JSON"),
    (b"{", 400, "the body is not JSON"),
    (b"\xff\xfe{}", 400, "the body is not JSON"),
    (b"[" * 100_000, 400, "nested too deeply"),
    (b"[1, 2]", 400, "the body is a JSON list; expected an object with a prompt"),
    (b"{}", 400, "prompt is missing; add it"),
    (b'{"prompt": ""}', 400, "prompt is ''"),
    (b'{"prompt": 7}', 400, "prompt is 7; expected: a valid string"),
    (b'{"prompt": "\\ud800"}', 400, "prompt is '\\ud800'"),
    (b'{"prompt": "a", "n": NaN}', 400, "NaN is not a number JSON allows"),
    (b'{"prompt": "a", "n": 1e400}', 400, "n is inf"),
    (b'{"prompt": "a", "n": 0}', 400, "n is 0"),
    (b'{"prompt": "a", "n": 11}', 400, "n is 11"),
    (b'{"prompt": "a", "n": "2"}', 400, "n is '2'"),
    (b'{"prompt": "a", "n": true}', 400, "n is True"),
    (b'{"prompt": "a", "seed": -1}', 400, "seed is -1"),
    (b'{"prompt": "a", "seed": 1' + b"0" * 5000 + b"}", 400, "the body is not JSON"),
    (b'{"prompt": "a", "steps": 1.5}', 400, "steps is 1.5"),
    (b'{"prompt": "a", "size": "100x100"}', 400, "width is 100; expected a multiple of 16"),
    (b'{"prompt": "a", "size": "64x0"}', 400, "height is 0"),
    (b'{"prompt": "a", "size": "64x64x4"}', 400, "expected WIDTHxHEIGHT"),
    ('{"prompt": "a", "size": "\u0666\u0664x64"}'.encode(), 400, "expected WIDTHxHEIGHT"),
    (b'{"prompt": "a", "size": "8192x8192"}', 400, "too much for one request"),
    (b'{"prompt": "a", "steps": 51}', 400, "too much for one request"),
    (b'{"prompt": "a", "response_format": "url"}', 400, "response_format is 'url'"),
    (b'{"prompt": "a", "quality": "hd"}', 400, "quality is not a known field"),
    (b'{"prompt": "a", "model": "dall-e-3"}', 404, "expected 'painter', the one served here"),
    (b'{"prompt": "' + b"a" * 32_001 + b'"}', 400, "at most 32000 characters"),
    (b'{"prompt": "' + b"a" * 300_000 + b'"}', 413, "the body is over 262144 bytes"),
]


@pytest.fixture(scope="module")
def shared():
    with serving(Painter()) as served:
        yield served


@pytest.mark.parametrize(("body", "status", "reason"), MALFORMED)
def test_a_body_that_cannot_be_is_refused_in_a_sentence(
    shared: Served, body: bytes, status: int, reason: str
):
    answer = shared.send_raw(body)
    assert answer.status_code == status
    assert reason in message(answer)
    assert len(message(answer)) < 300
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert pictures(shared.post())


def test_any_text_is_a_prompt(shared: Served):
    for prompt in ("\u0000", "\U0001f5bc\ufe0f", "\u202e", "a" * 32_000):
        assert pictures(shared.post(prompt=prompt))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/images/generations", 405),
        ("POST", "/v1/images/edits", 404),
        ("GET", "/%00%ff", 404),
    ],
)
def test_elsewhere_is_refused_in_the_same_shape(
    shared: Served, method: str, path: str, status: int
):
    answer = shared.client.request(method, path)
    assert answer.status_code == status
    assert "expected POST /v1/images/generations" in message(answer)


def test_only_the_shapes_named_are_served():
    with serving(Painter(), shapes=(Shape(64, 48, 2), Shape(96, 96, 4))) as served:
        assert pictures(served.post(size="96x96", steps=4))
        answer = served.post(size="96x96")
        assert answer.status_code == 400
        assert message(answer) == (
            "96x96, 2 steps is not served here; expected 64x48, 2 steps; 96x96, 4 steps."
        )


def test_it_tells_what_it_serves(shared: Served):
    (model,) = shared.client.get("/v1/models").json()["data"]
    assert model["id"] == "painter"
    about = shared.client.get("/about").json()
    assert about["batching"] == {"max_batch": 1, "max_wait_s": 0.0, "together": "shape"}
    assert about["gpu"]["key"] == "h100-sxm"
    schema = shared.client.get("/openapi.json").json()
    body = schema["paths"]["/v1/images/generations"]["post"]["requestBody"]
    assert "prompt" in body["content"]["application/json"]["schema"]["properties"]


def test_metrics_are_read_by_prometheus_and_count_what_happened():
    painter = Painter()
    with serving(painter, max_batch=4) as served:
        served.post(n=3)
        served.send_raw(b"{}")
        painter.error = RuntimeError("no")
        served.post()
        families = text_string_to_metric_families(metrics_text(served))
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }
    assert samples["fluxcost_requests_total", "200"] == 1
    assert samples["fluxcost_requests_total", "400"] == 1
    assert samples["fluxcost_requests_total", "500"] == 1
    assert samples["fluxcost_images_total",] == 3
    assert samples["fluxcost_call_images_sum",] == 3
    assert samples["fluxcost_images_waiting",] == 0
    assert samples["fluxcost_replicas_busy",] == 0
    assert samples["fluxcost_request_seconds_count",] == 1
    assert samples["fluxcost_gpu_seconds_total",] > 0
    assert samples["fluxcost_info", "painter", "eager-bf16"] == 1


def test_the_log_is_read_by_reconcile_and_as_a_trace(tmp_path: Path):
    log, bill = tmp_path / "log.csv", tmp_path / "bill.csv"
    painter = Painter(held=True)
    with serving(painter, queue_limit=2, log=log) as served:
        first = served.posting(n=1)
        painter.wait_until_begun()
        second = served.posting(n=2, size="96x96")
        served.wait_for_waiting(2)
        assert served.post().status_code == 429
        painter.gate.set()
        assert pictures(first.result())
        assert pictures(second.result())
    bill.write_text(
        "BilledCost,ChargeCategory,ConsumedQuantity,ConsumedUnit,BillingCurrency\n"
        "3.6,Usage,1,Hours,USD\n"
    )
    month, _ = read_month([bill], log, gpus_per_instance=1)
    written = rows(log)
    assert (month.images, month.accepted) == (3, 3)
    assert month.image_s * 3 == pytest.approx(sum(float(row["gpu_s"]) for row in written))
    trace = read_trace(log)
    assert len(trace.times_s) == 3  # the one turned away came too
    assert set(trace.shapes) == {SHAPE, Shape(96, 96, 2)}
    for row in written:
        assert datetime.fromisoformat(row["timestamp"]).utcoffset() is not None
        assert float(row["latency_s"]) >= float(row["queued_s"] or 0)


def test_a_log_is_continued_and_another_file_refused(tmp_path: Path):
    log = tmp_path / "log.csv"
    for _ in range(2):
        with serving(Painter(), log=log) as served:
            served.post()
        with log.open("a") as stream:
            stream.write("2026-11-24T10:00:00+00:00,64")  # a kill tore the last row
    assert len(rows(log)) == 3
    log.write_text("other,columns\n1,2\n")
    with pytest.raises(FluxcostError, match="not a request log"), serving(Painter(), log=log):
        pass
    assert COLUMNS[0] == "timestamp"
