"""The figures SGLang's diffusion benchmark writes: a run to be trusted, and those that are not."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fluxcost.errors import DocumentError, InputError, MissingDataError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.measuring_run import GpuIdentity
from fluxcost.performance.calibration.schema import Calibration, read_calibration
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape
from measure.cli import app
from measure.importers.import_tool import ImportOptions, Tool, read_timings
from measure.importers.imported_record import ImportedRun
from measure.importers.sglang import read_sglang

GPU = GpuIdentity(key="h100-sxm", name="NVIDIA H100 80GB HBM3", memory_gib=79.2)
RAN = ImportedRun(GPU, "flux2-klein-4b", "sglang")
SQUARE = Shape(1024, 1024, 4)
FIGURES = {
    "duration": 10.6,
    "completed_requests": 20,
    "failed_requests": 0,
    "throughput_qps": 20 / 10.6,
    "latency_mean": 0.525,
    "latency_median": 0.52,
    "latency_p99": 0.61,
    "latency_p50": 0.52,
    "peak_memory_mb_max": 19841.0,
    "peak_memory_mb_mean": 19841.0,
    "peak_memory_mb_median": 19841.0,
}
"""20 requests of about half a second, one after another."""


def written(folder: Path, **changed: Any) -> Path:
    path = folder / "bench.json"
    path.write_text(json.dumps(FIGURES | changed, indent=2))
    return path


def imported(folder: Path, **changed: Any) -> Calibration:
    return read_sglang(written(folder, **changed), RAN, SQUARE)


def test_the_median_is_answered_at_the_shape_given(tmp_path: Path):
    fitted = fit(imported(tmp_path))
    answer = fitted.latency(SQUARE)
    assert answer.value == 0.52
    assert answer.source is Source.IMPORTED
    assert answer.low < 0.52 < answer.high
    with pytest.raises(MissingDataError, match="answers only the latency of the cells it gives"):
        fitted.latency(SQUARE, 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"failed_requests": 1}, "failed_requests is 1; expected 0"),
        ({"completed_requests": 3, "duration": 2.0}, "completed_requests is 3; expected at least"),
        ({"latency_mean": 2.1, "latency_median": 2.1}, "3.96 requests were in flight on average"),
        ({"latency_median": 0.4}, "expected them within 10%"),
        ({"latency_mean": 0.0005, "latency_median": 0.0005}, "takes 0.0005 s, under the "),
        ({"latency_median": -1.0}, "latency_median is -1.0; expected"),
        ({"duration": 0.0}, "duration is 0.0; expected"),
    ],
)
def test_a_run_that_cannot_be_trusted_is_refused(
    tmp_path: Path, changed: dict[str, Any], message: str
):
    with pytest.raises(InputError) as refused:
        imported(tmp_path, **changed)
    assert message in str(refused.value)


@pytest.mark.parametrize("document", [[], {"latency_mean": 1.0}, "text"])
def test_another_file_is_refused(tmp_path: Path, document: object):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(document))
    with pytest.raises(DocumentError, match="expected an object with duration, completed_requests"):
        read_sglang(path, RAN, SQUARE)


@pytest.mark.parametrize(
    ("tool", "told", "message"),
    [
        (Tool.SGLANG, ImportOptions(), "--from sglang needs --shape and no --steps"),
        (Tool.SGLANG, ImportOptions(SQUARE, 4), "--from sglang needs --shape and no --steps"),
        (Tool.AIPERF, ImportOptions(SQUARE), "--from aiperf takes no --shape"),
        (Tool.CSV, ImportOptions(steps=4), "--from csv takes no --steps"),
    ],
)
def test_what_has_to_be_said_is_said_once(
    tmp_path: Path, tool: Tool, told: ImportOptions, message: str
):
    with pytest.raises(InputError, match=message):
        read_timings(tool, tmp_path / "any.json", RAN, told)


def test_the_command_reads_it(tmp_path: Path):
    path, out = written(tmp_path), tmp_path / "mine.json"
    device = ["--gpu", GPU.key, "--gpu-name", GPU.name, "--memory-gib", "79.2"]
    named = ["--model", RAN.model, "--stack", RAN.stack, "--out", str(out)]
    size = ["--shape", "1024x1024x4"]
    done = CliRunner().invoke(
        app, ["import", "--from", "sglang", str(path), *device, *named, *size]
    )
    assert done.exit_code == 0
    assert read_calibration(out) == read_sglang(path, RAN, SQUARE)
    again = CliRunner().invoke(app, ["import", "--from", "vllm", str(path), *device, *named])
    assert "--from is 'vllm'; expected one of csv, aiperf, sglang" in str(again.exception)
