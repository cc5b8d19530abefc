"""Fit how prices move to a history of daily prices: python -m scripts.fit_price_moves.

    python -m scripts.fit_price_moves --history FILE [FILE ...] [--write]

A history is a CSV file with the columns provider, gpu, kind, usd_per_gpu_hour, first_seen and
last_seen, one row a spell of one price. It does not ship; the shipped parameters were fitted to
data by gpurentalprices.com (github.com/adriannutiu/gpu-rental-prices), CC BY 4.0. `--write` writes
`fluxcost/data/price_moves.yaml`; without it the fit and its scores are only printed.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import yaml

from fluxcost.documents import write_atomically
from fluxcost.economics.price_moves import PriceMoves, price_moves_path
from scripts.price_moves.fitting import fit
from scripts.price_moves.history import read_history
from scripts.price_moves.scoring import (
    parameter_lines,
    score_lines,
    series_left_out,
    stretches_left_out,
)

HEAD = """\
# Written by scripts/fit_price_moves.py: how prices move, see docs/price_moves.md.
# Fitted to data by gpurentalprices.com (https://github.com/adriannutiu/gpu-rental-prices), licensed
# under CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/); the data are not in here.
"""
DIGITS = 4


def written(parameters: PriceMoves) -> str:
    """Return the file of parameters, with four significant digits."""
    document = parameters.to_dict()
    for of_class in document["classes"].values():
        for key, value in of_class.items():
            of_class[key] = _rounded(value)
    document["unknown_age_mean_days"] = _rounded(document["unknown_age_mean_days"])
    return HEAD + yaml.safe_dump(document, sort_keys=False, width=100)


def _rounded(value: object) -> object:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def report(history: list[Path], split: dt.date | None = None) -> tuple[PriceMoves, str]:
    """Return the fit to a history, and its parameters and scores as text.

    Args:
        history: The files.
        split: Last day of the fit that predicts the days after; the middle one unless given.
    """
    series = read_history(history)
    first, last = min(each.start for each in series), max(each.end for each in series)
    day = split or first + (last - first) // 2
    parameters = fit(series)
    outcomes, fits = series_left_out(series)
    lines = [
        f"{len(series)} series from {first} to {last}",
        *parameter_lines(parameters, fits),
        "",
        "Series left out, a provider at a time (`market`: CRPS with a common market factor):",
        *score_lines(outcomes),
        "",
        f"Stretches after {day} left out, with each series' own history:",
        *score_lines(stretches_left_out(series, day)),
    ]
    return parameters, "\n".join(lines)


def main(arguments: list[str] | None = None, path: Path | None = None) -> None:
    """Print the fit and its scores, and write the parameters if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--history", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--split", type=dt.date.fromisoformat, metavar="DAY")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(arguments)
    parameters, text = report(given.history, given.split)
    print(text)
    if given.write:
        write_atomically(path or price_moves_path(), written(parameters))


if __name__ == "__main__":
    main()
