"""The reference of the public door: a page a room, each name with its signature and docstring."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator

import fluxcost as fc

ROOMS = {
    "shared": ("Shared types", "Workloads, estimates and errors."),
    "performance": ("How fast?", "Seconds, memory and energy of a call, from timings."),
    "capacity": ("How many?", "Replicas for arriving requests: queueing and simulation."),
    "economics": ("How much?", "Costs and bills, from GPU time and images."),
    "planning": ("What to run?", "Search over stacks, batches, offers and tariffs."),
    "validation": ("Is it true?", "Validation of fits and simulator, audit of published claims."),
}
"""Key of each room, its question and what its names are for, in the order a planner asks."""


def reference_pages() -> dict[str, str]:
    """Return the page of each room by its path; together they hold every name of `__all__`."""
    names: dict[str, list[str]] = {room: [] for room in ROOMS}
    for name in fc.__all__:
        names[_room_of(getattr(fc, name))].append(name)
    return {f"reference/{room}.md": _page(room, names[room]) for room in ROOMS}


def _room_of(public: object) -> str:
    folder = str(getattr(public, "__module__", "")).split(".")[1]
    return folder if folder in ROOMS else "shared"


def _page(room: str, names: list[str]) -> str:
    question, what = ROOMS[room]
    functions = [name for name in names if inspect.isfunction(getattr(fc, name))]
    returned = dict.fromkeys(path for name in functions for path in _returned(getattr(fc, name)))
    sections = {
        "Functions": [f"fluxcost.{name}" for name in functions],
        "Classes": [f"fluxcost.{name}" for name in names if name not in functions],
        "What functions return": list(returned),
    }
    lines = [f"# {question}", "", what, "Import it with `import fluxcost as fc`.", ""]
    for heading, listed in sections.items():
        if listed:
            lines += [f"## {heading}", "", *(f"::: {path}\n" for path in listed)]
    return "\n".join(lines)


def _returned(function: Callable[..., object]) -> Iterator[str]:
    """Yield the paths of fluxcost's classes a function returns that are no public names."""
    hint = typing.get_type_hints(function)["return"]
    for each in filter(inspect.isclass, (hint, *typing.get_args(hint))):
        if each.__module__.startswith("fluxcost.") and each.__name__ not in fc.__all__:
            yield f"{each.__module__}.{each.__name__}"
