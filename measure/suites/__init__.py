"""Suites: which cells and probes to measure. A suite is a YAML file; see generation.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fluxcost.documents import YAML_SUFFIXES, read_yaml
from fluxcost.errors import UnknownNameError
from fluxcost.records import Count, FirstVersion, Name, Positive, Record
from fluxcost.workload.shape import Shape

_SHIPPED = Path(__file__).parent


@dataclass(frozen=True, order=True)
class Point:
    """A shape and batch to measure, and the key under which a journal knows it."""

    shape: Shape
    batch: int

    @property
    def pixel_steps(self) -> int:
        """Pixels x steps x batch: the size of the work, for ordering and rough estimates.

        Reference images count as pixels, each as large as the image.
        """
        return pixel_steps(self.shape) * self.batch

    def __str__(self) -> str:
        return f"{self.shape}, batch {self.batch}"


Size = tuple[Count, Count]
Quadruple = tuple[Count, Count, Count, Count]
References = Annotated[int, Field(ge=0, strict=True)]
Quintuple = tuple[Count, Count, Count, Count, References]


def pixel_steps(shape: Shape) -> int:
    """Return pixels x steps of one image, its reference images counted as more pixels."""
    return shape.pixels * (1 + shape.reference_images) * shape.steps


def point(numbers: Quadruple | Quintuple) -> Point:
    """Return the point of `[width, height, steps, batch]`, or of five with reference images last.

    Raises:
        InputError: A side is not a multiple of 16 pixels, or a count is out of range.
    """
    width, height, steps, batch, *references = numbers
    return Point(Shape(width, height, steps, *references), batch)


class Grid(Record):
    """Every combination of sizes, steps, batches and counts of reference images."""

    sizes: tuple[Size, ...] = Field(min_length=1)
    steps: tuple[Count, ...] = Field(min_length=1)
    batches: tuple[Count, ...] = Field(min_length=1)
    references: tuple[References, ...] = Field(default=(0,), min_length=1)


class Probes(Record):
    """What a suite measures beside its cells; points are [width, height, steps, batch]."""

    ceilings: bool = False
    cold_start: Quadruple | None = Field(
        default=None, description="Point that fresh processes call first."
    )
    weight_scale: Quadruple | None = None
    sameness: Quadruple | None = Field(default=None, description="Point of the compared picture.")
    memory_edge: tuple[Size, ...] = Field(
        default=(), description="Sizes whose largest batch is found by trying."
    )
    soak: tuple[Quadruple, ...] = ()
    pipelined: tuple[Quadruple, ...] = Field(
        default=(), description="Points called without a pause, on stacks that can."
    )


class Protocol(Record):
    """When a cell is warm, how many samples it needs, and for how long.

    Warm: the median of the last `window` calls is within `tolerance` of that of the `window` calls
    before; a call slower than `slow_call_s` counts as a window of its own. The tolerance is far
    above the drift of a warm GPU and below that of one still loading kernels.
    """

    window: Count = 3
    tolerance: Positive = 0.03
    max_warmup_calls: Count = 20
    max_warmup_s: Positive = 20.0
    min_samples: Count = 10
    min_samples_slow: Count = 5
    slow_call_s: Positive = 2.0
    min_duration_s: Positive = 3.0
    energy_window_s: Positive = Field(
        default=2.0, description="Shortest window trusted: the counter ticks every 20-100 ms."
    )
    soak_s: Positive = 60.0


class ScalingProbe(Record):
    """What is measured beside the cells when several replicas run at once (`--gpus`)."""

    cores_at: tuple[Quadruple, ...] = Field(
        default=(), description="Points at which core counts below all are measured; () for every."
    )
    threads_at: tuple[Quadruple, ...] = Field(
        default=(), description="Points of replicas that are threads of one process (`--threads`)."
    )
    encode: tuple[Size, ...] = Field(default=(), description="Sizes of pictures to encode.")
    split: tuple[Quadruple, ...] = Field(
        default=(), description="Points of one image on all GPUs (`--split-image`)."
    )


class Suite(Record):
    """Named cells, probes and protocol."""

    format: Literal["fluxcost-suite"]
    version: FirstVersion
    name: Name
    description: Name
    grids: tuple[Grid, ...] = ()
    cells: tuple[Quadruple | Quintuple, ...] = Field(
        default=(), description="Points beside the grids."
    )
    held_out: bool = Field(
        default=False,
        description="Whether its cells and memory edges go into a record of their own, which no "
        "fit sees: they are there to score fits on.",
    )
    probes: Probes = Probes()
    protocol: Protocol = Protocol()
    scaling: ScalingProbe | None = Field(
        default=None, description="Makes the suite ask for --gpus."
    )

    @model_validator(mode="after")
    def _asks_for_cells(self) -> Self:
        if not self.grids and not self.cells:
            raise ValueError("grids or cells; a suite without a cell measures nothing")
        return self

    def points(self) -> Iterator[Point]:
        """Yield every point of every grid and every cell, repeats included.

        Raises:
            InputError: A size is not a multiple of 16 pixels.
        """
        for grid in self.grids:
            axes = (grid.sizes, grid.steps, grid.batches, grid.references)
            for size, steps, batch, references in product(*axes):
                yield point((*size, steps, batch, references))
        yield from map(point, self.cells)


def load_suite(name_or_path: str) -> Suite:
    """Read a shipped suite by name, or one's own by path.

    Raises:
        UnknownNameError: Neither a shipped suite nor a file.
        InputError: A field is missing or out of range.
    """
    path = Path(name_or_path)
    if path.suffix in YAML_SUFFIXES:
        return Suite.parse(read_yaml(path), str(path))
    shipped = {file.stem: file for file in _SHIPPED.glob("*.yaml")}
    if name_or_path not in shipped:
        raise UnknownNameError("suite", name_or_path, shipped)
    return Suite.parse(read_yaml(shipped[name_or_path]), f"suite {name_or_path}")


COMMAND_LINE = "command-line"
"""Name of the suite of cells that the command line states."""


def asked_suites(names: Iterable[str], cells: Sequence[Quadruple] = ()) -> tuple[Suite, ...]:
    """Return the suites named, and one of the cells stated beside them, with default protocol.

    Raises:
        UnknownNameError: Neither a shipped suite nor a file.
        InputError: A field is missing or out of range.
    """
    named = tuple(load_suite(name) for name in names)
    if not cells:
        return named
    stated = Suite(
        format="fluxcost-suite",
        version=1,
        name=COMMAND_LINE,
        description="Cells of --shape and --batch.",
        cells=tuple(cells),
    )
    return (*named, stated)


def shipped_suites() -> tuple[Suite, ...]:
    """Return the suites that come with measure, by name."""
    return tuple(load_suite(file.stem) for file in sorted(_SHIPPED.glob("*.yaml")))


def points_by_suite(suites: Iterable[Suite]) -> dict[Point, tuple[str, ...]]:
    """Return each distinct point with the names of the suites that ask for it."""
    wanted: dict[Point, dict[str, None]] = {}
    for suite in suites:
        for each in suite.points():
            wanted.setdefault(each, {})[suite.name] = None
    return {each: tuple(names) for each, names in wanted.items()}
