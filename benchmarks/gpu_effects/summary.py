"""Print what the records of this folder's programs say of tiles, the power limit and weights.

python -m benchmarks.gpu_effects.summary benchmarks/records/h200-sxm
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu_effects.kernels import HEADS

TILE = 128
"""Rows of queries, and of keys, that a block of an attention kernel works on."""

MULTIPROCESSORS = 132
"""Of an H100 or H200 SXM: blocks at work at once. A partial wave takes as long as a full one."""

Floats = NDArray[np.float64]


def main() -> None:
    """Print four tables of one GPU's records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path, help="Folder of one GPU's records.")
    records = parser.parse_args().records
    _attention(sorted((records / "kernels").glob("*.jsonl")))
    _steps(records / "calls")
    _long_calls(records / "calls")
    _weights(sorted((records / "weight-values").glob("*.jsonl")))


def fit_relative(columns: Sequence[Floats], seconds: Floats) -> tuple[Floats, Floats]:
    """Return the coefficients of least relative error, and the relative errors."""
    scaled = np.stack(columns, axis=1) / seconds[:, None]
    found, *_ = np.linalg.lstsq(scaled, np.ones(len(seconds)), rcond=None)
    coefficients: Floats = np.asarray(found, dtype=np.float64)
    return coefficients, scaled @ coefficients - 1


