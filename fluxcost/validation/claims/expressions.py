"""The language of checks: arithmetic over an article's facts, and nothing else.

An expression holds numbers, text in quotes, + - * / **, comparisons, and:

    quality.clip_average                        a fact, by its dotted path
    generation(width=512, steps=4).latency_s    a column of the one row that fits
    batch.images_per_s                          a whole column, for mean, sum, min and max
    price_usd_per_gpu_hour("lambda/h100")       a function offered from outside

It is parsed by Python but never run by it: each kind of node has its rule here and any other is
refused, so an audit file from a stranger can compute and do nothing else. The working of a check is
its expression with figures in the place of their names.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fluxcost.errors import InputError, UnknownNameError
from fluxcost.validation.claims import interval_arithmetic
from fluxcost.validation.claims.audit_file import FactGroup, FactTable, Value
from fluxcost.validation.claims.printed_figures import PrintedFigure


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


MAX_LENGTH = 500
MAX_DEPTH = 30

Function = Callable[..., Value]
FactRow = Mapping[str, Value]

OPERATORS: Mapping[type[ast.operator], Callable[[PrintedFigure, PrintedFigure], PrintedFigure]] = {
    ast.Add: interval_arithmetic.add,
    ast.Sub: interval_arithmetic.subtract,
    ast.Mult: interval_arithmetic.multiply,
    ast.Div: interval_arithmetic.divide,
    ast.Pow: interval_arithmetic.power,
}
COMPARISONS: Mapping[type[ast.cmpop], Callable[[PrintedFigure, PrintedFigure], bool]] = {
    ast.Lt: interval_arithmetic.may_be_below,
    ast.LtE: interval_arithmetic.may_reach,
    ast.Gt: lambda first, second: interval_arithmetic.may_be_below(second, first),
    ast.GtE: lambda first, second: interval_arithmetic.may_reach(second, first),
    ast.Eq: lambda first, second: first.meets(second),
}
SIGNS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: " < ",
    ast.LtE: " <= ",
    ast.Gt: " > ",
    ast.GtE: " >= ",
    ast.Eq: " == ",
}
ARITHMETIC: Mapping[str, Function] = {
    "min": interval_arithmetic.least,
    "max": interval_arithmetic.greatest,
    "sum": interval_arithmetic.total,
    "mean": interval_arithmetic.mean,
    "abs": interval_arithmetic.absolute,
    "round": interval_arithmetic.rounded,
    "log": interval_arithmetic.logarithm,
}


@dataclass(frozen=True)
class Lookup:
    """One place of an expression that picks a row of a table."""

    node: ast.Call
    table: FactTable
    column: str


@dataclass(frozen=True)
class Result:
    """What an expression came to.

    Attributes:
        value: A figure; or for a comparison, whether the ranges allow it.
        working: The expression with the figures in the place of their names.
        compared: The sides of a comparison worked out; empty for a figure.
        lookups: The places where rows of tables were picked.
    """

    value: PrintedFigure | bool
    working: str
    compared: str
    lookups: tuple[Lookup, ...]


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Raises:
        InputError: Too long, too deep, or not an expression.
    """

    text: str
    tree: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.text) > MAX_LENGTH:
            raise InputError(
                f"an expression of {len(self.text)} characters; expected at most {MAX_LENGTH}."
            )
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "nested too deeply"
            raise InputError(f"{self.text!r} is not an expression: {reason}.") from None
        _refuse_depth(tree, self.text)
        object.__setattr__(self, "tree", tree)

    def evaluate(
        self,
        facts: FactGroup,
        functions: Mapping[str, Function],
        rows: Mapping[ast.Call, FactRow] | None = None,
    ) -> Result:
        """Work it out.

        Args:
            facts: What names mean.
            functions: What may be called besides arithmetic.
            rows: Rows to take at some lookups instead of those they ask for.

        Raises:
            UnknownNameError: No such fact, column or function; carries the nearest.
            InputError: Something outside the language, a wrong argument, or a division by zero.
        """
        evaluator = _Evaluator(facts, {**ARITHMETIC, **functions}, rows or {})
        value = evaluator.result(self.tree)
        working = with_figures(self.tree, evaluator.leaves)
        return Result(value, working, evaluator.compared, tuple(evaluator.lookups))


