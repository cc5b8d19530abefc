"""Prints the results of scenarios, as lines and tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from fluxcost.evidence.scenarios.record import LoadedRun, ScenarioRecord
from measure.scenarios.configs import EARLY_STOPPING
from measure.scenarios.session import within

PERCENTILES = (50, 90, 99)


def run_line(run: LoadedRun) -> str:
    """Return one line on a finished run."""
    verdict = f", LoadGen: {run.loadgen.validity}" if run.loadgen else ""
    slow = ", ".join(f"p{each} {_percentile(run, each):.3f} s" for each in PERCENTILES)
    made = f"{run.response_s.size} queries, {run.throughput_per_s:.2f} images/s"
    return f"{run.name}: {made}, {slow}{verdict}"


def print_results(record: ScenarioRecord, console: Console) -> None:
    """Print LoadGen's verdicts with every setting that is not its default."""
    runs = [run for run in record.runs if run.loadgen and not run.searching]
    if not runs:
        return
    table = Table(title="MLPerf-style, no MLPerf result")
    for heading in ("scenario", "shape", "queries", "images/s", *(f"p{p} s" for p in PERCENTILES)):
        table.add_column(heading)
    table.add_column("LoadGen")
    for run in runs:
        table.add_row(*_row(run))
    console.print(table)
    for run in runs:
        for line in _verdict_lines(run):
            console.print(line, highlight=False)


def _row(run: LoadedRun) -> Sequence[str]:
    slow = (f"{_percentile(run, each):.3f}" for each in PERCENTILES)
    held = "held" if within(run) else "not held"
    bound = "" if run.within_s is None else f" (p99 within {run.within_s:g} s: {held})"
    assert run.loadgen is not None  # noqa: S101 - asked only of LoadGen's runs
    queries = str(run.response_s.size)
    rate = f"{run.throughput_per_s:.2f}"
    return run.name + bound, str(run.shape), queries, rate, *slow, run.loadgen.validity


def _verdict_lines(run: LoadedRun) -> list[str]:
    said = run.loadgen
    assert said is not None  # noqa: S101 - asked only of LoadGen's runs
    needed = EARLY_STOPPING.get(run.scenario, 0)
    queries = run.response_s.size
    changed = "; ".join(
        f"{each.setting} {each.value} (default {each.default})" for each in said.overrides
    )
    lines = [f"{run.name}: {said.validity}. {said.early_stopping} {said.reasons}".rstrip()]
    if queries < needed:
        lines.append(f"  shortened: {queries} queries of the {needed} that early stopping needs")
    lines += [f"  {error}" for error in said.errors]
    return [*lines, f"  LoadGen {said.version}, settings changed: {changed}"]


def _percentile(run: LoadedRun, percentile: int) -> float:
    return float(np.percentile(run.response_s, percentile, method="inverted_cdf"))
