"""The file of a calibration: round trip, hash, and what is refused."""

import json
from pathlib import Path

import pytest

from fluxcost.errors import DocumentError, FormatVersionError, InputError
from fluxcost.performance.calibration.schema import Calibration, parse_calibration, read_calibration


@pytest.fixture
def saved(calibration: Calibration, tmp_path: Path) -> Path:
    path = tmp_path / "calibration.json"
    calibration.save(path)
    return path


def test_a_round_trip_changes_nothing(calibration: Calibration, saved: Path):
    again = read_calibration(saved)
    assert again == calibration
    assert again.content_hash == calibration.content_hash


def test_bytes_are_read_as_the_file_is(calibration: Calibration, saved: Path):
    assert parse_calibration(saved.read_bytes(), "an upload") == calibration
    with pytest.raises(DocumentError, match="an upload: not a whole JSON file"):
        parse_calibration(saved.read_bytes()[:-20], "an upload")
    with pytest.raises(DocumentError, match="NaN is not a number JSON allows"):
        parse_calibration(b'{"format": NaN}', "an upload")


def test_the_hash_follows_the_content(calibration: Calibration):
    other = calibration.model_copy(update={"model": "flux2-klein-9b"})
    assert other.content_hash != calibration.content_hash


def test_a_file_is_never_overwritten(calibration: Calibration, saved: Path):
    with pytest.raises(InputError, match="exists"):
        calibration.save(saved)


def test_an_edited_file_is_refused(saved: Path):
    saved.write_text(saved.read_text().replace('"batch":16', '"batch":15', 1))
    with pytest.raises(DocumentError, match="edited or damaged"):
        read_calibration(saved)


def test_a_truncated_file_is_refused(saved: Path):
    text = saved.read_text()
    saved.write_text(text[: len(text) // 2])
    with pytest.raises(DocumentError, match="truncated"):
        read_calibration(saved)


def test_a_newer_format_is_refused(saved: Path):
    document = json.loads(saved.read_text())
    saved.write_text(json.dumps(document | {"version": 2}))
    with pytest.raises(FormatVersionError, match="upgrade"):
        read_calibration(saved)


def test_another_kind_of_file_is_refused(tmp_path: Path):
    path = tmp_path / "prices.json"
    path.write_text('{"format": "fluxcost-prices"}')
    with pytest.raises(DocumentError, match="fluxcost-calibration"):
        read_calibration(path)


def test_an_impossible_field_is_named(saved: Path):
    document = json.loads(saved.read_text())
    document["cells"][0]["batch"] = 0
    saved.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"cells\.0\.batch is 0"):
        read_calibration(saved)


def test_one_cell_is_one_line(saved: Path):
    lines = saved.read_text().splitlines()
    assert sum(line.startswith('{"width"') for line in lines) == 24
