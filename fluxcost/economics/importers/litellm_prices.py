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

from fluxcost.documents import parse_json, read_text
from fluxcost.economics.importers.imported_rows import (
    ImportResult,
    Outcome,
    RefusedRow,
    collect_rows,
    slug,
)
from fluxcost.economics.price_row import DateKind
from fluxcost.errors import DocumentError

SOURCE = "litellm price file"
"""How the source of each row begins."""

MODES = {"image_generation": "text-to-image", "image_edit": "edit"}

INPUT_MEANS_OUTPUT = frozenset({"azure", "nscale", "openai", "xai"})
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


PROVIDERS = {
    "azure-ai": "azure",
    "bedrock": "aws",
    "black-forest-labs": "bfl",
    "fal-ai": "fal",
    "fireworks-ai": "fireworks",
    "gemini": "google",
    "runwayml": "runway",
    "together-ai": "together",
    "vertex-ai": "google",
    "vertex-ai-image-models": "google",
    "vertex-ai-language-models": "google",
}
"""Where litellm's provider name is not the one used here."""

VENDOR_PARTS = frozenset(
    {"bedrock", "black-forest-labs", "fal-ai", "openai", "stabilityai", "vertex-ai"}
)
"""Parts of a key that name a vendor again."""

MODELS = {
    "amazon.nova-canvas-v1-0": "nova-canvas",
    "amazon.titan-image-generator-v1": "titan-image-v1",
    "amazon.titan-image-generator-v2": "titan-image-v2",
    "amazon.titan-image-generator-v2-0": "titan-image-v2",
    "flux-1.1-pro": "flux1.1-pro",
    "flux-dev": "flux1-dev",
    "flux-kontext-max": "flux1-kontext-max",
    "flux-kontext-pro": "flux1-kontext-pro",
    "flux-pro-1.1": "flux1.1-pro",
    "flux-pro-1.1-ultra": "flux1.1-pro-ultra",
    "flux-pro-v1.1": "flux1.1-pro",
    "flux-pro-v1.1-ultra": "flux1.1-pro-ultra",
    "flux-schnell": "flux1-schnell",
    "flux.1-kontext-pro": "flux1-kontext-pro",
    "flux.1-schnell": "flux1-schnell",
    "flux.2-flex": "flux2-flex",
    "flux.2-pro": "flux2-pro",
    "gen4-image": "gen4-image",
    "imagen-3.0-fast-generate-001": "imagen-3-fast",
    "imagen-3.0-generate-001": "imagen-3",
    "imagen4-preview": "imagen-4",
    "imagen4-preview-fast": "imagen-4-fast",
    "imagen4-preview-ultra": "imagen-4-ultra",
    "recraftv2": "recraft-v2",
    "recraftv3": "recraft-v3",
    "stability.sd3-5-large-v1-0": "sd3.5-large",
    "stability.stable-diffusion-xl-v1": "sdxl-1.0",
    "stability.stable-image-core-v1-0": "stable-image-core",
    "stability.stable-image-core-v1-1": "stable-image-core",
    "stability.stable-image-ultra-v1-0": "stable-image-ultra",
    "stability.stable-image-ultra-v1-1": "stable-image-ultra",
    "stable-diffusion-xl-base-1.0": "sdxl-1.0",
}
"""Model keys of litellm's names, as parts of an id; other names are taken as they are."""

QUALITIES = frozenset({"low", "medium", "high", "xhigh", "max", "standard", "hd"})

UNIT_TABLES = ("usd_by_size", "usd_by_max_steps")
"""Fields of a price of which litellm has an entry for each size, or each number of steps."""


def read_litellm(paths: Iterable[Path], as_of: dt.date) -> ImportResult:
    """Return the tariffs of some files.

    Args:
        paths: `model_prices_and_context_window*.json`, one or more.
        as_of: Release day of the package that carried the file.

    Raises:
        DocumentError: A file cannot be read or is not an object of models.
    """
    rows = (
        row
        for path in paths
        for row in litellm_rows(read_text(path), str(path), as_of, DateKind.PACKAGE)
    )
    return collect_rows("apis", rows)


