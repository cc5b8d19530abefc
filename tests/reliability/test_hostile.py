"""The short form of `benchmarks/reliability/fuzz.py`, and each defect that its long form found."""

import os
import re
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fluxcost as fc
from benchmarks.reliability import NAMES
from dashboard import uploads
from fluxcost import documents
from fluxcost.capacity.trace import read_trace
from fluxcost.documents import parse_json, read_text
from fluxcost.errors import DocumentError, FluxcostError, InputError
from fluxcost.text import printable, unprintable
from measure.importers.calls_csv import read_calls
from measure.importers.sglang import read_sglang
from tests.dashboard.hostile import ROW
from tests.measure.importers.test_sglang import RAN, SQUARE, written
from tests.synthetic import make_calibration

ROOT = Path(__file__).parent.parent.parent
HEAD = b'{"format": "fluxcost-calibration", "version": 1, "cells": ['


@pytest.mark.parametrize("inputs", [15, pytest.param(150, marks=pytest.mark.long)])
@pytest.mark.parametrize("readers", [NAMES[:-1], NAMES[-1:]], ids=["files", "requests"])
def test_hostile_files_and_requests_bring_out_only_named_errors(
    readers: tuple[str, ...], inputs: int
):
    command = [sys.executable, "-m", "benchmarks.reliability.fuzz", "--unguided"]
    result = subprocess.run(
        [*command, "--inputs", str(inputs), *readers],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    rows = re.findall(rf"^\| (.+?) \| {inputs} \|", result.stdout, flags=re.MULTILINE)
    assert rows == list(readers)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode()))
def test_any_bytes_are_read_or_refused_in_one_sentence(data: bytes):
    for read in (fc.parse_calibration, fc.parse_prices, fc.parse_workload):
        with pytest.raises(FluxcostError) as caught:
            read(data, "the file")
        assert unprintable(str(caught.value)) is None


@given(st.text(max_size=60))
def test_any_name_of_an_upload_can_be_shown(name: str):
    short = uploads.made(name, b"").name
    assert 0 < len(short) <= 80
    assert unprintable(short) is None
    assert "/" not in short


def test_what_would_spoil_a_line_is_replaced():
    assert printable("\u202egnp.\x1b[2J\x00a\nb\u2028c é 漢") == "�gnp.�[2J�a b c é 漢"
    assert str(InputError("a\nb\u202ec")) == "a b�c"
    assert len(str(InputError(f"x is {'y' * 10_000}; expected less."))) < 1500


@pytest.mark.parametrize("mark", ["\x1b[2J", "\u202e", "\n", "\u2028", "\x00", "\x85"])
def test_no_name_read_from_a_file_can_spoil_a_screen(mark: str):
    text = ROW.replace("my contract", f'"a{mark}b"'.replace("\n", "\\n").replace("\x00", "\\0"))
    with pytest.raises(FluxcostError) as caught:
        fc.parse_prices(text.replace("\x1b", "\\e").replace("\x85", "\\N").encode(), "the file")
    assert unprintable(str(caught.value)) is None


def peak_mib(statement: str) -> float:
    """Return the peak of a fresh process that reads something and is refused."""
    # Not ru_maxrss, which begins with what the process that started this one had.
    status = "next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))"
    lines = ["import fluxcost as fc", statement, f"print(int({status}.split()[1]) / 1024)"]
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(run.stdout)


def test_a_list_of_a_million_wrong_entries_is_refused_at_the_first():
    """One complaint each took 1.4 GB for this file of 2 MB."""
    read = f"try: fc.parse_calibration({HEAD!r} + b'0,' * 1_000_000 + b'0]}}', 'x')"
    assert peak_mib(f"{read}\nexcept fc.InputError: pass") < 300


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x: [" + b"[]," * 500_001 + b"]", "more than 1000000 values; split the document"),
        (b"".join(b"k%d: 1\n" % n for n in range(10_001)), "a mapping of over 10000 keys"),
    ],
)
def test_a_huge_yaml_document_is_refused(data: bytes, said: str):
    with pytest.raises(DocumentError, match=said):
        fc.parse_prices(data, "the file")


def test_json_with_a_key_twice_or_too_many_keys_is_refused():
    with pytest.raises(DocumentError, match="the key 'a' twice; keep one"):
        parse_json('{"a": 1, "b": 2, "a": 3}', "the file")
    many = ",".join(f'"{number}": 1' for number in range(10_001))
    with pytest.raises(DocumentError, match="a mapping of over 10000 keys"):
        parse_json("{" + many + "}", "the file")


def test_a_link_to_an_endless_device_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(documents, "MAX_BYTES", 1000)
    link = tmp_path / "w.yaml"
    link.symlink_to("/dev/zero")
    with pytest.raises(DocumentError, match="1001 bytes; expected at most 1000"):
        fc.load_workload(link)


def test_a_pipe_is_read_to_its_end(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a: 1\n",))
    writer.start()
    assert read_text(pipe) == "a: 1\n"
    writer.join()


@pytest.mark.parametrize("model", ["/etc/hosts.yaml", "../../x", "a\\b", "mine.yml"])
def test_a_calibration_opens_no_file_by_the_name_of_its_model(model: str):
    made = make_calibration(calls=2, grid=((512, 512, 4, 1),)).to_dict() | {"model": model}
    with pytest.raises(InputError, match=r"model is .*; expected: a name, not a path"):
        fc.Calibration.parse(made, "the file")


@pytest.mark.parametrize("value", [1e-40, 1e40, 5e-324, 1e308])
def test_a_number_that_arithmetic_cannot_carry_is_refused(value: float):
    text = ROW.replace(
        "1.25", f"{value:e}".replace("e", ".0e") if "." not in f"{value:e}" else f"{value:e}"
    )
    with pytest.raises(InputError, match=r"price.amount is .*size is at (least 1e-30|most 1e\+30)"):
        fc.parse_prices(text.encode(), "the file")


def test_a_count_of_400_digits_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="gpu_count is 1000"):
        fc.parse_prices(ROW.replace("gpu_count: 1", f"gpu_count: {10**400}").encode(), "the file")
    with pytest.raises(InputError, match="completed_requests is 1000"):
        read_sglang(written(tmp_path, completed_requests=10**400), RAN, SQUARE)
    calls = tmp_path / "calls.csv"
    calls.write_text(f"width,height,steps,batch,latency_s\n512,512,4,{10**400},0.5\n")
    with pytest.raises(InputError, match="batch is 1000"):
        read_calls(calls, RAN)


def test_a_parquet_column_of_texts_is_refused_before_its_values_are_read(tmp_path: Path):
    """A dictionary of one long text and a million rows of it: kilobytes that unpack to 100 GB."""
    rows = 1_000_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 100_000])
    ones = pa.array([16] * rows, pa.int32())
    path = tmp_path / "t.parquet"
    pq.write_table(
        pa.table([ones, text, ones, ones], ["timestamp", "width", "height", "steps"]), path
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        DocumentError, match=r"column width holds .*string.*; expected whole numbers"
    ):
        read_trace(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
