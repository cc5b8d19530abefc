import pytest

from fluxcost.checks import refuse_bad_batch, refuse_bad_seed, refuse_outside
from fluxcost.errors import InputError


def test_whole_numbers_within_the_range_pass():
    for value in (2, 5, 7):
        refuse_outside("steps", value, 2, 7)
    refuse_outside("gpus", 10**15, 2)
    refuse_bad_batch(1)
    refuse_bad_seed(0)


@pytest.mark.parametrize("value", [1, 8, True, 2.0, "3", None, float("nan")])
def test_anything_else_is_named_with_what_is_expected(value: object):
    sentence = f"^steps is {value!r}; expected a whole number from 2 to 7[.]$"
    with pytest.raises(InputError, match=sentence):
        refuse_outside("steps", value, 2, 7)


def test_a_sentence_names_what_is_counted_and_no_bound_that_is_not():
    with pytest.raises(InputError) as refused:
        refuse_bad_batch(0)
    assert str(refused.value) == "batch is 0; expected a whole number of images, at least 1."
    with pytest.raises(InputError) as refused:
        refuse_outside("months", 1_201, 1, 1_200)
    assert str(refused.value) == "months is 1201; expected a whole number from 1 to 1,200."
