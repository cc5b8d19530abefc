"""The public names that changed, each looked up under its current name or the ones before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fluxcost as fc

EARLIER: dict[str, tuple[str, ...]] = {
    "AccountTerms": ("Terms",),
    "ApiRequest": ("Request",),
    "Interval": ("Range",),
    "context_parallel": ("split",),
    "draws": ("worlds",),
    "for_run": ("of_start",),
    "load_sweep": ("load_curve",),
    "month_to_switch": ("switch_month",),
    "notes": ("told",),
    "runs": ("starts",),
    "size_fleet": ("smallest_fleet",),
}
"""Current name to the names it had before: of the package, and of attributes and methods."""

CURRENT = {old: current for current, earlier in EARLIER.items() for old in earlier}


def member(owner: object, name: str) -> Any:  # noqa: ANN401 - whatever the attribute is
    """Return an attribute under its current name, or under the first earlier one that is there.

    Raises:
        AttributeError: It is there under none of them; add the name to `EARLIER`.
    """
    for spelled in (name, *EARLIER.get(name, ())):
        if hasattr(owner, spelled):
            return getattr(owner, spelled)
    raise AttributeError(f"{owner!r} has no {name!r}; add its name to scripts/golden/names.py.")


def public(name: str) -> Any:  # noqa: ANN401 - a class or a function
    """Return what the package calls so."""
    return member(fc, name)


def size_options(shape: Sequence[int], *, help_text: str) -> tuple[str, ...]:
    """Return the options that ask a command for a shape of width, height and steps.

    Args:
        shape: Width and height in pixels, and denoising steps.
        help_text: What the program's `latency --help` prints.
    """
    width, height, steps = (str(number) for number in shape)
    if "--shape" in help_text:
        return ("--shape", f"{width}x{height}x{steps}")
    return ("--width", width, "--height", height, "--steps", steps)
