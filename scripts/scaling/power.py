"""Clocks, watts and temperatures of the GPUs at work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fluxcost.performance.calibration.extra_measurements import Replica
from fluxcost.performance.calibration.schema import Calibration
from scripts.scaling.predicted import USUAL
from scripts.scaling.windows import Hosts
from scripts.tables import table


def power(records: dict[str, Calibration], hosts: Hosts) -> Iterable[str]:
    """Yield the section on the power and clocks of the GPUs."""
    rows = []
    for stack, record in records.items():
        found: dict[tuple[str, int], list[Replica]] = {}
        for part in record.replicas:
            if part.shape == USUAL and part.batch == 8 and not part.in_one_process:
                found.setdefault((hosts.name(part.run), part.replicas), []).append(part)
        for (host, count), parts in sorted(found.items()):
            rows.append((f"`{stack}`", host, str(count), *_state(parts)))
    yield from (
        "## Power and heat",
        "",
        f"{USUAL}, batch 8, read each second; means over the busy GPUs. A GPU's own power limit",
        "slows it down to the same degree alone and beside others, so neither host shows a shared",
        "limit.",
        "",
        *table(
            (
                *("stack", "timed on", "at once", "power, W", "SM clock, MHz", "hottest, °C"),
                "at the power limit",
            ),
            rows,
        ),
        "",
    )


def _state(parts: Sequence[Replica]) -> tuple[str, ...]:
    read = [each for part in parts for each in part.during]
    watts = [each.power_w for each in read if each.power_w is not None]
    clocks = [each.sm_clock_mhz for each in read if each.sm_clock_mhz is not None]
    heat = [each.temperature_c for each in read if each.temperature_c is not None]
    capped = np.mean(["power_cap" in each.throttle_reasons for each in read])
    return f"{np.mean(watts):.0f}", f"{np.mean(clocks):.0f}", f"{max(heat):.0f}", f"{capped:.0%}"
