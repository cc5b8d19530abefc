"""The request log: one line a request, read by `fluxcost reconcile` and, as a trace, by workloads.

`images`, `gpu_s` and `accepted` are what `reconcile --requests` sums: images made, the request's
share of the seconds of its calls, and images that the client was still there to get. `timestamp`,
`width`, `height` and `steps` make it a trace of arrivals, those turned away among them.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import logging
import os
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fluxcost.errors import DocumentError, InputError
from measure.json_lines import append_whole, cut_torn_line

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestLogRow:
    """One request, when it is settled.

    Attributes:
        timestamp: When it came, ISO 8601 in UTC.
        width: Pixels.
        height: Pixels.
        steps: Denoising steps.
        asked: Images asked for.
        images: Images made.
        gpu_s: GPU seconds, its share of every call that made some of its images.
        accepted: Images answered with.
        status: HTTP status; 499 where the client was gone.
        queued_s: Seconds until its first call began; empty where none did.
        latency_s: Seconds until its answer was ready, or it was turned away or given up.
        batch: Images of the largest call it was part of; 0 where there was none.
    """

    timestamp: str
    width: int
    height: int
    steps: int
    asked: int
    images: int
    gpu_s: float
    accepted: int
    status: int
    queued_s: float | None
    latency_s: float
    batch: int


COLUMNS = tuple(field.name for field in fields(RequestLogRow))


class WallClock:
    """Turns a steady clock's seconds into times of day that never jump."""

    def __init__(self) -> None:
        self._started = dt.datetime.now(dt.UTC)
        self._started_s = time.perf_counter()

    def at(self, clock_s: float) -> str:
        """Return the time of day at a `perf_counter`, ISO 8601 in UTC."""
        moment = self._started + dt.timedelta(seconds=clock_s - self._started_s)
        return moment.isoformat(timespec="microseconds")


class RequestLog:
    """A CSV file that rows are appended to, each written through at once."""

    def __init__(self, path: Path) -> None:
        """Create or continue a log.

        Raises:
            DocumentError: It cannot be written.
            InputError: It holds something else.
        """
        try:
            self._stream = path.open("a+b", buffering=0)
        except OSError as error:
            raise DocumentError(f"{path}: {error.strerror}; give a file to append to.") from None
        try:
            self._continue(path)
        except OSError as error:
            self._stream.close()
            raise DocumentError(f"{path}: {error.strerror}; nothing was written.") from None
        except InputError:
            self._stream.close()
            raise

    def _continue(self, path: Path) -> None:
        """Check whose file it is before a byte of it is changed; then cut what a kill tore."""
        head = (",".join(COLUMNS) + "\n").encode()
        self._stream.seek(0)
        if not head.startswith(self._stream.read(len(head))):
            raise InputError(f"{path}: not a request log of this version; choose another file.")
        cut_torn_line(self._stream)
        if self._stream.seek(0, os.SEEK_END) == 0:
            self._append(COLUMNS)

    def write(self, row: RequestLogRow) -> None:
        """Append a row; where the disk is full or gone, say so and go on answering requests."""
        try:
            self._append(tuple(asdict(row).values()))
        except OSError as error:
            _logger.warning("%s: not written: %s", self._stream.name, error.strerror)

    def close(self) -> None:
        """Release the file."""
        try:
            self._stream.close()
        except OSError as error:
            _logger.warning("%s: its end is not written: %s", self._stream.name, error.strerror)

    def _append(self, values: tuple[object, ...]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        append_whole(self._stream, line.getvalue().encode(), to_disk=False)
