"""The working of a check: its expression with figures in the place of their names."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping


def with_figures(tree: ast.expr, leaves: Mapping[ast.expr, str]) -> str:
    """Return a tree as text, some of its nodes replaced; the tree itself is left alone."""
    return ast.unparse(_Substituted(leaves).visit(tree))


class _Substituted(ast.NodeTransformer):
    """A copy of a tree with text in the place of leaves."""

    def __init__(self, leaves: Mapping[ast.expr, str]) -> None:
        self._leaves = leaves

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and node in self._leaves:
            return ast.Name(self._leaves[node])
        if isinstance(node, ast.expr):
            return self._copied(node)
        return node

    def _copied(self, node: ast.expr) -> ast.AST:
        twin = copy.copy(node)
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(twin, name, [self.visit(each) for each in value])
            elif isinstance(value, ast.AST):
                setattr(twin, name, self.visit(value))
        return twin
