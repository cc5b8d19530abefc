"""SGLang's diffusion serving benchmark: what bench_serving.py writes with --output-file.

Read from sgl-project/sglang at commit 00b368b (2026),
python/sglang/multimodal_gen/benchmarks/bench_serving.py: one object of figures over all requests
(`duration`, `completed_requests`, `failed_requests`, `latency_mean`, `latency_median`, …, seconds),
without the requests, their shape or how many were in flight. The shape is asked for; that requests
went one at a time follows from the figures.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from fluxcost.documents import read_json
from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.records import MOST, NonNegative, Positive, Record
from fluxcost.workload.shape import Shape
from measure.importers.imported_record import ImportedRun, calibration_of_figure

IN_FLIGHT = 1.02
"""Requests in flight on average from which their latencies hold waiting; one at a time is 1 less
what the benchmark itself takes between them."""

UNLIKE = 0.10
"""Share by which mean and median may differ: more, and shapes were mixed or a first call loaded."""

FEWEST = 5
"""Requests below which a median says little."""


class _Figures(Record, extra="ignore", frozen=True):
    """The figures used; the file holds others."""

    duration: Positive
    completed_requests: int = Field(ge=0, le=MOST)
    failed_requests: int = Field(ge=0, le=MOST)
    latency_mean: NonNegative
    latency_median: NonNegative


def read_sglang(path: Path, ran: ImportedRun, shape: Shape) -> Calibration:
    """Read the figures of one run whose requests were of one shape, sent one at a time.

    Args:
        path: The file of --output-file.
        ran: What made the calls.
        shape: What every request asked for; the benchmark asks for one image each.

    Raises:
        DocumentError: The file cannot be read or is of another structure.
        UnknownNameError: No such model.
        InputError: Requests failed, were too few, overlapped, or differ too much; or they are
            quicker than the GPU's peak allows.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not _Figures.model_fields.keys() <= document.keys():
        raise DocumentError(
            f"{path}: not what bench_serving.py writes with --output-file; expected an object with "
            f"{', '.join(_Figures.model_fields)}."
        )
    figures = _Figures.parse(document, str(path))
    _refuse_what_cannot_be_trusted(path, figures)
    return calibration_of_figure(path, ran, (shape, 1), figures.latency_median)


def _refuse_what_cannot_be_trusted(path: Path, figures: _Figures) -> None:
    if figures.failed_requests:
        raise InputError(
            f"{path}: failed_requests is {figures.failed_requests}; expected 0, since the others "
            "ran under another load: repair the cause and run it again."
        )
    if figures.completed_requests < FEWEST:
        raise InputError(
            f"{path}: completed_requests is {figures.completed_requests}; expected at least "
            f"{FEWEST}: run it again with --num-prompts 20."
        )
    in_flight = figures.completed_requests * figures.latency_mean / figures.duration
    if in_flight > IN_FLIGHT:
        raise InputError(
            f"{path}: {in_flight:.2f} requests were in flight on average, so their latencies hold "
            "waiting; run it again with --max-concurrency 1."
        )
    if abs(figures.latency_mean - figures.latency_median) > UNLIKE * figures.latency_median:
        raise InputError(
            f"{path}: latency_mean is {figures.latency_mean:g} s and latency_median "
            f"{figures.latency_median:g} s; expected them within {UNLIKE:.0%}: run it again "
            "with one size for all requests, and warm the server up first."
        )
