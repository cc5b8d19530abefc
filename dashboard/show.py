"""How answers are drawn; pages share it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping

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


@contextlib.contextmanager
def unless_refused() -> Iterator[None]:
    """Leave out a number that cannot be given, with a line that says why."""
    try:
        yield
    except fc.FluxcostError as error:
        st.caption(plain(str(error)))


def metric(label: str, estimate: fc.Estimate) -> None:
    """Show a number with its interval below; the label names what one unit of it is for."""
    unit, _, _ = estimate.unit.partition("/")
    low, value, high = (
        quantity(number, unit) for number in (estimate.low, estimate.value, estimate.high)
    )
    bare = low.removesuffix(f" {unit}")
    fact(label, value, f"{percent(estimate.level)}: {bare} to {high}")


def share(label: str, estimate: fc.Estimate) -> None:
    """Show a share as a percentage, with its interval below."""
    low, value, high = map(percent, (estimate.low, estimate.value, estimate.high))
    fact(label, value, f"{percent(estimate.level)}: {low} to {high}")


def fact(label: str, value: str, below: str) -> None:
    """Show a value in large type with a remark below it."""
    st.metric(label, plain(value), plain(below), delta_color="off", delta_arrow="off")


def sentences(title: str, lines: Iterable[str]) -> None:
    """Show a list under its title, unless it is empty."""
    if items := [f"- {plain(line)}" for line in lines]:
        st.markdown("\n".join([f"**{plain(title)}**\n", *items]))


def caveats(lines: Iterable[str]) -> None:
    """List what a reader must know before trusting an answer."""
    sentences("To know before deciding", lines)


def only_yours(calibration: str) -> None:
    """Say that an answer rests on an upload alone."""
    with st.container(horizontal=True):
        st.badge("Your calibration only", icon=":material/person:", color="orange")
        st.caption(
            plain(f"Nothing that ships times {calibration}: the answer is as good as your file.")
        )


def evidence(numbers: Mapping[str, fc.Estimate]) -> None:
    """Show, behind a click, what each number rests on and where it comes from."""
    with st.expander("What these numbers rest on"):
        for name, estimate in numbers.items():
            sentences(f"{name}: {estimate.source}", estimate.evidence)
