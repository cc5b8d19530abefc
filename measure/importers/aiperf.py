"""aiperf's image generation endpoint: profile_export.jsonl, one request a line, and inputs.json.

Read from ai-dynamo/aiperf at commit 0873224 (2026): a line has `metadata` (conversation, turn,
phase, start and end), `metrics` (`request_latency` with its unit) and `error`. What was asked of
the server is not in it but in inputs.json beside it, by conversation and turn: the request as sent,
its `size` where `--extra-inputs size:1024x1024` gave one. The summaries (.json, .csv) lose the
calls and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from fluxcost.documents import parse_json, read_json, read_text
from fluxcost.errors import InputError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.records import Record
from measure.importers.imported_record import Call, ImportedRun, calibration_of_calls, shape_of

INPUTS = "inputs.json"

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "sec": 1.0, "s": 1.0}
"""Unit of a latency to seconds."""

PROFILING = "profiling"
"""The phase that counts; a warm-up's requests are never pooled."""

EDIT_KEYS = frozenset({"image", "images", "image_url", "mask", "input_reference"})
"""Fields of a request that gives images to change, whose time is another's."""


class _ContentPart(Record, extra="ignore", frozen=True):
    """A part of another tool's file: fields not named here are that tool's own."""


class _Latency(_ContentPart):
    value: float = Field(gt=0, allow_inf_nan=False)
    unit: str


class _Metrics(_ContentPart):
    request_latency: _Latency | None = None


class _Metadata(_ContentPart):
    conversation_id: str
    turn_index: int = 0
    benchmark_phase: str = PROFILING
    request_start_ns: int
    request_end_ns: int
    was_cancelled: bool = False


class _Request(_ContentPart):
    metadata: _Metadata
    metrics: _Metrics = _Metrics()
    error: dict[str, Any] | None = None


class _Session(_ContentPart):
    session_id: str
    payloads: tuple[dict[str, Any], ...]


class _Inputs(_ContentPart):
    data: tuple[_Session, ...]


def read_aiperf(path: Path, ran: ImportedRun, *, steps: int | None = None) -> Calibration:
    """Read the requests of one run that were sent one at a time.

    Args:
        path: profile_export.jsonl, with inputs.json beside it.
        ran: What made the calls.
        steps: Denoising steps, where requests do not say `num_inference_steps`.

    Raises:
        DocumentError: A file cannot be read or is of another structure.
        UnknownNameError: No such model.
        InputError: Requests failed, overlapped, asked for several images, or do not say their
            shape; or a call is quicker than the GPU's peak allows.
    """
    if path.suffix != ".jsonl":
        raise InputError(
            f"{path}: expected profile_export.jsonl; aiperf's summaries do not hold the calls."
        )
    asked = _payloads(path.with_name(INPUTS))
    requests = [each for each in _requests(path) if each.metadata.benchmark_phase == PROFILING]
    _refuse_failures(path, requests)
    _refuse_overlap(path, requests)
    calls: dict[Call, list[float]] = {}
    for request in requests:
        where = f"{path}, conversation {request.metadata.conversation_id}"
        call = _call(where, _payload(where, asked, request.metadata), steps)
        calls.setdefault(call, []).append(_latency_s(where, request.metrics.request_latency))
    return calibration_of_calls(path, ran, calls)


def _payloads(path: Path) -> dict[str, tuple[dict[str, Any], ...]]:
    inputs = _Inputs.parse(read_json(path), str(path))
    return {session.session_id: session.payloads for session in inputs.data}


def _requests(path: Path) -> Iterator[_Request]:
    # Other line ends than this one may stand inside a text.
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            where = f"{path}, line {number}"
            yield _Request.parse(parse_json(line, where), where)


def _refuse_failures(path: Path, requests: Sequence[_Request]) -> None:
    if not requests:
        raise InputError(f"{path}: no request of the profiling phase; give the file of a run.")
    failed = [each for each in requests if each.error is not None or each.metadata.was_cancelled]
    if failed:
        raise InputError(
            f"{path}: {len(failed)} of {len(requests)} requests failed or were cancelled; expected "
            "none, since the others ran under another load: repair the cause and run it again."
        )


def _refuse_overlap(path: Path, requests: Sequence[_Request]) -> None:
    """Refuse latencies that hold the wait for another request."""
    spans = sorted((m.request_start_ns, m.request_end_ns) for r in requests if (m := r.metadata))
    latest_ns = 0
    for start_ns, end_ns in spans:
        if start_ns < latest_ns:
            raise InputError(
                f"{path}: requests overlap, so their latencies hold waiting; run it again with "
                "--concurrency 1."
            )
        latest_ns = max(latest_ns, end_ns)


def _payload(
    where: str, asked: dict[str, tuple[dict[str, Any], ...]], metadata: _Metadata
) -> dict[str, Any]:
    turns = asked.get(metadata.conversation_id, ())
    if not 0 <= metadata.turn_index < len(turns):
        raise InputError(f"{where}: {INPUTS} does not hold turn {metadata.turn_index} of it.")
    return turns[metadata.turn_index]


def _call(where: str, payload: dict[str, Any], steps: int | None) -> Call:
    if given := EDIT_KEYS & payload.keys():
        raise InputError(f"{where}: gives images ({', '.join(sorted(given))}); expected text only.")
    images = payload.get("n", 1)
    if images != 1:
        raise InputError(
            f"{where}: n is {images!r}; expected 1, since a server may make several images of one "
            "request in one call or in several."
        )
    size = re.fullmatch(r"([0-9]+)x([0-9]+)", str(payload.get("size")))
    if size is None:
        raise InputError(
            f"{where}: size is {payload.get('size')!r}; expected such as '1024x1024': run it again "
            "with --extra-inputs size:1024x1024."
        )
    width, height = map(int, size.groups())
    return shape_of(where, width, height, _steps(where, payload, steps)), 1


def _steps(where: str, payload: dict[str, Any], given: int | None) -> int:
    said = payload.get("num_inference_steps")
    if said is not None and not (isinstance(said, int) and said > 0):
        raise InputError(f"{where}: num_inference_steps is {said!r}; expected a whole number.")
    if said is not None and given is not None and said != given:
        raise InputError(f"{where}: --steps is {given} but the request says {said}; leave it out.")
    steps = said if said is not None else given
    if steps is None:
        raise InputError(f"{where}: does not say its steps; add --steps.")
    return steps


def _latency_s(where: str, latency: _Latency | None) -> float:
    if latency is None:
        raise InputError(f"{where}: has no request_latency; give the file of a finished run.")
    if latency.unit not in SECONDS:
        raise InputError(
            f"{where}: the unit of request_latency is {latency.unit!r}; expected one of "
            f"{', '.join(SECONDS)}."
        )
    return latency.value * SECONDS[latency.unit]
