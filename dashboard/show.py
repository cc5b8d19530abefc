"""How answers are drawn; pages share it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator

import streamlit as st

import fluxcost as fc
from fluxcost.units import percent, quantity


def plain(text: str) -> str:
    """Return a sentence whose dollars and brackets Streamlit shows as they are."""
    return re.sub(r"([\\`*_{}\[\]()#+~$:<>|])", r"\\\1", text)


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Show an error of fluxcost as its one sentence, and go on after the block."""
    try:
        yield
    except fc.FluxcostError as error:
        st.error(plain(str(error)))


def metric(label: str, estimate: fc.Estimate) -> None:
    """Show a number with its interval below; the label names what one unit of it is for."""
    unit, _, _ = estimate.unit.partition("/")
    low, value, high = (
        quantity(number, unit) for number in (estimate.low, estimate.value, estimate.high)
    )
    fact(label, value, f"{percent(estimate.level)}: {low} to {high}")


def fact(label: str, value: str, below: str) -> None:
    """Show a value in large type with a remark below it."""
    st.metric(label, plain(value), plain(below), delta_color="off", delta_arrow="off")


def sentences(title: str, lines: Iterable[str]) -> None:
    """Show a list under its title, unless it is empty."""
    if items := [f"- {plain(line)}" for line in lines]:
        st.markdown("\n".join([f"**{title}**\n", *items]))
