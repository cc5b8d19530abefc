import pytest

from fluxcost import estimate, units
from fluxcost.estimate import Estimate, Source


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234.5, "1,234"),
        (12.34, "12.3"),
        (0.0012345, "0.00123"),
        (-0.5, "-0.500"),
        (4.12e-7, "0.000000412"),
    ],
)
def test_three_significant_digits_and_never_an_exponent(value: float, text: str):
    assert units.significant(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.567, "$1,234.57"),
        (0.1, "$0.10"),
        (0.000412, "$0.000412"),
        (0.0, "$0"),
        (-5.01, "-$5.01"),
    ],
)
def test_dollars_have_cents_or_digits_enough(value: float, text: str):
    assert units.usd(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 GPUs"), (1, "1 GPU"), (2, "2 GPUs"), (1200, "1,200 GPUs")]
)
def test_one_is_not_many(count: int, text: str):
    assert units.counted(count, "GPU") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.508, "508 ms"), (1.43, "1.43 s"), (600, "10.0 min"), (36000, "10.0 h"), (0.0, "0 ms")],
)
def test_seconds_are_shown_in_the_unit_people_use(value: float, text: str):
    assert units.seconds(value) == text


def test_percent():
    assert (units.percent(0.6), units.percent(0.042)) == ("60 %", "4.2 %")


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("s", "2.00 s (1.85 s to 2.16 s)"),
        ("USD/month", "$2.00/month ($1.85 to $2.16)"),
        ("images/USD", "2.00 images/USD (1.85 to 2.16)"),
    ],
)
def test_an_interval_names_its_unit_once(unit: str, text: str):
    noisy = Estimate.spread(2.0, {"noise": 0.0475}, unit, Source.MEASURED, "a cell")
    assert estimate.interval(noisy) == text


def test_an_interval_without_width_is_its_value():
    assert estimate.interval(Estimate.exact(2.0, "s", Source.MEASURED, "a cell")) == "2.00 s"
