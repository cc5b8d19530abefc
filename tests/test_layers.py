"""Rooms in the order a planner asks, each importing from rooms above it; no files in a circle."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.offenders import offenders

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fluxcost"
ROOMS = [
    "text",
    "errors",
    "version",
    "command_line",
    "json_answers",
    "stats",
    "units",
    "checks",
    "estimate",
    "records",
    "documents",
    "workload",
    "performance",
    "capacity",
    "economics",
    "planning",
    "validation",
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


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield every full name that is imported: at the top, in functions, and for types alone.

    Modules named to `import_module` as a literal count too. Relative imports start at the package.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            module = ".".join(filter(None, (*(above if node.level else ()), node.module)))
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (
                given.value
                for given in node.args
                if isinstance(given, ast.Constant) and isinstance(given.value, str)
            )


def imports_of(path: Path) -> Iterator[str]:
    folder = ".".join(path.parent.relative_to(ROOT).parts)
    return imported(ast.parse(path.read_text(encoding="utf-8")), folder)


def test_a_room_imports_only_from_rooms_above_it():
    assert not offenders(FILES, refuse_imports_from_below)


def refuse_imports_from_below(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    above = ROOMS[: ROOMS.index(room) + 1]
    for name in imports_of(path):
        parts = name.split(".")
        assert parts[0] not in NEVER, f"{path} imports {name}"
        if parts[0] == "fluxcost":
            assert room == "cli" or len(parts) > 1, f"{path} imports the public door"
            assert len(parts) == 1 or parts[1] in above, f"{path} imports {name} from below"


def test_every_module_belongs_to_a_room():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    top = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert rooms | top == set(ROOMS)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph(package: str) -> dict[str, set[str]]:
    """Return the modules of a package that each of them imports.

    The public door imports everything on first use, so what it names and who imports it are left
    out.
    """
    trees = {module_of(path): path for path in sorted((ROOT / package).rglob("*.py"))}
    trees.pop("fluxcost", None)
    return {
        module: {target for name in imports_of(path) if (target := _within(name, trees))} - {module}
        for module, path in trees.items()
    }


def _within(name: str, modules: Mapping[str, Path]) -> str | None:
    parent = name.rpartition(".")[0]
    return name if name in modules else parent if parent in modules else None


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Return each group of modules of which every one leads to every other."""
    reached = {module: _reachable(module, imports) for module in imports}
    groups = {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in imports
        if module in reached[module]
    }
    return sorted(sorted(group) for group in groups)


def _reachable(module: str, imports: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    pending = list(imports[module])
    while pending:
        if (each := pending.pop()) not in found:
            found.add(each)
            pending += imports[each]
    return found


@pytest.mark.parametrize("package", ["fluxcost", "measure", "dashboard"])
def test_no_files_import_each_other_in_a_circle(package: str):
    assert circles(graph(package)) == []


def test_a_circle_is_found_however_its_imports_are_hidden(tmp_path: Path):
    hidden = (
        "def late():\n    from fluxcost.b import x\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fluxcost.b import x\n",
        "import importlib\nimportlib.import_module('fluxcost.b')\n",
        "from . import b\n",
    )
    modules = {"fluxcost.b": tmp_path}
    for source in hidden:
        found = (_within(name, modules) for name in imported(ast.parse(source), "fluxcost"))
        imports = {"fluxcost.a": set(filter(None, found)), "fluxcost.b": {"fluxcost.a"}}
        assert circles(imports) == [["fluxcost.a", "fluxcost.b"]]
