"""A server asked for twice what it makes: python -m benchmarks.reliability.overload [--minutes 10].

`python -m measure serve` with a tiny model on the CPU is asked at half of what it can make, then
past it, then at half again. Exits with 1 and says what broke where a promise does not hold: every
request gets one answer, its own pictures or status 429 or 503, and stands in the log once; the
server makes no less than before; its memory stays; and afterwards it answers as it did.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.reliability.killing import BrokenPromiseError, require
from fluxcost.units import percent
from fluxcost.workload.shape import Shape
from measure.endpoint.client import GENERATIONS, NO_ANSWER, ImagesEndpoint
from measure.endpoint.load_generation import drawn_schedule
from tests.measure.serving.test_serve_command import START_S, Process

SHAPE = Shape(64, 64, 4)
MAX_BATCH, QUEUE_LIMIT = 4, 16
ASKERS = 2 * MAX_BATCH
"""Enough, each after its answer, that the server always has a whole call to make."""

TURNED_AWAY = frozenset({429, 503})
HALF = 0.5
LEAST_MADE = 0.7
"""Images a second past capacity over those at it; the machine is shared, so neither is exact."""

MOST_GROWTH_MIB = 16.0
"""From a tenth of the time past capacity, when buffers have their size, to its end."""

MOST_SLOWER = 2.0
"""Median latency afterwards over before, likewise."""


@dataclass(frozen=True)
class Answer:
    """What came of one request; `problem` is empty where it is what a client may expect."""

    status: int
    wall_s: float
    problem: str


class Asker:
    """Sends requests for one picture each, every one with a seed of its own."""

    def __init__(self, client: httpx.AsyncClient, shape: Shape) -> None:
        self.answers: list[Answer] = []
        self._client, self._shape = client, shape
        self._seeds = itertools.count(1)

    async def ask(self) -> Answer:
        """Send the next request, and keep and return what came of it."""
        size, seed = f"{self._shape.width}x{self._shape.height}", next(self._seeds)
        body = {"prompt": "a teapot", "size": size, "steps": self._shape.steps, "seed": seed}
        sent_s = time.perf_counter()
        try:
            answer = await self._client.post(GENERATIONS, json=body)
        except httpx.HTTPError as error:
            status, problem = NO_ANSWER, f"{type(error).__name__} {error}"
        else:
            status, problem = answer.status_code, _problem_of(answer, seed)
        self.answers.append(Answer(status, time.perf_counter() - sent_s, problem))
        return self.answers[-1]

    async def at(self, requests_per_s: float, seconds: float) -> list[Answer]:
        """Send at a mean rate, however many are unanswered; return what came of these."""
        requests = max(1, round(requests_per_s * seconds))
        due_s = drawn_schedule("poisson", requests_per_s, requests, (self._shape,), seed=0).due_s
        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = []
            for due in due_s:
                await asyncio.sleep(max(0.0, began_s + due - time.perf_counter()))
                tasks.append(group.create_task(self.ask()))
        return [task.result() for task in tasks]

    async def in_turn(self, askers: int, seconds: float) -> float:
        """Send from so many askers, each after its answer; return images a second."""
        until_s = time.perf_counter() + seconds

        async def one() -> int:
            made = 0
            while time.perf_counter() < until_s:
                made += (await self.ask()).status == httpx.codes.OK
            return made

        began_s = time.perf_counter()
        made = await asyncio.gather(*(one() for _ in range(askers)))
        return sum(made) / (time.perf_counter() - began_s)


def _problem_of(answer: httpx.Response, seed: int) -> str:
    if answer.status_code in TURNED_AWAY:
        return "" if "retry-after" in answer.headers else "it does not say when to try again"
    if answer.status_code != httpx.codes.OK:
        return f"status {answer.status_code}: {answer.text[:200]}"
    found = answer.json()
    whole = found["seed"] == seed and len(found["data"]) == 1
    return "" if whole else f"asked with seed {seed}, answered seed {found['seed']}"


@dataclass(frozen=True)
class Held:
    """What a server did below, past and again below what it can make.

    Attributes:
        capacity: Images a second that it makes where enough is always asked.
        before: Answers at half of that.
        past: Answers past it.
        made: Images a second past it.
        after: Answers at half of it again.
        mib: Resident memory of the server, each second past capacity.
        everything: Every answer, of warming too.
    """

    capacity: float
    before: list[Answer]
    past: list[Answer]
    made: float
    after: list[Answer]
    mib: list[float]
    everything: list[Answer]

    @property
    def growth_mib(self) -> float:
        """Memory at the end past capacity over that after a tenth of it."""
        return self.mib[-1] - self.mib[len(self.mib) // 10]

    @property
    def slower(self) -> float:
        """Median time until a picture came, afterwards over before."""
        return float(np.median(_seconds(self.after)) / np.median(_seconds(self.before)))

    def __str__(self) -> str:
        start, settled, end = self.mib[0], self.mib[-1] - self.growth_mib, self.mib[-1]
        return (
            f"before, at half of {self.capacity:.1f} images/s: {_told(self.before)}\n"
            f"past capacity: {_told(self.past)}; {self.made:.1f} images/s made\n"
            f"after, at half again: {_told(self.after)}\n"
            f"memory past capacity: {start:.1f} MiB at its start, {settled:.1f} after a tenth, "
            f"{end:.1f} at its end, at most {max(self.mib):.1f}"
        )


async def hold(url: str, pid: int, factor: float, seconds: float) -> Held:
    """Ask a server for some seconds for so many times what it can make, and for half around it."""
    calm_s = min(30.0, seconds / 2)
    async with ImagesEndpoint(url).client() as client:
        asker = Asker(client, SHAPE)
        await asker.in_turn(ASKERS, calm_s)
        capacity = await asker.in_turn(ASKERS, calm_s)
        before = await asker.at(HALF * capacity, calm_s)
        mib: list[float] = []
        watching = asyncio.create_task(_watch(pid, mib))
        began_s = time.perf_counter()
        past = await asker.at(factor * capacity, seconds)
        made = len(_seconds(past)) / (time.perf_counter() - began_s)
        watching.cancel()
        after = await asker.at(HALF * capacity, calm_s)
    return Held(capacity, before, past, made, after, mib, asker.answers)


async def _watch(pid: int, mib: list[float]) -> None:
    process = psutil.Process(pid)
    while True:
        mib.append(process.memory_info().rss / 2**20)
        await asyncio.sleep(1.0)


def _seconds(answers: list[Answer]) -> list[float]:
    return [each.wall_s for each in answers if each.status == httpx.codes.OK]


def _told(answers: list[Answer]) -> str:
    counts = sorted(Counter(each.status for each in answers).items())
    statuses = ", ".join(f"{count:,} x {status}" for status, count in counts)
    middle, p95, most = np.percentile(_seconds(answers), (50, 95, 100))
    return f"{statuses}; a picture after {middle:.3f} s (p95 {p95:.3f}, most {most:.3f})"


def check_answers(held: Held, log: Path) -> None:
    """Require that every request has one proper answer and stands in the log once with it.

    Raises:
        BrokenPromiseError: One does not.
    """
    problems = Counter(each.problem for each in held.everything if each.problem)
    require(holds=not problems, what=f"of the answers: {problems.most_common(3)}")
    with log.open(newline="", encoding="utf-8") as stream:
        logged = Counter(int(row["status"]) for row in csv.DictReader(stream))
    answered = Counter(each.status for each in held.everything)
    require(holds=logged == answered, what=f"answered {answered}, but logged {logged}")
    turned_away = any(each.status in TURNED_AWAY for each in held.past)
    require(holds=turned_away, what="nobody was turned away past capacity")


def check_bounds(held: Held) -> None:
    """Require that the server neither collapsed nor grew past capacity, and is itself afterwards.

    Raises:
        BrokenPromiseError: It did.
    """
    kept = held.made / held.capacity
    require(holds=kept >= LEAST_MADE, what=f"past capacity {percent(kept)} of the images are made")
    growth = held.growth_mib
    require(holds=growth <= MOST_GROWTH_MIB, what=f"memory grew by {growth:.1f} MiB past capacity")
    slower = held.slower
    require(
        holds=slower <= MOST_SLOWER, what=f"afterwards a picture took {slower:.1f} times as long"
    )


def main(arguments: Sequence[str]) -> int:
    """Start a server, hold it past what it can make, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability.overload")
    parser.add_argument("--minutes", type=float, default=10.0, help="Past capacity.")
    parser.add_argument("--factor", type=float, default=2.0, help="Requests over capacity.")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "requests.csv"
        policy = ["--max-batch", str(MAX_BATCH), "--queue-limit", str(QUEUE_LIMIT)]
        warm = ["--warm", f"{SHAPE.width}x{SHAPE.height}x{SHAPE.steps}"]
        server = Process(*policy, *warm, "--log", str(log))
        try:
            require(holds=server.is_ready.wait(START_S), what=f"it did not start: {server.said}")
            pid = server.process.pid
            held = asyncio.run(hold(server.url, pid, asked.factor, asked.minutes * 60))
            server.process.terminate()
            require(holds=server.end() == 0, what=f"it did not end well: {server.said}")
            print(held)
            check_answers(held, log)
            check_bounds(held)
        except BrokenPromiseError as error:
            print(f"BROKEN: {error}")
            return 1
        finally:
            if server.process.poll() is None:
                server.process.kill()
                server.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
