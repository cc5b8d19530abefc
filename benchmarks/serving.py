"""What HTTP costs: a stack called in process, then behind the server, on one GPU.

    python benchmarks/serving.py --out DIR

One process builds the pipeline once and times bare calls; then it serves without batching and with
dynamic batching, while a second process asks: one request at a time, at a stated load, and past
what the GPU can do; it kills a client, and ends each server by SIGTERM in the middle of a call.
Raw samples go to DIR/serving.json, the request logs beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from fluxcost.capacity.fleet import Batching
from fluxcost.documents import write_atomically
from fluxcost.workload.shape import Shape, parse_shape
from measure.endpoint.client import ImagesEndpoint, send
from measure.endpoint.endpoint_report import percentiles_of
from measure.endpoint.load_generation import (
    WARM_CALLS,
    call_one_by_one,
    drawn_schedule,
    send_on_schedule,
)

QUEUE_LIMIT = 16
LOADS = (0.7,)
OVERLOAD = 1.5
BURST = 6
"""Requests open when the server is told to stop."""


def main() -> None:
    """Run the server's part, or the client's where --client says so."""
    options = _options()
    if options.client is None:
        _measure(options)
    else:
        asyncio.run(_ask(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the record")
    parser.add_argument("--model", default="flux2-klein-4b")
    parser.add_argument("--stack", default="compiled-bf16")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", default="512x512x4")
    parser.add_argument("--max-batch", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each phase, about")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--pid", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--capacity", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


# --- the process with the GPU


def _measure(options: argparse.Namespace) -> None:
    from measure.campaign_runner import device_of
    from measure.pipelines.blueprint import load_blueprint
    from measure.serving.image_requests import ServedModel
    from measure.serving.replica_pool import PipelineReplica, WarmUpPlan, open_replica
    from measure.serving.server import run
    from measure.stacks import recipe

    options.out.mkdir(parents=True, exist_ok=True)
    shape = parse_shape(options.shape)
    device = device_of(options.device)
    chosen = recipe(options.stack, device)
    blueprint = load_blueprint(options.model)
    sizes = tuple(sorted({1, options.max_batch}))
    in_process: dict[int, list[float]] = {}
    made: list[PipelineReplica] = []

    def build() -> PipelineReplica:
        """Build in the first server's thread, which is where calls are made; keep for the next."""
        if not made:
            made.append(
                open_replica(blueprint, chosen, device, None, 0, WarmUpPlan(sizes, (shape,), _say))
            )
            for size in sizes:
                in_process[size] = _time_bare(made[0], shape, size, options.seconds / 2)
        elif device.type == "cuda":
            import torch

            torch.cuda.set_device(device)
        return made[0]

    policies = []
    for max_batch in sizes:
        offered = ServedModel(
            blueprint.document.name,
            chosen.stack,
            Batching(max_batch=max_batch),
            QUEUE_LIMIT,
            shape,
            (shape,),
        )
        log = options.out / f"requests-batch-{max_batch}.csv"
        log.unlink(missing_ok=True)
        answers = options.out / f"client-batch-{max_batch}.json"
        port = _free_port()

        def capacity(size: int = max_batch) -> float:
            return size / statistics.mean(in_process[size])

        with _asking(options, port, answers, capacity, lambda: bool(made and in_process)):
            run(offered, (build,), "127.0.0.1", port, log, _say)
        shown = json.loads(answers.read_text(encoding="utf-8"))
        answers.unlink()
        policies.append({"max_batch": max_batch, "log": log.name, **shown})
    identity = made[0].identity
    record = {
        "format": "fluxcost-serving-benchmark",
        "version": 1,
        "gpu": identity.gpu.to_dict(),
        "environment": identity.environment.to_dict(),
        "model": blueprint.document.name,
        "stack": chosen.stack.to_dict(),
        "shape": vars(shape),
        "queue_limit": QUEUE_LIMIT,
        "in_process_s": in_process,
        "policies": policies,
    }
    write_atomically(options.out / "serving.json", json.dumps(record, indent=1) + "\n")
    _summarize(record)


def _time_bare(maker: Any, shape: Shape, size: int, seconds: float) -> list[float]:  # noqa: ANN401 - imported where it is needed
    from measure.prompts import PROMPTS
    from measure.serving.replica_pool import ImageInput

    walls: list[float] = []
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s or len(walls) < 5:
        wanted = [ImageInput((PROMPTS * size)[index], len(walls) + index) for index in range(size)]
        started_s = time.perf_counter()
        maker.make(shape, wanted)
        walls.append(round(time.perf_counter() - started_s, 6))
    return walls


