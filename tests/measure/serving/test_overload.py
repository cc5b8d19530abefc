"""The short form of benchmarks/reliability/overload.py: what holds on any machine."""

import asyncio
import os
from pathlib import Path

import pytest

from benchmarks.reliability.killing import BrokenPromiseError
from benchmarks.reliability.overload import (
    MAX_BATCH,
    Answer,
    Held,
    check_answers,
    check_bounds,
    hold,
)
from tests.measure.serving.stub_server import Painter, serving, wait_until


def test_past_its_capacity_every_request_gets_one_answer_of_its_own(tmp_path: Path):
    log = tmp_path / "requests.csv"
    painter = Painter(call_s=0.05)
    # A queue of two is full as soon as three requests wait, however slowly they are sent.
    with serving(painter, max_batch=MAX_BATCH, queue_limit=2, log=log) as served:
        held = asyncio.run(hold(served.url, os.getpid(), factor=4.0, seconds=2.0))
        wait_until(lambda: served.service.waiting == 0)
        assert served.client.get("/healthz").json() == {"status": "ready"}
    check_answers(held, log)
    assert sum(painter.batches) == sum(each.status == 200 for each in held.everything)
    assert {each.status for each in held.everything} == {200, 429}


def held_with(
    answers: list[Answer], *, made: float = 10.0, mib: tuple[float, ...] = (5.0,)
) -> Held:
    calm = [Answer(200, 1.0, "")]
    return Held(10.0, calm, answers, made, calm, list(mib), answers)


def log_of(folder: Path, *statuses: int) -> Path:
    path = folder / "requests.csv"
    path.write_text("status\n" + "".join(f"{status}\n" for status in statuses))
    return path


@pytest.mark.parametrize(
    ("answers", "logged", "reason"),
    [
        ([Answer(200, 1.0, ""), Answer(429, 0.1, "")], (200, 200, 429), "but logged"),
        ([Answer(200, 1.0, ""), Answer(429, 0.1, "")], (429,), "but logged"),
        ([Answer(0, 1.0, "ReadTimeout"), Answer(429, 0.1, "")], (200, 429), "ReadTimeout"),
        ([Answer(200, 1.0, "")], (200,), "nobody was turned away"),
    ],
)
def test_a_request_answered_twice_or_never_is_seen(tmp_path: Path, answers, logged, reason):
    with pytest.raises(BrokenPromiseError, match=reason):
        check_answers(held_with(answers), log_of(tmp_path, *logged))


def test_a_server_that_collapses_or_grows_is_seen():
    past = [Answer(200, 1.0, "")]
    check_bounds(held_with(past))
    with pytest.raises(BrokenPromiseError, match="past capacity 20 %"):
        check_bounds(held_with(past, made=2.0))
    with pytest.raises(BrokenPromiseError, match=r"memory grew by 95\.0 MiB"):
        check_bounds(held_with(past, mib=(5.0, 100.0)))
