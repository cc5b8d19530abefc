import pytest

from tests.offenders import offenders


def positive(number: int) -> None:
    assert number > 0, "below 1"


def test_all_that_fail_are_named_with_the_reason():
    found = offenders([1, -2, 3, 0], positive, lambda number: f"number {number}")
    assert found == [
        "number -2: AssertionError: below 1",
        "number 0: AssertionError: below 1",
    ]


def test_an_error_of_another_kind_is_told_too():
    assert offenders([0], lambda number: print(1 / number)) == [
        "0: ZeroDivisionError: division by zero"
    ]


def test_a_check_of_nothing_fails():
    with pytest.raises(AssertionError, match="nothing was checked"):
        offenders([], positive)
