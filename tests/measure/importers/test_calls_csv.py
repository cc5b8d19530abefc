"""A CSV of whole calls answers where it was timed, with its own numbers, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fluxcost.errors import DocumentError, FluxcostError, InputError, MissingDataError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.measuring_run import GpuIdentity
from fluxcost.performance.calibration.schema import Calibration, read_calibration
from fluxcost.performance.fit import fit
from fluxcost.validation.cells import validate_against
from fluxcost.workload.shape import Shape
from measure.cli import app
from measure.importers.calls_csv import read_calls
from measure.importers.imported_record import ImportedRun
from tests.synthetic import Machine, make_calibration

GPU = GpuIdentity(key="h100-sxm", name="NVIDIA H100 80GB HBM3", memory_gib=79.2)
HEAD = "width,height,steps,batch,latency_s"
SQUARE = Shape(1024, 1024, 4)


def imported(folder: Path, *rows: str, head: str = HEAD) -> Calibration:
    path = folder / "calls.csv"
    path.write_text("\n".join((head, *rows)) + "\n")
    return read_calls(path, ImportedRun(GPU, "flux2-klein-4b", "mine"))


def test_calls_are_answered_as_timed(tmp_path: Path):
    calls = ["1024,1024,4,1,0.50", "1024,1024,4,1,0.54", "1024,1024,4,1,0.51"]
    calibration = imported(tmp_path, *calls, "1024,1024,4,4,1.9")
    assert calibration.alias == "h100-sxm/flux2-klein-4b/mine"
    fitted = fit(calibration)
    latency = fitted.latency(SQUARE)
    assert latency.value == 0.51
    assert latency.source is Source.IMPORTED
    assert latency.low < 0.51 < latency.high
    assert fitted.latency(SQUARE, statistic="mean").value == pytest.approx(1.55 / 3)
    assert fitted.throughput(SQUARE, 4).value == pytest.approx(4 / 1.9)
    assert fitted.best_batch(SQUARE) == 4


def test_what_was_not_timed_is_refused(tmp_path: Path):
    fitted = fit(imported(tmp_path, "1024,1024,4,1,0.5"))
    for shape, batch in ((Shape(768, 768, 4), 1), (SQUARE, 2)):
        with pytest.raises(MissingDataError, match="a record of imported calls answers only"):
            fitted.latency(shape, batch)
    with pytest.raises(MissingDataError, match="a record of imported calls answers only"):
        fitted.stages(SQUARE)
    with pytest.raises(MissingDataError, match="has 1 calls, too few to show the p95; expected at"):
        fitted.latency(SQUARE, statistic="p95")
    for ask in (fitted.memory, fitted.energy):
        with pytest.raises(MissingDataError):
            ask(SQUARE)


def test_many_calls_show_their_tail(tmp_path: Path):
    calls_s = [0.5 + 0.001 * each for each in range(40)]
    fitted = fit(imported(tmp_path, *(f"1024,1024,4,1,{call_s:.3f}" for call_s in calls_s)))
    p95 = fitted.latency(SQUARE, statistic="p95").value
    assert p95 == pytest.approx(float(np.quantile(calls_s, 0.95)))


def test_a_reference_image_makes_another_shape(tmp_path: Path):
    rows = ["1024,1024,4,1,0.5,0", "1024,1024,4,1,0.9,1"]
    fitted = fit(imported(tmp_path, *rows, head=HEAD + ",reference_images"))
    assert fitted.latency(SQUARE).value == 0.5
    assert fitted.latency(Shape(1024, 1024, 4, 1)).value == 0.9


def test_it_is_saved_and_read_again(tmp_path: Path):
    calibration = imported(tmp_path, "1024,1024,4,1,0.5")
    calibration.save(tmp_path / "mine.json")
    assert read_calibration(tmp_path / "mine.json") == calibration


def test_a_fit_is_scored_on_it(tmp_path: Path):
    points = [(512, 512, 4, 1), (1024, 1024, 4, 4), (768, 768, 4, 1)]
    rows = [f"{w},{h},{n},{b},{1.1 * Machine().wall_s(w * h, n, b):.6f}" for w, h, n, b in points]
    sides = (512, 1024)
    here = make_calibration(grid=[(side, side, 4, b) for side in sides for b in (1, 2, 4)])
    report = validate_against(here, imported(tmp_path, *rows))
    assert len(report.cells) == 3
    assert report.bias == pytest.approx(1 / 1.1 - 1, abs=0.015)
    assert report.against is not None
    assert "driver" in report.against.unknown


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1024,1024,4,1,fast", "line 2: latency_s is 'fast'; expected seconds over 0."),
        ("1024,1024,4,1,nan", "line 2: latency_s is 'nan'; expected seconds over 0."),
        ("1024,1024,4,0,0.5", "line 2: batch is 0; expected at least 1."),
        ("1024,1024,4.5,1,0.5", "line 2: steps is '4.5'; expected a whole number."),
        ("1000,1024,4,1,0.5", "line 2: width is 1000; expected a multiple of 16"),
        ("1024,1024,4,1", "line 2: has more or fewer fields than columns"),
        ("1024,1024,4,1,0.0005", "takes 0.0005 s, under the "),
        ("1024,1024,4,1,520", "peak; expected seconds, not milliseconds."),
    ],
)
def test_a_row_that_cannot_be_is_refused(tmp_path: Path, row: str, message: str):
    with pytest.raises(InputError) as refused:
        imported(tmp_path, row)
    assert message in str(refused.value)


def test_other_columns_are_refused(tmp_path: Path):
    with pytest.raises(DocumentError, match="columns are width,latency; expected width,height,"):
        imported(tmp_path, "1024,0.5", head="width,latency")
    with pytest.raises(DocumentError, match="each once"):
        imported(tmp_path, "1024,1024,4,1,0.5,x", head=HEAD + ",note")
    with pytest.raises(FluxcostError, match="cells"):
        imported(tmp_path)


def test_the_command_writes_the_file(tmp_path: Path):
    calls, out = tmp_path / "calls.csv", tmp_path / "mine.json"
    calls.write_text(f"{HEAD}\n1024,1024,4,1,0.5\n")
    device = ["--gpu", GPU.key, "--gpu-name", GPU.name, "--memory-gib", "79.2"]
    named = ["--model", "flux2-klein-4b", "--stack", "mine", "--out", str(out)]
    done = CliRunner().invoke(app, ["import", str(calls), *device, *named])
    assert done.exit_code == 0
    assert done.output.startswith("1 cells in ")
    assert read_calibration(out) == read_calls(calls, ImportedRun(GPU, "flux2-klein-4b", "mine"))
