"""Make a list of pictures on one or several servers, as many at once as keep their calls full.

The list is a CSV with the columns id and prompt, and size, steps or seed where they differ. Each
picture is written as ID.png; started again, only those that are missing are made.

Run it with: python examples/deploy/batch.py prompts.csv --out pictures --url http://localhost:8000
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import csv
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

PATIENCE_S = 300.0
TRIES = 8
BUSY = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may succeed: a full queue, a server that starts or ends."""

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def read_list(path: Path) -> list[dict[str, Any]]:
    """Return the bodies of the requests, each with its id; a seed that is not stated is the line's.

    Raises:
        ValueError: An id cannot be a file's name or appears twice.
    """
    asked: dict[str, dict[str, Any]] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=1):
            name = row["id"]
            if not SAFE.fullmatch(name) or name in asked:
                raise ValueError(
                    f"{path}, picture {number}: id is {name!r}; expected letters, digits, dots, "
                    "hyphens and underscores, each id once."
                )
            stated = {key: row[key] for key in ("prompt", "size") if row.get(key)}
            counts = {key: int(row[key]) for key in ("steps", "seed") if row.get(key)}
            asked[name] = {"id": name, "seed": number, **stated, **counts}
    return list(asked.values())


async def make_all(
    asked: Iterable[dict[str, Any]], out: Path, urls: list[str], in_flight: int
) -> dict[str, str]:
    """Make what is missing in a folder; return id to reason of what could not be made.

    Args:
        asked: As `read_list` returns it.
        out: Where the pictures go.
        urls: The servers; a quick one makes more than a slow one.
        in_flight: Requests at each: twice its largest batch times its GPUs keeps its calls full.
    """
    out.mkdir(parents=True, exist_ok=True)
    missing = [body for body in asked if not (out / f"{body['id']}.png").exists()]
    todo: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for body in missing:
        todo.put_nowait(body)
    failed: dict[str, str] = {}

    async def work(client: httpx.AsyncClient) -> None:
        while not todo.empty():
            body = dict(todo.get_nowait())
            name = body.pop("id")
            if reason := await make(client, body, out / f"{name}.png"):
                failed[name] = reason

    limits = httpx.Limits(max_connections=in_flight)
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, limits=limits)
            )
            for url in urls
        ]
        await asyncio.gather(*(work(client) for client in clients for _ in range(in_flight)))
    return failed


async def make(client: httpx.AsyncClient, body: dict[str, Any], path: Path) -> str | None:
    """Ask for one picture until it is there; return why it is not."""
    reason = ""
    for attempt in range(TRIES):
        try:
            answer = await client.post("/v1/images/generations", json=body)
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}"
        else:
            if answer.status_code == 200:
                whole = path.with_suffix(".part")
                whole.write_bytes(base64.b64decode(answer.json()["data"][0]["b64_json"]))
                whole.rename(path)  # a picture is there whole or not at all
                return None
            reason = f"status {answer.status_code}: {answer.text[:200]}"
            if answer.status_code not in BUSY:
                break
        await asyncio.sleep(0.25 * 2**attempt)
    return reason


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("list", type=Path, help="CSV of id, prompt[, size, steps, seed]")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--url", action="append", required=True, help="a server; repeatable")
    parser.add_argument("--in-flight", type=int, default=8, help="requests at each server")
    given = parser.parse_args()
    failed = asyncio.run(make_all(read_list(given.list), given.out, given.url, given.in_flight))
    for name, reason in failed.items():
        print(f"{name}: {reason}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
