"""Electricity per image against its closed forms, and what must hold of any rates."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fluxcost as fc
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate, Source
from tests.economics.stand_in import SQUARE
from tests.synthetic import make_calibration

RATES = {"usd_per_kwh": 0.12, "pue": 1.2, "grams_co2e_per_kwh": 400.0}


def joules(value: float = 300.0, sigma: float = 0.0) -> Estimate:
    return Estimate.spread(value, {"counter": sigma}, "J", Source.MEASURED, "energy counter")


def test_the_formulas_worked_by_hand():
    """300 J at a PUE of 1.2 are 360 J, which is 0.0001 kWh: 12 millionths of a dollar, 40 mg."""
    found = fc.electricity_per_image(joules(), **RATES)
    assert found.kwh.value == pytest.approx(1e-4)
    assert found.usd.value == pytest.approx(12e-6)
    assert found.co2e.value == pytest.approx(0.04)
    assert [found.kwh.unit, found.usd.unit, found.co2e.unit] == [
        "kWh/image",
        "USD/image",
        "g/image",
    ]
    assert found.usd.source is Source.ASSUMED
    assert "pue 1.2, stated by the caller" in found.usd.evidence
    assert found.to_dict()["co2e"]["value"] == found.co2e.value


@given(st.floats(1e-3, 1e6), st.floats(0, 5), st.floats(1, 3), st.floats(0, 2000))
def test_the_formulas_hold_everywhere(value: float, price: float, pue: float, grid: float):
    found = fc.electricity_per_image(
        joules(value), usd_per_kwh=price, pue=pue, grams_co2e_per_kwh=grid
    )
    kwh = value * pue / 3.6e6
    assert found.kwh.value == pytest.approx(kwh)
    assert found.usd.value == pytest.approx(kwh * price)
    assert found.co2e.value == pytest.approx(kwh * grid)


def test_errors_travel_draw_by_draw():
    drawn = joules(sigma=0.05)
    price = Estimate.spread(0.12, {"contract": 0.1}, "USD/kWh", Source.PUBLISHED, "a contract")
    found = fc.electricity_per_image(drawn, **(RATES | {"usd_per_kwh": price}))
    assert np.allclose(found.usd.draws, drawn.draws * 1.2 / 3.6e6 * price.draws)
    assert found.co2e.relative_half_width == pytest.approx(drawn.relative_half_width)
    assert found.usd.relative_half_width > found.co2e.relative_half_width


def test_a_fit_gives_the_joules():
    energy = fc.fit(make_calibration(grid=[(1024, 1024, 4, 1)])).energy(SQUARE)
    found = fc.electricity_per_image(energy, **RATES)
    assert found.kwh.value == pytest.approx(energy.value * 1.2 / 3.6e6)
    assert found.kwh.evidence[0] == energy.evidence[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"usd_per_kwh": -0.1}, "usd_per_kwh is -0.1; expected 0 to 5."),
        ({"usd_per_kwh": 12}, "usd_per_kwh is 12; expected 0 to 5."),
        ({"pue": 0.9}, "pue is 0.9; expected 1 to 3."),
        ({"pue": True}, "pue is True; expected a number."),
        ({"pue": "1.2"}, "pue is '1.2'; expected a number."),
        ({"pue": float("nan")}, "pue is nan; expected 1 to 3."),
        ({"grams_co2e_per_kwh": 4e5}, "grams_co2e_per_kwh is 400000; expected 0 to 2000."),
        (
            {"pue": Estimate.exact(1.2, "USD", Source.ASSUMED, "a slip")},
            "pue is in USD; expected 1.",
        ),
    ],
)
def test_rates_out_of_range_are_refused(changed: dict[str, Any], message: str):
    with pytest.raises(InputError) as refused:
        fc.electricity_per_image(joules(), **(RATES | changed))
    assert str(refused.value) == message


def test_an_estimate_that_strays_out_of_range_is_refused():
    wide = Estimate.spread(1.1, {"building": 0.1}, "1", Source.ASSUMED, "a guess")
    with pytest.raises(InputError, match=r"pue runs from 0\.\d+ to 1\.\d+; expected 1 to 3"):
        fc.electricity_per_image(joules(), **(RATES | {"pue": wide}))


def test_seconds_are_no_joules():
    seconds = Estimate.exact(3.0, "s", Source.MEASURED, "a slip")
    with pytest.raises(InputError, match="joules is 3 s; expected over 0 J per image"):
        fc.electricity_per_image(seconds, **RATES)
