"""Finding records of a loaded replica: shipped ones by name, any by the path of its file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fluxcost.errors import UnknownNameError
from fluxcost.evidence.scenarios.record import ScenarioRecord, read_scenario


def load_scenario(name: str | Path) -> ScenarioRecord:
    """Load a record by shipped name, `gpu/model/stack/name`, or by the path of a .json file.

    Raises:
        UnknownNameError: No shipped record has this name; carries the nearest.
        DocumentError: The file cannot be read, or was edited or damaged.
        FormatVersionError: Written in a newer format.
        InputError: A field is out of range.
    """
    text = str(name)
    if isinstance(name, Path) or text.endswith(".json"):
        return read_scenario(Path(name))
    shipped = shipped_scenarios()
    if text not in shipped:
        raise UnknownNameError("scenario record", text, shipped)
    return read_scenario(shipped[text])


def shipped_scenarios() -> dict[str, Path]:
    """Return name to path of every record that ships with fluxcost."""
    root = Path(str(files("fluxcost"))) / "data" / "scenarios"
    return {
        path.relative_to(root).with_suffix("").as_posix(): path
        for path in sorted(root.rglob("*.json"))
    }
