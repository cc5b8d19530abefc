"""Write `fluxcost/__init__.pyi` from the table of public names in `fluxcost/__init__.py`."""

from __future__ import annotations

from pathlib import Path

import fluxcost

STUB = Path(fluxcost.__file__).with_suffix(".pyi")


def stub() -> str:
    """Return the stub: each public name imported from the module that defines it."""
    lines = ["# Written by scripts/refresh_door.py from the table in __init__.py.", ""]
    for home, names in sorted(fluxcost.HOMES.items()):
        lines += [f"from fluxcost.{home} import {name} as {name}" for name in sorted(names.split())]
    lines += ["", "HOMES: dict[str, str]", "__all__ = ["]
    lines += [f'    "{name}",' for name in fluxcost.__all__]
    return "\n".join([*lines, "]", ""])


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
