"""Many readers of the dashboard at once: python -m benchmarks.dashboard_load [--sessions 50] ...

Each reader holds a session over Streamlit's own protocol, thinks, changes a control to a value of
its own, and waits for the new number, which comes first, and for the whole page drawn anew. How
long people think was not measured here: as in TPC-W, the benchmark of a web shop (version 1.8,
2002), it is drawn from an exponential distribution with a mean of 7 s, and no thought is longer
than ten times that. With `--think 0` readers ask again at once, which no person does: it shows how
many changes a second are all that a server can answer.

Printed for each wave of readers: answers, what the pages refused in a sentence, errors, the time of
an answer, the share of a core the server was busy, and its memory. The readers run on this machine;
the server too, unless `--address` says where one listens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.dashboard.test_browser import PATHS, served

CHANGES: dict[str, tuple[str, str, Callable[[random.Random], float]]] = {
    "what_if": ("Images", "Total, USD", lambda draw: draw.randint(100_000, 400_000)),
    "break_even": ("Images a month", "API, USD a month", lambda draw: draw.randint(10**5, 10**7)),
    "capacity": ("Requests a second", "Utilization", lambda draw: draw.uniform(1.0, 12.0)),
    "calibration": ("Images a call (batch)", "Latency, median", lambda draw: draw.randint(1, 10)),
}
"""Page to the control changed, the number looked for, and a value to change it to."""

PROTOCOL = Subprotocol("streamlit")

LONGEST_THOUGHT = 10
"""Over the mean."""

ARRIVE_S = 10.0
"""Readers do not come all at once, but within so long."""

PATIENCE_S = 60.0
"""An answer that takes longer is an error."""

MIB = 2**20


@dataclass
class Tally:
    """What readers saw."""

    opened_s: list[float] = field(default_factory=list)
    number_s: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PATHS})
    page_s: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PATHS})
    refused: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass
class Seen:
    """What one drawing of a page sent, and when its number and its end came."""

    number: str
    number_s: float | None = None
    page_s: float = 0.0
    boxes: dict[str, NumberInput] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def hear(self, message: ForwardMsg) -> None:
        """Keep the controls, the numbers and what went wrong."""
        if message.WhichOneof("type") != "delta" or not message.delta.HasField("new_element"):
            return
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "number_input":
            self.boxes[element.number_input.label] = element.number_input
        elif kind == "metric":
            if element.metric.label == self.number:
                self.number_s = time.perf_counter()
        elif kind == "exception":
            self.problems.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "alert":
            self.refused.append(element.alert.body)


class Reader:
    """One session on one page."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        self.socket, self.name = socket, name
        self.boxes: dict[str, NumberInput] = {}

    async def draw(self, value: float | None = None) -> Seen:
        """Ask for the page, with its control at a value, and return it once it is whole."""
        label, number, _ = CHANGES[self.name]
        asked = BackMsg()
        asked.rerun_script.page_name = PATHS[self.name]
        if value is not None:
            box = self.boxes[label]
            state = asked.rerun_script.widget_states.widgets.add(id=box.id)
            if box.data_type == NumberInput.DataType.INT:
                state.int_value = int(value)
            else:
                state.double_value = value
        await self.socket.send(asked.SerializeToString())
        seen = Seen(number)
        async for data in self.socket:
            message = ForwardMsg()
            message.ParseFromString(data)
            seen.hear(message)
            if message.WhichOneof("type") == "script_finished":
                break
        seen.page_s = time.perf_counter()
        self.boxes |= seen.boxes
        if seen.number_s is None and not seen.refused:
            seen.problems.append(f"{self.name} was drawn without {number}")
        return seen


