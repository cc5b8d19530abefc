"""litellm's price file: a JSON object from model name to prices; image models only.

Size, quality and step bucket stand in the key. For some vendors the price of the generated image is
under input_cost_per_image. Where a file says one thing in two ways that disagree, where a step's
price stands as a token's, and where edit prices are a tenth of the vendor's own list, the entry is
refused.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fluxcost.documents import read_json
from fluxcost.economics.importers.imported_rows import ImportResult, RefusedRow, collect_rows, slug
from fluxcost.errors import DocumentError

MODES = {"image_generation": "text-to-image", "image_edit": "edit"}

INPUT_MEANS_OUTPUT = frozenset({"openai", "xai", "azure"})
"""Vendors whose input_cost_per_image is the price of the generated image."""

TIERS = {"0.5K": 512**2, "1K": 1024**2, "2K": 2048**2, "4K": 4096**2}
"""Pixels of the resolution tiers: squares of so many times 1024."""

TOKENS = {
    "image_out_usd": "output_cost_per_image_token",
    "text_out_usd": "output_cost_per_token",
    "image_in_usd": "input_cost_per_image_token",
    "cached_image_in_usd": "cache_read_input_image_token_cost",
    "text_in_usd": "input_cost_per_token",
    "cached_text_in_usd": "cache_read_input_token_cost",
}


def read_litellm(paths: Iterable[Path], as_of: dt.date) -> ImportResult:
    """Return the tariffs of some files.

    Args:
        paths: `model_prices_and_context_window*.json`, one or more.
        as_of: Release day of the package that carried the file.

    Raises:
        DocumentError: A file cannot be read or is not an object of models.
    """
    return collect_rows("apis", (row for path in paths for row in _rows(path, as_of)))


def _rows(path: Path, as_of: dt.date) -> Iterator[dict[str, Any] | RefusedRow]:
    document = read_json(path)
    if not isinstance(document, dict):
        raise DocumentError(f"{path}: not an object of models; give litellm's own price file.")
    for key, entry in document.items():
        if isinstance(entry, dict) and entry.get("mode") in MODES:
            yield _row(key, entry, as_of)


def _row(key: str, entry: dict[str, Any], as_of: dt.date) -> dict[str, Any] | RefusedRow:
    provider = slug(str(entry.get("litellm_provider", key.partition("/")[0])))
    task = MODES[entry["mode"]]
    if provider == "stability" and task == "edit":
        return RefusedRow(key, "edit prices of this vendor are a tenth of its own list")
    *conditions, model = key.split("/")
    size = next((part for part in conditions if re.fullmatch(r"\d+-x-\d+", part)), None)
    price = _price(provider, entry, size, _steps(conditions))
    if isinstance(price, str):
        return RefusedRow(key, price)
    quality = next((part for part in conditions if part in {"low", "medium", "high", "hd"}), None)
    return {
        "id": f"{provider}/{slug(key.removeprefix(f'{provider}/').replace('/', '-'))}",
        "model": slug(model),
        "price": price,
        "tasks": [task],
        **({"quality": quality} if quality else {}),
        "currency": "USD",
        "source": f"litellm price file, {key}"[:200],
        "as_of": as_of,
        "as_of_kind": "package",
        "grade": "B",
        **_until(entry),
    }


def _until(entry: dict[str, Any]) -> dict[str, Any]:
    text = entry.get("deprecation_date")
    return {} if not isinstance(text, str) else {"valid_until": dt.date.fromisoformat(text[:10])}


def _steps(conditions: list[str]) -> str | None:
    return next((part for part in conditions if part.endswith("-steps")), None)


def _price(
    provider: str, entry: dict[str, Any], size: str | None, steps: str | None
) -> dict[str, Any] | str:
    """Return the price as a record's fields, or why there is none to trust."""
    per_image, per_pixel = _of_image(provider, entry, "image"), _of_image(provider, entry, "pixel")
    if tiers := _tiers(entry):
        return {"shape": "by-tier", "usd_by_max_px": tiers}
    if steps is not None:
        return _bucket(per_image or _at_size(per_pixel, size), steps, size)
    if per_image and per_pixel:
        return _agreed(per_image, per_pixel, size)
    if usd := per_image or _at_size(per_pixel, size):
        return _flat(usd, size)
    if per_pixel:
        return {"shape": "per-pixel", "usd_per_pixel": per_pixel}
    return _tokens(entry)


def _tiers(entry: dict[str, Any]) -> dict[int, float]:
    named = {name: entry.get(f"output_cost_per_image_{name}") for name in TIERS}
    return {TIERS[name]: float(usd) for name, usd in named.items() if usd}


def _tokens(entry: dict[str, Any]) -> dict[str, Any] | str:
    if entry.get("output_cost_per_image_token"):
        rates = {
            field: float(entry[name]) * 1e6 for field, name in TOKENS.items() if entry.get(name)
        }
        return {"shape": "per-token", **rates}
    if entry.get("input_cost_per_token"):
        return "a price per token without one for image tokens; it may be a step's"
    return "no price"


def _of_image(provider: str, entry: dict[str, Any], unit: str) -> float | None:
    output = entry.get(f"output_cost_per_{unit}")
    if output:
        return float(output)
    given = entry.get(f"input_cost_per_{unit}")
    return float(given) if given and provider in INPUT_MEANS_OUTPUT else None


def _flat(usd: float, size: str | None) -> dict[str, Any]:
    if size is None:
        return {"shape": "flat", "usd": usd}
    return {"shape": "by-size", "usd_by_size": {size.replace("-x-", "x"): usd}}


def _at_size(per_pixel: float | None, size: str | None) -> float | None:
    if per_pixel is None or size is None:
        return None
    width, height = size.split("-x-")
    return per_pixel * int(width) * int(height)


def _agreed(per_image: float, per_pixel: float, size: str | None) -> dict[str, Any] | str:
    by_size = _at_size(per_pixel, size)
    if by_size is None or abs(by_size / per_image - 1) > 0.01:
        return "a price per image and one per pixel that do not agree"
    return _flat(per_image, size)


def _bucket(usd: float | None, steps: str, size: str | None) -> dict[str, Any] | str:
    most = steps.partition("-")[0]
    if usd is None or size is None or not most.isdigit():
        return "a step bucket without a number of steps, a size or a price"
    width, height = (int(side) for side in size.split("-x-"))
    return {
        "shape": "step-bucket",
        "usd_by_max_steps": {int(most): usd},
        "max_px": width * height,
    }
