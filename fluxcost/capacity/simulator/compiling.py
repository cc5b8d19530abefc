"""Compiling loops to machine code on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """Compile a loop on first use; keep the machine code on disk where that can be written.

    The kept code is renewed when the loop's own file changes, and no other: loops that call each
    other belong in one file, and a change of what it imports calls for a touch of it.
    """
    try:
        made = numba.njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        made = numba.njit(nogil=True)(loop)
    return cast("Loop", made)  # called as the loop is