async def read(url: str, name: str, asked: argparse.Namespace, seed: int, tally: Tally) -> None:
    """Open a page and change its control until the wave ends."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    ends_s = time.perf_counter() + asked.minutes * 60
    await asyncio.sleep(draw.uniform(0, ARRIVE_S))
    async with connect(url, subprotocols=[PROTOCOL], max_size=None) as socket:
        reader = Reader(socket, name)
        value = None
        while time.perf_counter() < ends_s:
            started_s = time.perf_counter()
            try:
                seen = await asyncio.wait_for(reader.draw(value), PATIENCE_S)
            except TimeoutError:
                tally.errors.append(f"{name}: no answer within {PATIENCE_S:.0f} s")
                return
            if value is None:
                tally.opened_s.append(seen.page_s - started_s)
            else:
                tally.page_s[name].append(seen.page_s - started_s)
            if value is not None and seen.number_s is not None:
                tally.number_s[name].append(seen.number_s - started_s)
            tally.errors += [f"{name}: {problem}" for problem in seen.problems]
            tally.refused += [f"{name}: {sentence}" for sentence in seen.refused]
            value = CHANGES[name][2](draw)
            if asked.think:
                thought_s = min(draw.expovariate(1 / asked.think), LONGEST_THOUGHT * asked.think)
                await asyncio.sleep(min(thought_s, ends_s - time.perf_counter()))


async def wave(url: str, asked: argparse.Namespace, seed: int) -> Tally:
    """Let all readers come, read and go."""
    tally, names = Tally(), itertools.cycle(asked.pages)
    readers = [
        read(url, next(names), asked, seed * 10_000 + number, tally)
        for number in range(asked.sessions)
    ]
    for ended in await asyncio.gather(*readers, return_exceptions=True):
        if ended is not None:
            tally.errors.append(repr(ended))
    return tally


def summary(taken_s: list[float]) -> str:
    """Return the median and the 95th percentile of times."""
    if len(taken_s) < 2:
        return f"{len(taken_s)} answers"
    p95 = statistics.quantiles(taken_s, n=20, method="inclusive")[-1]
    middle = statistics.median(taken_s)
    return (
        f"{len(taken_s)} answers, median {middle:.2f} s, p95 {p95:.2f} s, most {max(taken_s):.2f} s"
    )


def report(tally: Tally, pages: list[str], seconds: float) -> None:
    """Print what the readers of a wave saw."""
    changes = sum(map(len, tally.page_s.values()))
    print(f"  a page opened: {summary(tally.opened_s)}")
    print(f"  controls changed: {changes}, {changes / seconds:.2f} a second")
    for what, taken_s in (("new number", tally.number_s), ("whole page", tally.page_s)):
        print(f"  to the {what}: {summary([*itertools.chain(*taken_s.values())])}")
        for name in pages:
            print(f"    {name}: {summary(taken_s[name])}")
    for kind, found in (("refused", tally.refused), ("errors", tally.errors)):
        print(f"  {kind}: {len(found)}", *sorted(set(found))[:5], flush=True)


@contextlib.contextmanager
def server(address: str | None) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Yield the address of a server and its process, where it is ours."""
    if address is not None:
        yield address, []
        return
    with served() as own:
        yield own, psutil.Process().children()


def cpu_s(processes: list[psutil.Process]) -> float:
    """Return the seconds of a core that processes have taken."""
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def main() -> None:
    """Print what each wave of readers saw and what the server took."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--sessions", type=int, default=50)
    options.add_argument("--minutes", type=float, default=2.0, help="of each wave")
    options.add_argument("--think", type=float, default=7.0, help="mean seconds between changes")
    options.add_argument("--waves", type=int, default=3)
    options.add_argument("--pages", nargs="+", choices=list(CHANGES), default=list(CHANGES))
    options.add_argument(
        "--address", help="of a server that runs already, such as http://host:8501"
    )
    asked = options.parse_args()
    with server(asked.address) as (address, processes):
        url = address.replace("http", "ws", 1) + "/_stcore/stream"
        for number in range(1, asked.waves + 1):
            before_s, started_s = cpu_s(processes), time.perf_counter()
            tally = asyncio.run(wave(url, asked, number))
            seconds = time.perf_counter() - started_s
            print(f"wave {number}, load average {os.getloadavg()[0]:.1f}:")
            for each in processes:
                busy, memory = (cpu_s([each]) - before_s) / seconds, each.memory_info().rss / MIB
                print(f"  server: {busy:.0%} of a core, {memory:.0f} MiB")
            report(tally, asked.pages, seconds)


if __name__ == "__main__":
    main()
