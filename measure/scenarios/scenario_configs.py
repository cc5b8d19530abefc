"""The two configurations of a scenario run, and LoadGen's settings in each scenario.

MLPerf-style: LoadGen and its rules on our model, which is no MLPerf workload, in runs far shorter
than MLPerf asks; every setting changed is printed beside the verdict. LoadGen's early stopping
needs 64 queries for single-stream's 90th percentile, 662 for the 99th of server and multi-stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fluxcost.errors import InputError, UnknownNameError
from fluxcost.validation.scenarios.scenario_record import Scenario
from fluxcost.workload.shape import Shape, parse_shape

SCENARIOS: tuple[Scenario, ...] = ("load", "single-stream", "offline", "server", "multi-stream")
"""In the order they are measured."""

BY_LOADGEN = SCENARIOS[1:]


@dataclass(frozen=True)
class Config:
    """A shape and how long its runs are.

    Attributes:
        name: Of the configuration.
        shape: Of every image.
        queries: Least queries of a run, by scenario; for offline, images of its one query.
        within_s: Bound on the server's 99th percentile, seconds: ten to twelve times one call of
            the compiled stack on an H100.
        shortened: Scenarios whose runs hold fewer queries than early stopping asks for.
    """

    name: str
    shape: Shape
    queries: Mapping[Scenario, int]
    within_s: float
    shortened: tuple[Scenario, ...] = ()


CONFIGS = {
    "fast": Config(
        "fast",
        Shape(512, 512, 4),
        {"single-stream": 64, "offline": 128, "server": 662, "multi-stream": 662},
        within_s=1.0,
    ),
    "standard": Config(
        "standard",
        Shape(1024, 1024, 4),
        {"single-stream": 64, "offline": 48, "server": 60, "multi-stream": 8},
        within_s=3.5,
        shortened=("server", "multi-stream"),
    ),
}

EARLY_STOPPING: Mapping[Scenario, int] = {"single-stream": 64, "server": 662, "multi-stream": 662}
"""Queries that LoadGen's early stopping asks for, at its default percentiles."""


def config_of(
    name: str, shape: str | None, queries: Sequence[str], within_s: float | None
) -> Config:
    """Return a configuration with what the command line changes in it.

    Args:
        name: "standard" or "fast".
        shape: Another WIDTHxHEIGHTxSTEPS.
        queries: SCENARIO=N, least queries of that scenario's runs.
        within_s: Another bound on the server's p99.

    Raises:
        UnknownNameError: No such configuration.
        InputError: Something that cannot be read.
    """
    if name not in CONFIGS:
        raise UnknownNameError("configuration", name, CONFIGS)
    config = CONFIGS[name]
    asked = dict(config.queries) | dict(_queries(each) for each in queries)
    shortened = tuple(each for each, least in EARLY_STOPPING.items() if asked[each] < least)
    if within_s is not None and not 0 < within_s < float("inf"):
        raise InputError(f"--p99-within is {within_s}; expected a positive number of seconds.")
    return replace(
        config,
        shape=config.shape if shape is None else parse_shape(shape),
        queries=asked,
        within_s=config.within_s if within_s is None else within_s,
        shortened=shortened,
    )


def scenario_of(name: str) -> Scenario:
    """Return a scenario by its name.

    Raises:
        UnknownNameError: No such scenario.
    """
    for each in SCENARIOS:
        if each == name:
            return each
    raise UnknownNameError("scenario", name, SCENARIOS)


def _queries(text: str) -> tuple[Scenario, int]:
    name, _, number = text.partition("=")
    if name not in BY_LOADGEN or not number.isdecimal() or int(number) < 1:
        raise InputError(
            f"--queries is {text!r}; expected SCENARIO=N such as server=100, SCENARIO one of "
            f"{', '.join(BY_LOADGEN)}."
        )
    return scenario_of(name), int(number)