def waves_and_keys(tokens: Floats, batch: Floats) -> tuple[Floats, Floats]:
    """Return waves of blocks that attention takes, and tiles of keys that each block reads."""
    tiles = np.ceil(tokens / TILE)
    return np.ceil(batch * HEADS * tiles / MULTIPROCESSORS), tiles


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _attention(paths: Sequence[Path]) -> None:
    """Fit each attention kernel's time over all lengths and batches, boards and rounds pooled."""
    print("attention kernels: relative error of fits to the median seconds of a launch")
    visits: dict[str, dict[tuple[int, int], list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in paths:
        for line in _lines(path):
            if str(line.get("kind", "")).startswith("attention"):
                visits[line["kind"]][line["tokens"], line["batch"]].append(line["seconds"])
    for kind, sizes in visits.items():
        tokens, batch = np.array(list(sizes), dtype=float).T
        seconds = np.array([statistics.median(each) for each in sizes.values()])
        waves, keys = waves_and_keys(tokens, batch)
        partial = (tokens % TILE != 0) * waves * keys
        for name, columns in (
            ("tokens^2", [batch * tokens**2]),
            ("tiles^2", [batch * keys**2]),
            ("waves x (key tiles, 1)", [waves * keys, waves]),
            ("the same, more where a tile is partial", [waves * keys, waves, partial]),
        ):
            found, errors = fit_relative(columns, seconds)
            more = f", {found[2] / found[0]:+.1%} where partial" if len(columns) == 3 else ""
            print(
                f"  {kind:16} {name:40} rms {np.std(errors):6.1%}  "
                f"worst {np.abs(errors).max():6.1%}{more}"
            )


def _steps(folder: Path) -> None:
    """Print later steps by length, and fit them."""
    for names in (
        ("eager-bf16",),
        ("compiled-bf16", "compiled-bf16-dynamic"),
        ("compiled-bf16-dynamic-board-3",),
        ("compiled-fp8",),
    ):
        cells = sorted(cell for name in names for cell in _later_steps(folder / f"{name}.json"))
        print(f"later steps of 4, {' and '.join(names)}: tokens, batch, tiles, ms, us a token")
        for tokens, batch, seconds in cells:
            print(
                f"  {tokens:6} {batch:2} {tokens / TILE:6.1f} {seconds * 1e3:8.2f} "
                f"{seconds * 1e6 / tokens / batch:7.3f}"
            )
        tokens, batch, seconds = np.array(cells, dtype=float).T
        waves, keys = waves_and_keys(tokens, batch)
        one, linear = np.ones_like(tokens), batch * tokens
        partial = (tokens % TILE != 0) * waves * keys
        for name, columns in (
            ("1, tokens, tokens^2", [one, linear, batch * tokens**2]),
            ("1, tiles, tiles^2", [one, batch * keys, batch * keys**2]),
            ("1, tokens, waves x key tiles", [one, linear, waves * keys]),
            ("the same, more where partial", [one, linear, waves * keys, partial]),
        ):
            found, errors = fit_relative(columns, seconds)
            more = f", {found[3] / found[2]:+.1%} where partial" if len(columns) == 4 else ""
            print(f"  {name:32} rms {np.std(errors):6.2%}  worst {np.abs(errors).max():6.2%}{more}")


def _later_steps(path: Path) -> Iterator[tuple[int, int, float]]:
    """Yield tokens, batch and the median seconds of a later step of every 4-step cell."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["steps"] == 4:
            later = [each for steps in cell["samples"]["denoise_step_s"] for each in steps[1:]]
            tokens = cell["width"] * cell["height"] // 256 + 512
            yield tokens, cell["batch"], statistics.median(later)


def _long_calls(folder: Path) -> None:
    """Print steps along 50-step calls, and calls along a minute, with clock and power."""
    for stack in ("eager-bf16", "compiled-bf16", "compiled-fp8"):
        calls = list(_lines(folder / f"{stack}-calls.jsonl"))
        log = _read_log(folder / f"gpu-during-{stack}.csv")
        for width, height in ((1024, 1024), (2048, 1152)):
            found = [
                each["denoise_step_s"]
                for each in calls
                if (each["width"], each["height"], each["steps"]) == (width, height, 50)
            ]
            steps = np.median(np.array(found[1:]), axis=0) * 1e3
            parts = ((0, 1), (1, 4), (4, 10), (10, 20), (20, 50))
            text = ", ".join(f"{a + 1}-{b} {steps[a:b].mean():.2f}" for a, b in parts)
            print(f"{stack} {width}x{height}, 50 steps: ms a step in steps {text}")
        soak = [calls[-1]]
        for each in reversed(calls[:-1]):
            if any(each[name] != soak[0][name] for name in ("width", "height", "steps", "batch")):
                break
            soak.append(each)
        start_s = soak[-1]["unix_s"]
        print(f"{stack} {soak[0]['width']} px, 4 steps, back to back: ms a call, MHz, W, degrees C")
        for low, high in ((0, 2), (2, 5), (5, 10), (10, 20), (20, 40), (40, 60)):
            walls = [e["wall_s"] for e in soak if low <= e["unix_s"] - start_s < high]
            within = (log["unix_s"] >= start_s + low) & (log["unix_s"] < start_s + high)
            state = [
                float(np.nanmean(log[name][within]))
                for name in ("sm_clock_mhz", "power_w", "temperature_c")
            ]
            print(
                f"  {low:2}-{high:2} s {statistics.median(walls) * 1e3:8.1f} {state[0]:6.0f} "
                f"{state[1]:5.0f} {state[2]:4.0f}"
            )


def _read_log(path: Path) -> dict[str, Floats]:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}


def _weights(paths: Sequence[Path]) -> None:
    """Print what each kind of values does to a call and to a later step."""
    for path in paths:
        lines = list(_lines(path))[1:]
        normal: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
        for line in lines:
            if line["values"] == "normal":
                normal[line["width"], line["batch"]].append(_call_and_step(line))
        print(f"weights' values, {path.stem}: call and later step against the mean of normal")
        for line in lines:
            key = line["width"], line["batch"]
            call, step = (
                value / float(base) - 1
                for value, base in zip(_call_and_step(line), np.mean(normal[key], 0), strict=True)
            )
            watts = line["joules"] / line["window_s"]
            print(
                f"  {line['order']} {line['values']:16} {key[0]:5} px, batch {key[1]}: "
                f"{call:+6.1%} {step:+6.1%} {watts:5.0f} W"
            )


def _call_and_step(line: dict[str, Any]) -> tuple[float, float]:
    later = [each for steps in line["denoise_step_s"] for each in steps[1:]]
    return statistics.median(line["wall_s"]), statistics.median(later)


if __name__ == "__main__":
    main()
