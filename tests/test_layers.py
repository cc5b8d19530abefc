"""Rooms in the order a planner asks: each imports only from rooms above it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.offenders import offenders

PACKAGE = Path(__file__).parent.parent / "fluxcost"
ROOMS = [
    "text",
    "errors",
    "version",
    "command_line",
    "json_answers",
    "units",
    "counts",
    "estimate",
    "records",
    "documents",
    "shape",
    "limits",
    "workload",
    "performance",
    "capacity",
    "economics",
    "planning",
    "evidence",
    "cli",
]
# In a wheel the dashboard lies inside the package, and is no room of it.
FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE and PACKAGE / "dashboard" not in path.parents
]
FILES += [PACKAGE / f"{room}.py" for room in ROOMS if (PACKAGE / f"{room}.py").exists()]
NEVER = {"torch", "diffusers", "transformers", "accelerate", "measure", "streamlit"}


def imported(path: Path) -> Iterator[str]:
    """Yield the full names a file imports when it runs, at its top or later."""
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        pending.extend(ast.iter_child_nodes(node))


def test_a_room_imports_only_from_rooms_above_it():
    assert not offenders(FILES, refuse_imports_from_below)


def refuse_imports_from_below(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    above = ROOMS[: ROOMS.index(room) + 1]
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] not in NEVER, f"{path} imports {name}"
        if parts[0] == "fluxcost":
            assert room == "cli" or len(parts) > 1, f"{path} imports the public door"
            assert len(parts) == 1 or parts[1] in above, f"{path} imports {name} from below"


def test_every_module_belongs_to_a_room():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    top = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert rooms | top <= set(ROOMS)
