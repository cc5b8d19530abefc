"""The language of checks: what it computes, what rounding allows, and what it refuses to do."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcost.errors import InputError, UnknownNameError
from fluxcost.validation.claims.audit_file import read_facts
from fluxcost.validation.claims.audit_report import CheckOutcome
from fluxcost.validation.claims.expressions import MAX_DEPTH, MAX_LENGTH, Expression
from fluxcost.validation.claims.printed_figures import PrintedFigure, printed
from tests.validation.audits import MADE, checked

FACTS = read_facts(MADE["facts"])


def worked(text: str) -> Any:
    return Expression(text).evaluate(FACTS, {}).value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("-2 + 2 ** 3", 6),
        ("rates(size=512).images_per_s * 3600", 18504),
        ("power.busy_w / power.idle_w", 680 / 70),
        ("max(rates.images_per_s) - min(rates.images_per_s)", 3.37),
        ("mean(power)", 375),
        ("sum(rates.images_per_s, 1)", 7.91),
        ("abs(1 - 3)", 2),
        ("round(10 / 3, 2)", 3.33),
        ("log(8) / log(2)", 3),
    ],
)
def test_it_computes(text: str, value: float):
    assert worked(text).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("1 < 2 <= 2 < 3", True),
        ("2 < 2", False),
        ("1 == 1.0", True),
        ("rates(size=512).images_per_s > 5.144", True),
        ("rates(size=512).images_per_s > 5.146", False),
        ("memory_gb == 17.804", True),
    ],
)
def test_a_comparison_holds_where_rounding_allows_it(text: str, *, holds: bool):
    assert worked(text) is holds


@pytest.mark.parametrize(
    ("text", "value", "half"),
    [
        ("0.43", 0.43, 0.005),
        ("6,372", 6372, 0.5),
        ("6372", 6372, 0.5),
        ("$0.0004", 0.0004, 0.00005),
        ("98%", 0.98, 0.005),
        ("-1.50", -1.5, 0.005),
    ],
)
def test_the_last_printed_digit_is_rounded(text: str, value: float, half: float):
    figure = printed(text)
    assert figure is not None
    assert figure.value == pytest.approx(value)
    assert figure.high - value == pytest.approx(half)
    assert value - figure.low == pytest.approx(half)


@pytest.mark.parametrize("text", ["4B", "1,23", "1.2.3", "1e5", "nan", "", "about 4", "٣"])
def test_other_text_is_no_figure(text: str):
    assert printed(text) is None


@given(
    value=st.floats(0.01, 1e4),
    other=st.floats(0.01, 1e4),
    digits=st.integers(2, 4),
    sign=st.sampled_from(["+", "-", "*", "/"]),
)
def test_the_truth_behind_rounded_figures_is_never_contradicted(
    value: float, other: float, digits: int, sign: str
):
    facts = {"value": f"{value:.{digits}f}", "other": f"{other:.{digits}f}"}
    if float(facts["other"]) < 10**-digits or float(facts["value"]) < 10**-digits:
        return
    truth = {"+": value + other, "-": value - other, "*": value * other, "/": value / other}[sign]
    result = Expression(f"value {sign} other").evaluate(read_facts(facts), {}).value
    assert isinstance(result, PrintedFigure)
    assert result.meets(PrintedFigure.exact(truth))
    stated = printed(f"{truth:.{digits}f}")
    assert stated is not None
    assert result.meets(stated)


@given(value=st.floats(0.1, 1e6), units=st.floats(2.1, 50))
def test_a_figure_off_by_more_than_its_rounding_is_contradicted(value: float, units: float):
    right = printed(f"{value:.2f}")
    wrong = printed(f"{value + units * 0.01:.2f}")
    assert right is not None
    assert wrong is not None
    assert not right.meets(wrong) or wrong.value - right.value < 0.0101


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__base__.__subclasses__()",
        "power.__class__",
        "rates.rows",
        "rates.__init__",
        "rates(size=512).images_per_s.__class__",
        "'a'.upper()",
        "open('/etc/passwd')",
        "eval('1')",
        "getattr(power, 'idle_w')",
        "lambda: 1",
        "[1 for each in rates]",
        "{1: 2}",
        "[1][0]",
        "(1, 2)",
        "f'{power}'",
        "(n := 1)",
        "1 if 2 else 3",
        "1 and 2",
        "not 1",
        "~1",
        "1 // 2",
        "1 % 2",
        "1 << 2",
        "1 @ 2",
        "True",
        "None",
        "1j",
        "b'a'",
        "...",
        "max(*rates)",
        "rates(**power).images_per_s",
        "rates(512).images_per_s",
        "rates(size=512)",
        "1 in rates",
        "1 is 1",
        "1 != 2",
        "power",
        "rates",
        "shown",
        "shown + 1",
        "max('a', 'b')",
        "max(rates)",
        "max()",
        "log()",
        "log(1, 2)",
        "abs(n=1)",
        "import os",
        "1; 2",
        "1 +",
        "",
        "\0",
    ],
)
def test_anything_else_is_refused(text: str):
    with pytest.raises(InputError) as refused:
        worked(text)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 ** 1000000", "the exponent is 1,000,000; expected at most 64"),
        ("9 ** 9 ** 9 ** 9", "expected at most 64"),
        ("1e308 * 10", "a figure came out as inf"),
        ("1e308 ** 2", "too large to hold"),
        ("1e999", "a figure came out as inf"),
        ("9" * 400, "that a float can hold"),
        ("sum(1e308, 1e308)", "that a float can hold"),
        ("(-8) ** (1 / 3)", "expected a base above 0"),
        ("1 / (1 - 1)", "division by 0, which may be zero"),
        ("1 / (memory_gb - 17.8)", "which may be zero"),
        ("log(0)", "expected a figure above 0"),
        ("round(1, 1e9)", "expected at most 64"),
        ("1 +" * MAX_LENGTH + "1", f"expected at most {MAX_LENGTH}"),
        ("-" * (MAX_LENGTH - 1) + "1", f"nested deeper than {MAX_DEPTH}"),
        ("(" * 240 + "1" + ")" * 240, "is not an expression"),
        ("rates(size=5).images_per_s", "0 rows of rates have size=5; expected 1"),
        ("rates().images_per_s", "2 rows of rates have any values; expected 1"),
    ],
)
def test_numbers_out_of_hand_are_refused_with_the_reason(text: str, message: str):
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace("*", r"\*")):
        worked(text)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("memory_gib", "memory_gb"),
        ("power.idle", "idle_w"),
        ("rates(sise=512).images_per_s", "size"),
        ("rates(size=512).image_per_s", "images_per_s"),
        ("maximum(1, 2)", "max"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest(text: str, nearest: str):
    with pytest.raises(UnknownNameError) as refused:
        worked(text)
    assert nearest in refused.value.nearest


def test_the_working_shows_the_figures_in_the_place_of_names():
    result = Expression("rates(size=512).images_per_s * 3600 / mean(power)").evaluate(FACTS, {})
    assert result.working == "5.14 * 3600 / mean(70, 680)"


@pytest.mark.parametrize(
    ("compute", "states", "lead"),
    [
        ("usd_per_hour * 100", "181,770", "an hour taken for a month"),
        ("usd_per_hour * 720", "1817.70", "a month of 720 hours instead of 730"),
        ("memory_gb", "16.58", "decimal units taken for binary ones (GB, GiB)"),
        ("memory_gb", "19.11", "decimal units taken for binary ones (GB, GiB)"),
        ("power.busy_w", "2448000", "a second taken for an hour"),
        ("power.busy_w", "85.0", "bits taken for bytes"),
        ("rates(size=512).images_per_s * 3600", "6372", "with rates(size=1024) it is 6,372"),
        ("rates(size=512).images_per_s * 60", "18504", "taken for the next"),
    ],
)
def test_a_slip_is_named(tmp_path: Path, compute: str, states: str, lead: str):
    check = checked(tmp_path, {"compute": compute, "states": states}).checks[0]
    assert check.outcome is CheckOutcome.DISAGREES
    assert any(lead in line for line in check.leads)


def test_gb_and_gib_are_told_apart(tmp_path: Path):
    right = {"compute": "gib_from_gb(memory_gb)", "states": "16.58"}
    assert checked(tmp_path, right).checks[0].outcome is CheckOutcome.AGREES
    wrong = {"compute": "gib_from_gb(memory_gb)", "states": "17.80"}
    assert checked(tmp_path, wrong).checks[0].outcome is CheckOutcome.DISAGREES


@given(st.text(alphabet="()[]{}.,:=+-*/<>'\"_ abrtes0123456789\n", max_size=60))
def test_no_text_makes_it_fail_in_another_way(text: str):
    try:
        value = worked(text)
    except InputError:
        return
    assert isinstance(value, bool) or math.isfinite(value.value)
