"""Timings that ship with fluxcost: `fluxcost calibrations`."""

from __future__ import annotations

from typing import Any

import fluxcost as fc
from fluxcost.cli import options
from fluxcost.cli.output import show_json, show_table, show_text


def calibrations(*, json: options.Json = False) -> None:
    """Timings that ship with fluxcost."""
    documents = [
        _summary(entry.alias, fc.load_calibration(entry.alias))
        for entry in fc.shipped_calibrations()
    ]
    if json:
        show_json("calibration-list", {"calibrations": documents})
        return
    if not documents:
        show_text("No calibration ships with this version; see python -m measure --help.")
        return
    show_table([{key: str(value) for key, value in document.items()} for document in documents])


def _summary(alias: str, calibration: fc.Calibration) -> dict[str, Any]:
    started = [run.started_at for run in calibration.runs]
    return {
        "alias": alias,
        "source": str(calibration.source),
        "hash": calibration.content_hash[:12],
        "cells": len(calibration.ok_cells),
        "gpu": calibration.gpu.name,
        "measured_on": str(max(started).date()) if started else "-",
    }
