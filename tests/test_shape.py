"""Shapes as command lines write them."""

import pytest

from fluxcost.errors import InputError
from fluxcost.workload.shape import Shape, parse_shape


@pytest.mark.parametrize("text", ["1344x768x4", "1344X768x4", " 1344x768x4 "])
def test_a_shape_is_width_height_and_steps(text: str):
    assert parse_shape(text) == Shape(1344, 768, 4)


@pytest.mark.parametrize(
    "text", ["", "1344x768", "1344x768x4x1", "1344 x 768 x 4", "-16x768x4", "16.0x768x4", "٦٤x64x4"]
)
def test_anything_else_is_told_what_is_expected(text: str):
    with pytest.raises(InputError) as error:
        parse_shape(text, "--warm")
    assert str(error.value) == (
        f"--warm is {text!r}; expected WIDTHxHEIGHTxSTEPS, such as 1024x1024x4."
    )


def test_a_number_out_of_range_names_the_option_and_the_number():
    with pytest.raises(InputError) as error:
        parse_shape("1000x1024x4")
    assert str(error.value) == (
        "--shape is 1000x1024x4: width is 1000; expected a multiple of 16 pixels; use 992."
    )
