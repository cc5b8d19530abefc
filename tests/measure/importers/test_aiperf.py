"""aiperf's records of image requests: small files of its structure, whole and broken."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fluxcost.errors import DocumentError, FluxcostError, InputError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.measuring_run import GpuIdentity
from fluxcost.performance.calibration.schema import Calibration, read_calibration
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape
from measure.cli import app
from measure.importers.aiperf import read_aiperf
from measure.importers.imported_record import ImportedRun

GPU = GpuIdentity(key="h100-sxm", name="NVIDIA H100 80GB HBM3", memory_gib=79.2)
RAN = ImportedRun(GPU, "flux2-klein-4b", "sglang")
SECOND_NS = 10**9
PAYLOAD = {
    "prompt": "a teapot",
    "model": "black-forest-labs/FLUX.2-klein-4B",
    "response_format": "b64_json",
    "n": 1,
    "size": "1024x1024",
}


def request(number: int, latency_ms: float, **changed: Any) -> dict[str, Any]:
    """Return one record as aiperf writes it, sent `number` seconds after the first."""
    start_ns = 1_759_813_207_000_000_000 + number * SECOND_NS
    metadata = {
        "session_num": number,
        "x_request_id": f"request-{number}",
        "x_correlation_id": f"session-{number}",
        "conversation_id": f"session_{number:06d}",
        "turn_index": 0,
        "request_start_ns": start_ns,
        "request_ack_ns": None,
        "request_end_ns": start_ns + int(latency_ms * 1e6),
        "worker_id": "worker_1",
        "record_processor_id": "record_processor_1",
        "benchmark_phase": "profiling",
        "was_cancelled": False,
        "cancellation_time_ns": None,
    }
    metrics = {
        "input_sequence_length": {"value": 6, "unit": "tokens"},
        "request_latency": {"value": latency_ms, "unit": "ms"},
    }
    metadata |= {key: value for key, value in changed.items() if key in metadata}
    record = {"metadata": metadata, "metrics": metrics, "error": None}
    return record | {key: value for key, value in changed.items() if key in record}


def imported(
    folder: Path,
    requests: list[dict[str, Any]],
    payloads: list[dict[str, Any]] | None = None,
    steps: int | None = 4,
) -> Calibration:
    path = written(folder, requests, payloads)
    return read_aiperf(path, RAN, steps=steps)


def written(
    folder: Path, requests: list[dict[str, Any]], payloads: list[dict[str, Any]] | None = None
) -> Path:
    sessions = [
        {"session_id": f"session_{number:06d}", "payloads": [payload]}
        for number, payload in enumerate(payloads or [PAYLOAD] * len(requests))
    ]
    (folder / "inputs.json").write_text(json.dumps({"data": sessions}))
    path = folder / "profile_export.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in requests))
    return path


def test_requests_become_calls_of_their_shape(tmp_path: Path):
    calibration = imported(tmp_path, [request(0, 510), request(1, 540), request(2, 520)])
    (cell,) = calibration.cells
    assert cell.label == "1024x1024, 4 steps, batch 1"
    assert cell.reported_wall_s == pytest.approx((0.51, 0.54, 0.52))
    answer = fit(calibration).latency(Shape(1024, 1024, 4))
    assert answer.value == pytest.approx(0.52)
    assert answer.source is Source.IMPORTED


def test_other_sizes_and_steps_are_other_cells(tmp_path: Path):
    small = PAYLOAD | {"size": "512x768", "num_inference_steps": 8}
    calibration = imported(
        tmp_path,
        [request(0, 510), request(1, 400), request(2, 410)],
        [PAYLOAD | {"num_inference_steps": 4}, small, small],
        steps=None,
    )
    assert [cell.label for cell in calibration.cells] == [
        "1024x1024, 4 steps, batch 1",
        "512x768, 8 steps, batch 1",
    ]


def test_warm_up_requests_are_not_pooled(tmp_path: Path):
    warm_up = request(0, 900, benchmark_phase="warmup")
    (cell,) = imported(tmp_path, [warm_up, request(1, 510)]).cells
    assert cell.reported_wall_s == pytest.approx((0.51,))


FAILED = {"code": 500, "type": "HTTPError", "message": "out of memory"}


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([request(0, 510), request(1, 510, error=FAILED)], "1 of 2 requests failed or were"),
        ([request(0, 510, was_cancelled=True)], "1 of 1 requests failed or were cancelled"),
        ([request(0, 1510), request(1, 1510)], "requests overlap, so their latencies hold waiting"),
        ([request(0, 510, metrics={})], "has no request_latency"),
        ([request(0, 510, conversation_id="other")], "inputs.json does not hold turn 0"),
        ([request(0, 510, turn_index=1)], "inputs.json does not hold turn 1"),
        ([request(0, 510, benchmark_phase="warmup")], "no request of the profiling phase"),
        ([request(0, 0.5)], "takes 0.0005 s, under the "),
        (
            [request(0, 510, metrics={"request_latency": {"value": 1, "unit": "min"}})],
            "the unit of request_latency is 'min'; expected one of ns, us, ms, sec, s",
        ),
    ],
)
def test_a_run_that_cannot_be_trusted_is_refused(
    tmp_path: Path, requests: list[dict[str, Any]], message: str
):
    with pytest.raises(InputError) as refused:
        imported(tmp_path, requests)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": "auto"}, "size is 'auto'; expected such as '1024x1024': run it again with"),
        ({"size": None}, "size is None; expected such as '1024x1024'"),
        ({"size": "1000x1024"}, "width is 1000; expected a multiple of 16"),
        ({"n": 4}, "n is 4; expected 1, since a server may make several images"),
        ({"image": "data:image/png;base64,"}, "gives images (image); expected text only"),
        ({"num_inference_steps": 8}, "--steps is 4 but the request says 8; leave it out"),
        ({"num_inference_steps": "4"}, "num_inference_steps is '4'; expected a whole number"),
    ],
)
def test_a_request_that_does_not_say_its_shape_is_refused(
    tmp_path: Path, changed: dict[str, Any], message: str
):
    with pytest.raises(InputError) as refused:
        imported(tmp_path, [request(0, 510)], [PAYLOAD | changed])
    assert message in str(refused.value)


def test_steps_nobody_says_are_asked_for(tmp_path: Path):
    with pytest.raises(InputError, match="does not say its steps; add --steps"):
        imported(tmp_path, [request(0, 510)], steps=None)


def test_other_files_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="aiperf's summaries do not hold the calls"):
        read_aiperf(tmp_path / "profile_export_aiperf.json", RAN)
    path = written(tmp_path, [request(0, 510)])
    path.write_text("{torn")
    with pytest.raises(DocumentError, match="line 1: not a whole JSON file"):
        read_aiperf(path, RAN, steps=4)
    path.write_text('{"latency": 3}\n')
    with pytest.raises(InputError, match="line 1: metadata is missing"):
        read_aiperf(path, RAN, steps=4)
    (tmp_path / "inputs.json").unlink()
    with pytest.raises(FluxcostError, match=r"inputs\.json: No such file"):
        read_aiperf(path, RAN, steps=4)


def test_the_command_reads_it(tmp_path: Path):
    path, out = written(tmp_path, [request(0, 510)]), tmp_path / "mine.json"
    device = ["--gpu", GPU.key, "--gpu-name", GPU.name, "--memory-gib", "79.2"]
    named = ["--model", RAN.model, "--stack", RAN.stack, "--out", str(out)]
    command = ["import", "--from", "aiperf", str(path), *device, *named, "--steps", "4"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert read_calibration(out) == read_aiperf(path, RAN, steps=4)
