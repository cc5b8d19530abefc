"""One test over many things that names all which fail it, not the first alone."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Thing = TypeVar("Thing")


def offenders(
    things: Iterable[Thing],
    check: Callable[[Thing], None],
    name: Callable[[Thing], object] = str,
) -> list[str]:
    """Return a line for each thing that fails a check: its name, and why.

    Args:
        things: At least one.
        check: Raises where a thing is not as it should be.
        name: Returns what a thing is called.
    """
    found, checked = [], 0
    for thing in things:
        checked += 1
        try:
            check(thing)
        except Exception as error:  # noqa: BLE001, RUF100 - whatever it is, it is told
            reason = str(error).partition("\n")[0]
            found.append(f"{name(thing)}: {type(error).__name__}: {reason}")
    assert checked, "nothing was checked"
    return found