@contextmanager
def _asking(
    options: argparse.Namespace,
    port: int,
    answers: Path,
    capacity: Callable[[], float],
    timed: Callable[[], bool],
) -> Iterator[None]:
    """Let a process of its own ask the server of this one, once its bare calls are timed."""
    failed: list[int] = []
    over = threading.Event()

    def ask() -> None:
        url = f"http://127.0.0.1:{port}"
        while not (timed() and _ready(url)):
            if over.wait(0.2):  # it could not be built, which `run` tells
                return
        told = {
            "--client": url,
            "--pid": os.getpid(),
            "--capacity": capacity(),
            "--shape": options.shape,
            "--seconds": options.seconds,
            "--out": answers,
        }
        words = [str(word) for pair in told.items() for word in pair]
        done = subprocess.run([sys.executable, __file__, *words], check=False)
        if done.returncode:
            failed.append(done.returncode)
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failed:
        raise SystemExit(f"the asking process failed with exit code {failed[0]}")


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=1.0).is_success
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the process that asks


async def _ask(options: argparse.Namespace) -> None:
    shape = parse_shape(options.shape)
    target = ImagesEndpoint(options.client)
    call_s = 1 / options.capacity
    async with target.client() as client:
        alone = await call_one_by_one(
            client, target, shape, max(10, int(options.seconds / call_s / 2))
        )
        loads = []
        for factor in (*LOADS, OVERLOAD):
            rate = factor * options.capacity
            schedule = drawn_schedule(
                "poisson", rate, max(20, int(rate * options.seconds)), (shape,), 0
            )
            sent = await send_on_schedule(client, target, schedule)
            load = sent.load("benchmark", target)
            loads.append(
                {
                    "load": factor,
                    **load.to_dict(),
                    "server_s": [reply.server_s for reply in sent.replies],
                }
            )
            shown = [round(value, 4) for value in percentiles_of(load.latency_s, (50, 95, 99))]
            statuses = dict(Counter(load.status))
            _say(
                f"load {factor}: {rate:.2f} requests/s, p50 p95 p99 {shown} s, statuses {statuses}"
            )
        killed = await _kill_a_client(client, target, shape)
        stopped = await _stop_in_mid_call(client, target, shape, options.pid)
    answers = {
        "alone": [asdict(reply) for reply in alone[WARM_CALLS:]],
        "loads": loads,
        "killed_client": killed,
        "sigterm": stopped,
    }
    write_atomically(options.out, json.dumps(answers))


async def _kill_a_client(
    client: httpx.AsyncClient, target: ImagesEndpoint, shape: Shape
) -> dict[str, Any]:
    """Break off one of some requests while it is made; the others must get their pictures."""
    async with target.client() as other:
        doomed = asyncio.create_task(send(other, target, shape, 0))
        await asyncio.sleep(0.02)
        tasks = [asyncio.create_task(send(client, target, shape, 1 + i)) for i in range(BURST)]
        await asyncio.sleep(0.02)
        doomed.cancel()
    statuses = [reply.status for reply in await asyncio.gather(*tasks)]
    _say(f"one client killed, the others got {statuses}")
    return {"others": statuses}


async def _stop_in_mid_call(
    client: httpx.AsyncClient, target: ImagesEndpoint, shape: Shape, pid: int
) -> dict[str, Any]:
    """Signal the server with requests being made and waiting, and send more at once."""
    before = [asyncio.create_task(send(client, target, shape, i)) for i in range(BURST)]
    await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGTERM)
    signaled_s = time.perf_counter()
    await asyncio.sleep(0.02)
    after = [asyncio.create_task(send(client, target, shape, i)) for i in range(3)]
    accepted, refused = await asyncio.gather(*before), await asyncio.gather(*after)
    shown = {
        "accepted": [reply.status for reply in accepted],
        "answered_after_signal_s": [round(reply.ended_s - signaled_s, 4) for reply in accepted],
        "sent_after": [[reply.status, reply.reason] for reply in refused],
    }
    _say(f"SIGTERM in mid-call: {shown}")
    return shown


# --- what it comes to


def _summarize(record: dict[str, Any]) -> None:
    for policy in record["policies"]:
        size = policy["max_batch"]
        bare = record["in_process_s"]
        walls = np.array([each["ended_s"] - each["sent_s"] for each in policy["alone"]])
        parts = np.array([sum(each["server_s"].values()) for each in policy["alone"]])
        makes = np.array([each["server_s"]["make"] for each in policy["alone"]])
        over = policy["loads"][-1]
        ended = [e for e, s in zip(over["ended_s"], over["status"], strict=True) if s == 200]
        # From the first answer on, the queue never ran empty.
        rate = (len(ended) - 1) / (max(ended) - min(ended))
        _say(
            f"batches up to {size}: alone {1000 * np.median(walls):.1f} ms over HTTP, "
            f"{1000 * statistics.median(bare[1]):.1f} ms in process; of it made in "
            f"{1000 * np.median(makes):.1f} ms, encoded and waited "
            f"{1000 * np.median(parts - makes):.1f} ms, outside the server "
            f"{1000 * np.median(walls - parts):.1f} ms; past capacity {rate:.2f} images/s over "
            f"HTTP, {size / statistics.mean(bare[size]):.2f} in process"
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
