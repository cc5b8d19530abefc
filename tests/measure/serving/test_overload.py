"""The short form of benchmarks/reliability/overload.py: what holds on any machine."""

import asyncio
import os
from pathlib import Path

from benchmarks.reliability.overload import MAX_BATCH, QUEUE_LIMIT, check_answers, hold
from tests.measure.serving.served import Painter, serving, wait_until


def test_past_its_capacity_every_request_gets_one_answer_of_its_own(tmp_path: Path):
    log = tmp_path / "requests.csv"
    painter = Painter(call_s=0.05)
    with serving(painter, max_batch=MAX_BATCH, queue_limit=QUEUE_LIMIT, log=log) as served:
        held = asyncio.run(hold(served.url, os.getpid(), factor=2.0, seconds=2.0))
        wait_until(lambda: served.service.waiting == 0)
        assert served.client.get("/healthz").json() == {"status": "ready"}
    check_answers(held, log)
    assert sum(painter.batches) == sum(each.status == 200 for each in held.everything)
    assert {each.status for each in held.everything} == {200, 429}
