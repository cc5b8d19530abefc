"""Arithmetic on figures: the range of a result is what the ranges of its inputs allow.

Each use of a figure counts as its own, so a range may come out wider than it need be, never
narrower: an audit errs on the side of the author.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence

from fluxcost.errors import InputError
from fluxcost.validation.claims.printed_figures import PrintedFigure

MAX_EXPONENT = 64
"""Largest exponent: no ratio of two printed figures needs more."""

Operation = Callable[[float, float], float]


def add(first: PrintedFigure, second: PrintedFigure) -> PrintedFigure:
    """Return the sum."""
    return _corners(operator.add, first, second)


def subtract(first: PrintedFigure, second: PrintedFigure) -> PrintedFigure:
    """Return the difference."""
    return _corners(operator.sub, first, second)


def multiply(first: PrintedFigure, second: PrintedFigure) -> PrintedFigure:
    """Return the product."""
    return _corners(operator.mul, first, second)


def divide(first: PrintedFigure, second: PrintedFigure) -> PrintedFigure:
    """Return the quotient.

    Raises:
        InputError: The divisor is 0, or rounds to a range that holds 0.
    """
    if second.low <= 0 <= second.high:
        raise InputError(f"division by {second.with_range}, which may be zero.")
    return _corners(operator.truediv, first, second)


def power(base: PrintedFigure, exponent: PrintedFigure) -> PrintedFigure:
    """Return the power of a positive base.

    Raises:
        InputError: The base is not above 0, or the exponent is over 64 either way.
    """
    if base.low <= 0:
        raise InputError(f"a power of {base.with_range}; expected a base above 0.")
    if max(abs(exponent.low), abs(exponent.high)) > MAX_EXPONENT:
        raise InputError(f"the exponent is {exponent}; expected at most {MAX_EXPONENT}.")
    return _corners(operator.pow, base, exponent)


def least(*figures: PrintedFigure) -> PrintedFigure:
    """Return the smallest."""
    return _by_ends(min, figures)


def greatest(*figures: PrintedFigure) -> PrintedFigure:
    """Return the largest."""
    return _by_ends(max, figures)


def total(*figures: PrintedFigure) -> PrintedFigure:
    """Return the sum of all."""
    return _by_ends(math.fsum, figures)


def mean(*figures: PrintedFigure) -> PrintedFigure:
    """Return the unweighted mean."""
    return _by_ends(lambda ends: math.fsum(ends) / len(figures), figures)


def absolute(figure: PrintedFigure) -> PrintedFigure:
    """Return it without its sign."""
    ends = sorted((abs(figure.low), abs(figure.high)))
    low = 0.0 if figure.low <= 0 <= figure.high else ends[0]
    return PrintedFigure(abs(figure.value), low, ends[1])


def rounded(figure: PrintedFigure, digits: PrintedFigure | None = None) -> PrintedFigure:
    """Return it rounded to so many decimals, none unless given."""
    places = 0 if digits is None else int(digits.value)
    if abs(places) > MAX_EXPONENT:
        raise InputError(f"round is asked for {places} decimals; expected at most {MAX_EXPONENT}.")
    return _each_end(lambda end: round(end, places), figure)


def logarithm(figure: PrintedFigure) -> PrintedFigure:
    """Return the natural logarithm.

    Raises:
        InputError: The figure is not above 0.
    """
    if figure.low <= 0:
        raise InputError(f"the logarithm of {figure.with_range}; expected a figure above 0.")
    return _each_end(math.log, figure)


def may_be_below(first: PrintedFigure, second: PrintedFigure) -> bool:
    """Return whether some value of the first is below some value of the second."""
    return first.low < second.high


def may_reach(first: PrintedFigure, second: PrintedFigure) -> bool:
    """Return whether some value of the first is at most some value of the second."""
    return may_be_below(first, second) or first.meets(second)


def _corners(operation: Operation, first: PrintedFigure, second: PrintedFigure) -> PrintedFigure:
    """Apply an operation that is monotonic in each operand, so that its extremes are at corners."""
    try:
        ends = [
            operation(one, other)
            for one, other in itertools.product((first.low, first.high), (second.low, second.high))
        ]
        return PrintedFigure(operation(first.value, second.value), min(ends), max(ends))
    except OverflowError:
        raise InputError(f"{first} and {second} give a number too large to hold.") from None


def _by_ends(
    function: Callable[[Sequence[float]], float], figures: Sequence[PrintedFigure]
) -> PrintedFigure:
    if not figures:
        raise InputError("nothing to add up or compare; expected at least one number.")
    return PrintedFigure(
        function([each.value for each in figures]),
        function([each.low for each in figures]),
        function([each.high for each in figures]),
    )


def _each_end(function: Callable[[float], float], figure: PrintedFigure) -> PrintedFigure:
    return PrintedFigure(function(figure.value), function(figure.low), function(figure.high))
