"""A cold start as a table."""

from __future__ import annotations

from rich.table import Table

from fluxcost.performance.cold_start import ColdStart


def cold_start_table(name: str, found: ColdStart) -> Table:
    """Return one row per shape a process called; the parts before stand with its first shape."""
    table = Table(title=f"Cold start of {name}, seconds")
    for heading in ("caches", "import", "load", "prepare", "shape", "first call", "later calls"):
        table.add_column(heading, justify="left" if heading in {"caches", "shape"} else "right")
    for start in found.starts:
        parts = [f"{each:.2f}" for each in (start.import_s, start.load_s, start.prepare_s)]
        for place, calls in enumerate(start.calls):
            own = [start.compile_cache, *parts] if place == 0 else [""] * 4
            later = "-" if calls.later_s is None else f"{calls.later_s:.4f}"
            shape = f"{calls.shape}, batch {calls.batch}"
            table.add_row(*own, shape, f"{calls.first_s:.2f}", later)
    if not found.starts:
        load = found.load_cold_cache_s or found.build_s
        table.add_row("empty", "", f"{load:.2f}", "", "", f"{found.first_call_s:.2f}", "-")
    return table