def litellm_rows(text: str, where: str, as_of: dt.date, as_of_kind: DateKind) -> Iterator[Outcome]:
    """Yield the tariffs of one file; the sizes of a model at one quality are one tariff.

    Args:
        text: Of the file.
        where: What it is called, for the message.
        as_of: Day of the file; what ended before it is refused.
        as_of_kind: What that day is: the file does not say when a price was seen.

    Raises:
        DocumentError: It is not JSON or not an object of models.
    """
    document = parse_json(text, where)
    if not isinstance(document, dict):
        raise DocumentError(f"{where}: not an object of models; give litellm's own price file.")
    rows: dict[str, dict[str, Any]] = {}
    for key, entry in document.items():
        if not isinstance(entry, dict) or entry.get("mode") not in MODES:
            continue
        row = _row(key, entry, as_of, as_of_kind)
        if isinstance(row, RefusedRow):
            yield row
        elif row["id"] not in rows:
            rows[row["id"]] = row
        elif not _joined(rows[row["id"]]["price"], row["price"]):
            yield RefusedRow(key, "another entry of the same model has another price")
    yield from rows.values()


def _joined(price: dict[str, Any], more: dict[str, Any]) -> bool:
    """Take a second entry's sizes or steps into a price; return whether the two agree."""
    for table in UNIT_TABLES:
        rest = {name: value for name, value in more.items() if name != table}
        if table in price and rest == {name: price.get(name) for name in rest}:
            known = price[table]
            if any(known.get(unit, usd) != usd for unit, usd in more[table].items()):
                return False
            known.update(more[table])
            return True
    return price == more


def _row(key: str, entry: dict[str, Any], as_of: dt.date, as_of_kind: DateKind) -> Outcome:
    named = slug(str(entry.get("litellm_provider", key.partition("/")[0])))
    provider = PROVIDERS.get(named, named)
    task = MODES[entry["mode"]]
    if provider == "stability" and task == "edit":
        return RefusedRow(key, "edit prices of this vendor are a tenth of its own list")
    if (last_day := _last_day(entry)) is not None and last_day < as_of:
        return RefusedRow(key, "it ended before the day of the file")
    parts = key.split("/")
    size = next((part for part in parts if re.fullmatch(r"\d+-x-\d+", part)), None)
    price = _price(provider, entry, size, _steps(parts))
    if isinstance(price, str):
        return RefusedRow(key, price)
    if parts[-1] == "edit":
        task = "edit"
    quality = next((part for part in parts if part in QUALITIES), None)
    model = _model(parts, named)
    told_apart = [model, quality, "vertex" if named.startswith("vertex") else None]
    return {
        "id": f"{provider}/{'-'.join(part for part in told_apart if part)}"
        + ("-edit" if task == "edit" else ""),
        "model": model,
        "price": price,
        "tasks": [task],
        **({"quality": quality} if quality else {}),
        "currency": "USD",
        "source": f"{SOURCE}, {key}"[:200],
        "as_of": as_of,
        "as_of_kind": str(as_of_kind),
        "grade": "B",
        **({"valid_until": last_day} if last_day else {}),
    }


def _model(parts: list[str], named: str) -> str:
    """Return the model key of what is left of a name without conditions, vendor and task."""
    *_, last = parts
    said = [
        slug(part)
        for part in parts
        if part == last or (part not in QUALITIES and not re.search(r"^\d+-x-|-steps$", part))
    ]
    kept = [part for part in said if part != named and part not in VENDOR_PARTS]
    while len(kept) > 1 and kept[-1] in {"edit", "text-to-image"}:
        kept.pop()
    # A profile of a region costs what the model does.
    name = ("-".join(kept) or slug(last)).removeprefix("us.")
    return MODELS.get(name, name)


def _last_day(entry: dict[str, Any]) -> dt.date | None:
    try:
        return dt.date.fromisoformat(str(entry.get("deprecation_date"))[:10])
    except ValueError:
        return None


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
