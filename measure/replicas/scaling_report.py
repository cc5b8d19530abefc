"""Tables of several replicas: efficiency and its losses, cores, encoding, links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from fluxcost.performance.calibration.extra_measurements import Encoding, Replica
from fluxcost.performance.calibration.measured_cell import Samples
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.scaling.replica_windows import ReplicaWindow, ReplicaWindows
from fluxcost.performance.scaling.scaling_law import published_law
from fluxcost.workload.shape import Shape
from measure.replicas.window_plan import ALL_GPUS_OR_CORES

STAGES: dict[str, Callable[[Samples], npt.NDArray[np.float64]]] = {
    "text encode": lambda samples: np.array(samples.text_encode_s),
    "denoise": lambda samples: np.array(samples.denoise_step_s).sum(axis=1),
    "VAE decode": lambda samples: np.array(samples.vae_decode_s),
    "host": lambda samples: np.array(samples.host_s),
}


def print_fleets(calibration: Calibration, console: Console) -> None:
    """Print every table the calibration has data for."""
    if calibration.replicas:
        fleets = open_fleets(calibration)
        console.print(_efficiency_table(fleets))
        _print_cores(fleets, console)
    if calibration.encodings:
        console.print(_encoding_table(calibration.encodings))
    for link in calibration.links:
        wire = {True: "NVLink", False: "no NVLink", None: "link not said"}[link.nvlink]
        access = "peer access" if link.peer_access else "no peer access"
        route = f"GPU {link.source} to GPU {link.target}"
        console.print(f"{route}: {link.gb_per_s:.0f} GB/s, {wire}, {access}")
    for split in calibration.split_images:
        faster = np.median(split.alone_s) / np.median(split.wall_s)
        console.print(
            f"one image of {split.width}x{split.height}, {split.steps} steps on {split.gpus} GPUs "
            f"({split.method}): {np.median(split.wall_s):.3f} s, {faster:.2f} times as fast as one "
            f"GPU at {split.gpus / faster:.2f} times its price; pictures differ by "
            f"{split.difference:.1%}"
        )


def open_fleets(calibration: Calibration) -> ReplicaWindows:
    """Return the windows by what was asked, with their own drift only.

    So that a tiny model needs no architecture.
    """
    key = calibration.content_hash[:12]
    return ReplicaWindows(calibration, key, _work, lambda _shape, _batch: 0.0)


def losses(fleets: ReplicaWindows, window: ReplicaWindow) -> list[float]:
    """Return each stage's mean seconds together less alone, over the window's replicas."""
    solos = {part.rank: part for part in fleets.solos(window)}
    return [
        float(np.mean([_mean(each, part) - _mean(each, solos[part.rank]) for part in window.parts]))
        for each in STAGES.values()
    ]


def _work(shape: Shape, batch: int) -> float:
    return float(shape.pixels * batch)


def _efficiency_table(fleets: ReplicaWindows) -> Table:
    """Return rates together over those alone, and what each stage of a call took longer."""
    table = Table(title="Replicas at once; stages: mean milliseconds a call more than alone")
    headings = ("point", "cores", "replicas", "images/s", "efficiency", "article", *STAGES)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "point" else "right")
    for window in sorted(fleets.windows, key=_order):
        efficiency = fleets.efficiency(window) if len(window.parts) > 1 else None
        if efficiency is None:
            continue
        shape, batch = window.asked
        table.add_row(
            f"{shape}, batch {batch}",
            str(window.cores or ALL_GPUS_OR_CORES),
            f"{len(window.parts)} {'threads' if window.in_one_process else 'processes'}",
            f"{window.rate('', 0.0).value:.3f}",
            f"{efficiency.value:.2%} ({efficiency.low:.2%}-{efficiency.high:.2%})",
            _published(len(window.parts)),
            *(f"{1000 * lost:+.1f}" for lost in losses(fleets, window)),
        )
    return table


def _published(replicas: int) -> str:
    law, _ = published_law()
    return f"{law.measured[replicas].value:.0%}" if replicas in law.measured else "-"


def _mean(stage: Callable[[Samples], npt.NDArray[np.float64]], part: Replica) -> float:
    return float(np.mean(stage(part.samples)))


def _print_cores(fleets: ReplicaWindows, console: Console) -> None:
    swept = sorted({window.asked for window in fleets.windows if window.cores is not None})
    for shape, batch in swept:
        counts = sorted({w.cores for w in fleets.windows if w.asked == (shape, batch) and w.cores})
        factors = [(n, fleets.core_factor(shape, batch, n)) for n in counts]
        summary = ", ".join(f"{n}: {f.value:.1%} ({f.low:.1%}-{f.high:.1%})" for n, f in factors)
        console.print(
            f"{shape}, batch {batch}: rate by CPU cores a replica, over that with all: {summary}; "
            f"needs {fleets.cores_needed(shape, batch)}"
        )


def _encoding_table(encodings: Sequence[Encoding]) -> Table:
    table = Table(
        title=f"Encoding on the CPU, median milliseconds an image: {encodings[0].picture}"
    )
    for heading in ("format", "size", "MB", "to disk", "one alone", "all at once"):
        table.add_column(heading, justify="left" if heading == "format" else "right")
    rows: dict[tuple[str, str, bool], list[Encoding]] = defaultdict(list)
    for each in encodings:
        rows[each.image_format, f"{each.width}x{each.height}", each.to_disk].append(each)
    for (name, size, to_disk), parts in rows.items():
        together = [part for part in parts if part.replicas > 1]
        table.add_row(
            name,
            size,
            f"{parts[0].size_bytes / 1e6:.2f}",
            "yes" if to_disk else "no",
            _median_ms([part for part in parts if part.replicas == 1]),
            _median_ms(together),
        )
    return table


def _median_ms(parts: Sequence[Encoding]) -> str:
    walls = [wall for part in parts for wall in part.wall_s]
    return f"{1000 * np.median(walls):.1f}" if walls else "-"


def _order(window: ReplicaWindow) -> tuple[object, ...]:
    cores = window.cores is not None, window.cores or 0
    return window.asked, *cores, len(window.parts), window.in_one_process
