import math

import pytest

from fluxcost.errors import InputError
from fluxcost.records import Count, Finite, Fraction, Name, NonNegative, Positive, Record


class Everything(Record):
    positive: Positive = 1.0
    non_negative: NonNegative = 0.0
    finite: Finite = 0.0
    fraction: Fraction = 0.5
    count: Count = 1
    name: Name = "n"
    absent: int | None = None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("positive", 0),
        ("positive", -1.0),
        ("positive", math.nan),
        ("positive", math.inf),
        ("positive", True),
        ("positive", "1e3"),
        ("non_negative", -0.1),
        ("non_negative", math.nan),
        ("finite", math.inf),
        ("finite", math.nan),
        ("fraction", 1.01),
        ("fraction", -0.01),
        ("count", 0),
        ("count", 1.5),
        ("count", "1"),
        ("count", True),
        ("name", ""),
        ("name", "x" * 201),
    ],
)
def test_a_value_out_of_range_is_refused_by_field_and_value(field: str, value: object):
    with pytest.raises(InputError) as caught:
        Everything.parse({field: value}, "test.yaml")
    message = str(caught.value)
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77]
    assert message.startswith(f"test.yaml: {field} is {shown}")
    assert "expected: " in message
    assert "\n" not in message


def test_a_missing_field_is_named():
    class Required(Record):
        price_usd: Positive

    with pytest.raises(InputError) as caught:
        Required.parse({}, "prices.yaml")
    assert str(caught.value) == "prices.yaml: price_usd is missing; add it."


def test_all_that_is_missing_is_named():
    class Required(Record):
        price_usd: Positive
        inner: Outer
        count: Count

    def told(document: object) -> str:
        with pytest.raises(InputError) as caught:
            Required.parse(document, "x.yaml")
        return str(caught.value)

    assert told({"inner": {"inner": {}}}) == (
        "x.yaml: price_usd, inner.utilization and count are missing; add them."
    )
    assert told({"count": 0}) == (
        "x.yaml: price_usd and inner are missing; add them (and 1 more field to correct)."
    )


def test_an_unknown_field_is_refused():
    with pytest.raises(InputError) as caught:
        Everything.parse({"prise": 1}, "test.yaml")
    assert str(caught.value) == (
        "test.yaml: prise is not a known field; remove it, or use one of positive, non_negative, "
        "finite, fraction, count, name, absent."
    )


class Outer(Record):
    inner: Everything
    utilization: Fraction


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (
            {"inner": {}, "utilisation": 0.5},
            "utilisation is not a known field; did you mean utiliza",
        ),
        (
            {"inner": {"fractoin": 1}, "utilization": 1},
            "inner.fractoin is not a known field; did you",
        ),
        ({"inner": {}, "utilization": 1, "use": 1}, "use is not a known field; remove it, or"),
        (
            {"inner": {"allowed": 1}, "utilization": 1},
            "inner.allowed is not a known field; remove it, or use one of positive, non_negative",
        ),
        (
            {"inner": {"utilization": 1}, "utilization": 1},
            "inner.utilization is not a known field; remove it, or use one of positive, ",
        ),
        (
            {"inner": {"posit": 1}, "utilization": 1},
            "inner.posit is not a known field; did you mean positive?",
        ),
        ({"inner": {}, "utilization": 1, "\n": 1}, "'\\n' is not a known field; remove it, or"),
        (
            {"inner": {}, "utilization": 1, "u" * 10**6: 1},
            f"{'u' * 77}... is not a known field; re",
        ),
    ],
)
def test_a_slip_of_the_pen_is_told_by_the_name_it_is_near(document: object, told: str):
    with pytest.raises(InputError) as caught:
        Outer.parse(document, "x.yaml")
    assert str(caught.value).startswith(f"x.yaml: {told}")
    assert "\n" not in str(caught.value)


def test_further_problems_are_counted():
    with pytest.raises(InputError, match=r"\(and 1 more field to correct\)\.$"):
        Everything.parse({"positive": -1, "count": 0}, "test.yaml")


@pytest.mark.parametrize("document", [None, 3, "text", ["a"]])
def test_a_document_that_is_no_mapping_is_refused(document: object):
    with pytest.raises(InputError, match=r"test\.yaml: the whole record is"):
        Everything.parse(document, "test.yaml")


def test_a_record_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Everything().positive = 2.0  # type: ignore[misc]


def test_to_dict_leaves_out_what_is_absent():
    assert "absent" not in Everything().to_dict()
    assert Everything(absent=1).to_dict()["absent"] == 1
