"""The dashboard is a view: it calls the public door, draws, and computes nothing."""

import ast
import sys
from pathlib import Path

import pytest

import dashboard

FOLDER = Path(dashboard.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
# How numbers are shown and answers are saved is one module's business, in the terminal as here.
ALLOWED = {
    "altair",
    "pandas",
    "streamlit",
    "fluxcost",
    "fluxcost.estimate",
    "fluxcost.json_answers",
    "fluxcost.text",
    "fluxcost.units",
}
OWN = {"dashboard", "fluxcost.dashboard"}
FORMULA = (ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)


def imported(tree: ast.AST) -> set[str]:
    """Return the modules a file imports from outside its folder."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module))
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_imports_only_the_public_door_and_what_draws(path: Path):
    names = imported(ast.parse(path.read_text(encoding="utf-8")))
    own = OWN if path.name == "app.py" else set()
    standard = {name for name in names if name.split(".")[0] in sys.stdlib_module_names}
    assert names - standard <= ALLOWED | own


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_holds_no_formula(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, FORMULA)), ast.unparse(node)
