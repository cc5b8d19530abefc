"""Bodies of requests: whatever is sent is read or refused in a sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.errors import InputError
from fluxcost.workload.shape import Shape
from measure.serving.image_requests import MAX_SEED, ImageRequestBody, parse_image_request

DEFAULT = Shape(1024, 1024, 4)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def read_or_refused(body: bytes) -> None:
    try:
        ask = parse_image_request(body)
        shape = ask.shape(DEFAULT)
    except InputError as error:
        message = str(error)
        assert message.endswith(".")
        assert "\n" not in message
        return
    assert 1 <= ask.n <= 10
    assert shape.width % 16 == shape.height % 16 == 0
    assert ask.prompt.encode()


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes):
    read_or_refused(body)


@given(json_values)
def test_any_json(document: object):
    read_or_refused(json.dumps(document).encode())


@given(st.dictionaries(st.sampled_from(sorted(ImageRequestBody.model_fields)), json_values))
def test_any_values_of_the_fields(document: dict[str, object]):
    read_or_refused(json.dumps({"prompt": "a teapot"} | document).encode())


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ({}, DEFAULT),
        ({"size": "auto", "steps": 9}, Shape(1024, 1024, 9)),
        ({"size": "512x768"}, Shape(512, 768, 4)),
        ({"size": "00512x768"}, Shape(512, 768, 4)),
    ],
)
def test_what_is_left_out_is_the_servers_default(fields: dict[str, object], shape: Shape):
    assert (
        parse_image_request(json.dumps({"prompt": "a"} | fields).encode()).shape(DEFAULT) == shape
    )


def test_seeds_stay_exact_in_every_json_reader():
    body = {"prompt": "a", "n": 10, "seed": MAX_SEED}
    assert float(parse_image_request(json.dumps(body).encode()).seed or 0) + 9 < 2**53
    with pytest.raises(InputError, match="seed is"):
        parse_image_request(json.dumps(body | {"seed": MAX_SEED + 1}).encode())
