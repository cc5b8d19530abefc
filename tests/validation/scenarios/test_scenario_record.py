"""The file format of a loaded replica: whole, sealed, and refusing what cannot have happened."""

import json

import numpy as np
import pytest

from fluxcost.errors import DocumentError, FormatVersionError, InputError, UnknownNameError
from fluxcost.validation.scenarios.scenario_record import (
    ScenarioRecord,
    load_scenario,
    read_scenario,
    shipped_scenarios,
)
from tests.validation.scenarios.made import made


def test_a_record_comes_back_from_its_file_as_it_was(tmp_path):
    record = made((0.5,))
    path = tmp_path / "record.json"
    record.write(path)
    assert read_scenario(path) == record
    assert load_scenario(str(path)).content_hash == record.content_hash


def test_an_edited_file_and_another_or_newer_format_are_refused(tmp_path):
    path = tmp_path / "record.json"
    made((0.5,)).write(path)
    document = json.loads(path.read_text())
    spoiled = {
        DocumentError: document | {"model": "another"},
        FormatVersionError: document | {"version": 2},
    }
    for error, content in spoiled.items():
        path.write_text(json.dumps(content))
        with pytest.raises(error):
            read_scenario(path)
    path.write_text(json.dumps(document | {"format": "fluxcost-calibration"}))
    with pytest.raises(DocumentError, match="not a fluxcost-scenario file"):
        read_scenario(path)


def test_a_name_that_does_not_ship_is_refused():
    with pytest.raises(UnknownNameError, match="scenario record 'h100/nothing' is not known"):
        load_scenario("h100/nothing")


def test_every_shipped_record_is_whole_and_of_the_place_it_lies_in():
    for name in shipped_scenarios():
        record = load_scenario(name)
        assert name.startswith(f"{record.calibration}/")
        assert record.runs, name


def test_a_query_is_answered_with_its_last_image():
    run = made((0.5,), requests=4).runs[0]
    joined = type(run).parse(run.to_dict() | {"query": [0, 0, 1, 1]}, "the run")
    alone = run.response_s
    assert joined.response_s.tolist() == [max(alone[:2]), max(alone[2:])]
    assert np.array_equal(joined.image_response_s, alone)
    assert run.throughput_per_s == 4 / run.calls.finished_s[-1]


def spoil_run(**changed):
    document = made((0.5,), requests=4).to_dict()
    run = document["runs"][0]
    run |= {key: value for key, value in changed.items() if key in run}
    run["calls"] |= {key: value for key, value in changed.items() if key not in run}
    return document


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"call": [0, 1, 2]}, "one call for every image"),
        ({"call": [0, 0, 1, 2]}, "as many images in each call"),
        ({"arrived_s": [9.0, 0.1, 0.2, 0.3]}, "images in the order they came"),
        ({"arrived_s": [9.0, 9.0, 9.0, 9.0]}, "no image made before it came"),
        ({"size": [1, 1, 1]}, "as many starts, ends, images and sizes"),
        ({"images": [2, 1, 1, 1]}, "calls that make at least the images asked"),
        ({"finished_s": [0.0001, 9.0, 9.0, 9.0]}, "calls that end after they start"),
        ({"size": [2, 1, 1, 7]}, "warm calls of every shape and size"),
    ],
)
def test_what_cannot_have_happened_is_refused(changed, expected):
    with pytest.raises(InputError, match=expected):
        ScenarioRecord.parse(spoil_run(**changed), "the record")