class _Evaluator:
    """One walk over a tree; remembers which leaf gave which figure."""

    def __init__(
        self, facts: FactGroup, functions: Mapping[str, Function], rows: Mapping[ast.Call, FactRow]
    ) -> None:
        self._facts = facts
        self._functions = functions
        self._rows = rows
        self.leaves: dict[ast.expr, str] = {}
        self.lookups: list[Lookup] = []
        self.compared = ""

    def result(self, node: ast.expr) -> PrintedFigure | bool:
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        return self._figure(node)

    def _comparison(self, node: ast.Compare) -> bool:
        sides = [self._figure(side) for side in (node.left, *node.comparators)]
        for operator in node.ops:
            if type(operator) not in COMPARISONS:
                raise _refused(node, "expected <, <=, ==, >= or >")
        signs = ["", *(SIGNS[type(operator)] for operator in node.ops)]
        self.compared = "".join(
            f"{sign}{side.with_range}" for sign, side in zip(signs, sides, strict=True)
        )
        pairs = zip(node.ops, sides, sides[1:], strict=False)
        return all(COMPARISONS[type(op)](first, second) for op, first, second in pairs)

    def _figure(self, node: ast.expr) -> PrintedFigure:
        value = self._value(node)
        if not isinstance(value, PrintedFigure):
            raise _refused(node, "expected one number here")
        return value

    def _value(self, node: ast.expr) -> Value | FactTable | FactGroup:
        if isinstance(node, ast.Constant):
            return _constant(node)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](self._figure(node.left), self._figure(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return interval_arithmetic.subtract(
                PrintedFigure.exact(0.0), self._figure(node.operand)
            )
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.Name):
            return self._leaf(node, self._facts.member(node.id))
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        raise _refused(node, "expected arithmetic over facts")

    def _attribute(self, node: ast.Attribute) -> Value | FactTable | FactGroup:
        if isinstance(node.value, ast.Call):
            return self._leaf(node, self._cell(node.value, node.attr))
        owner = self._value(node.value)
        if not isinstance(owner, FactGroup):
            raise _refused(node, "expected a fact's dotted path")
        return self._leaf(node, owner.member(node.attr))

    def _cell(self, call: ast.Call, column: str) -> Value:
        table = self._value(call.func)
        if not isinstance(table, FactTable):
            raise _refused(call, "expected a table and the columns that pick one of its rows")
        wanted = {key: self._single(value) for key, value in self._keywords(call).items()}
        if call.args:
            raise _refused(call, "expected columns by name, such as steps=4")
        row = self._rows.get(call) or table.row(wanted)
        if column not in row:
            raise UnknownNameError(f"column of that row of {table.name}", column, row)
        self.lookups.append(Lookup(call, table, column))
        return row[column]

    def _called(self, node: ast.Call) -> Value:
        if not isinstance(node.func, ast.Name):
            raise _refused(node, "expected a function of the language")
        name = node.func.id
        if isinstance(self._facts.members.get(name), FactTable):
            raise _refused(node, "expected one of its columns after it, such as .latency_s")
        if name not in self._functions:
            raise UnknownNameError("function", name, self._functions)
        keywords = {key: self._single(value) for key, value in self._keywords(node).items()}
        arguments = [each for argument in node.args for each in self._spread(argument)]
        if name in ARITHMETIC and not all(isinstance(each, PrintedFigure) for each in arguments):
            raise _refused(node, "expected numbers")
        value = self._applied(node, self._functions[name], arguments, keywords)
        if name not in ARITHMETIC:
            self._leaf(node, value)
        return value

    def _applied(
        self,
        node: ast.Call,
        function: Function,
        arguments: Sequence[Value],
        keywords: Mapping[str, Value],
    ) -> Value:
        try:
            inspect.signature(function).bind(*arguments, **keywords)
        except TypeError as error:
            raise _refused(node, f"{error}") from None
        try:
            return function(*arguments, **keywords)
        except OverflowError:
            raise _refused(node, "expected numbers that a float can hold") from None

    def _keywords(self, call: ast.Call) -> dict[str, ast.expr]:
        if any(keyword.arg is None for keyword in call.keywords):
            raise _refused(call, "** is not part of the language")
        return {str(keyword.arg): keyword.value for keyword in call.keywords}

    def _single(self, node: ast.expr) -> Value:
        value = self._value(node)
        if isinstance(value, FactTable | FactGroup):
            raise _refused(node, "expected one value here, not several")
        return value

    def _spread(self, node: ast.expr) -> tuple[Value, ...]:
        """Return the values of an argument: a group or a column counts as all its numbers."""
        if isinstance(node, ast.Attribute) and not isinstance(node.value, ast.Call):
            owner = self._value(node.value)
            if isinstance(owner, FactTable):
                return self._listed(node, owner.column(node.attr))
        value = self._value(node)
        if isinstance(value, FactGroup):
            return self._listed(node, value.figures)
        return (self._single(node),)

    def _listed(
        self, node: ast.expr, figures: tuple[PrintedFigure, ...]
    ) -> tuple[PrintedFigure, ...]:
        self.leaves[node] = ", ".join(map(str, figures))
        return figures

    def _leaf(
        self, node: ast.expr, value: Value | FactTable | FactGroup
    ) -> Value | FactTable | FactGroup:
        if isinstance(value, PrintedFigure):
            self.leaves[node] = str(value)
        return value


def _constant(node: ast.Constant) -> Value:
    value = node.value
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(node, "expected a number or text in quotes")
    try:
        return PrintedFigure.exact(float(value))
    except OverflowError:
        raise _refused(node, "expected a number that a float can hold") from None


def _refuse_depth(tree: ast.expr, text: str) -> None:
    pending: list[tuple[ast.AST, int]] = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise InputError(f"{text[:60]!r}… is nested deeper than {MAX_DEPTH}; split it.")
        pending.extend((child, depth + 1) for child in ast.iter_child_nodes(node))


def _refused(node: ast.expr, expected: str) -> InputError:
    text = ast.unparse(node)
    shown = text if len(text) <= 60 else text[:57] + "..."
    return InputError(f"{shown!r} is not understood: {expected}.")
