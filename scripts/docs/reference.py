"""The reference of the public door: a page a room, each name with its signature and docstring."""

from __future__ import annotations

import fluxcost as fc

ROOMS = {
    "shared": ("What all rooms share", "What is asked, how a derived number travels, and errors."),
    "performance": ("How fast?", "From timings to seconds, memory and joules of a call."),
    "capacity": ("How many?", "From requests that arrive to replicas that answer in time."),
    "economics": ("How much?", "From GPU time and images to dollars."),
    "planning": ("What to run?", "The search over all of it, and what its answer rests on."),
    "evidence": ("Is it true?", "The fit, the simulator and published claims, checked."),
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
    functions = [name for name in names if name[0].islower()]
    records = [name for name in names if name[0].isupper()]
    lines = [f"# {question}", "", f"{what} All of it is imported as `import fluxcost as fc`.", ""]
    for heading, listed in (("Functions", functions), ("Classes", records)):
        if listed:
            lines += [f"## {heading}", ""]
        for name in listed:
            lines += [f"::: fluxcost.{name}", ""]
    return "\n".join(lines)
