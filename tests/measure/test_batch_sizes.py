"""Sizes of calls from the command line, and the size that holds some images."""

import pytest

from fluxcost.errors import InputError
from measure.batch_sizes import batch_sizes, filled_up


def test_a_stack_that_compiles_is_warmed_at_powers_of_two_and_calls_are_filled_up():
    assert batch_sizes(None, 6, compiles=True) == (1, 2, 4, 6)
    assert batch_sizes(None, 8, compiles=True) == (1, 2, 4, 8)
    assert batch_sizes(None, 1, compiles=True) == (1,)
    assert batch_sizes(None, 3, compiles=False) == (1, 2, 3)
    assert batch_sizes("1, 4", 4, compiles=True) == (1, 4)
    assert [filled_up(images, (1, 2, 4, 6)) for images in range(1, 7)] == [1, 2, 4, 4, 6, 6]


@pytest.mark.parametrize("text", ["", "4,2", "0,4", "2,2,4", "1,x,4", "1,2"])
def test_batch_sizes_that_cannot_be_are_refused(text: str):
    with pytest.raises(InputError, match="expected rising whole numbers that end with"):
        batch_sizes(text, 4, compiles=True)
