"""GPU offers out of other catalogs: gpuhunt, skypilot-catalog and gpurentalprices.com.

gpuhunt: one CSV per provider, named after it; prices are of whole instances per hour. Columns are
read by name, since old files lack the last four. Spot and on-demand are rows of their own.

skypilot-catalog: `<cloud>/vms.csv`, one row per instance, region and zone. Price and SpotPrice are
of the whole instance per hour, on one row. A spot price that is missing is blank, 0 or a copy of
the price, by cloud; a blank price with a spot price is sold as spot only. GpuInfo is not read: its
memory is wrong in several clouds.

gpurentalprices.com: one JSON file a day. Prices are of one GPU per hour, each with the time at
which the vendor's page was read; a row that could not be read again keeps its former time. Most
rows do not say how many GPUs an instance has. The data are CC BY 4.0.

No file says how time is billed. H100 may be PCIe, SXM or NVL, and often only the instance's name
tells. Memory fields are not used where the name says it: some hold another unit, some the node's
total.
"""

from __future__ import annotations

import collections
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fluxcost.documents import parse_json, read_text
from fluxcost.economics.importers.imported_rows import (
    ImportResult,
    Outcome,
    RefusedRow,
    collect_rows,
    number,
    offer_row,
    read_csv,
    slug,
)
from fluxcost.economics.offers import HYPERSCALERS
from fluxcost.economics.price_row import DateKind
from fluxcost.errors import DocumentError

PROVIDERS = {"lambdalabs": "lambda", "vastai": "vast", "datacrunch": "verda"}
"""Where a catalog's name of a provider is not the one used here."""

KNOWN_GPUS = {
    "h200": "h200-sxm",
    "b200": "b200-sxm",
    "gh200": "gh200",
    "mi300x": "mi300x",
    "a10": "a10",
    "a10g": "a10g",
    "l4": "l4",
    "l40": "l40",
    "l40s": "l40s",
    "t4": "t4",
    "rtx4090": "rtx-4090",
    "rtx5090": "rtx-5090",
    "rtxpro6000": "rtx-pro-6000",
}
"""Names, without spaces and hyphens, of GPUs sold in one variant here."""

ALWAYS_SXM = re.compile(r"^p5|^p4d|^a3-|^a2-|^standard_nd|hgx|dgx|h100 80gb hbm3", re.IGNORECASE)
"""Instance names that are SXM boards: AWS p4 and p5, Google a2 and a3, Azure ND, HGX and DGX."""

GPUHUNT = "gpuhunt catalog"
"""How the source of each of its rows begins."""

GPUHUNT_READ_DAILY = frozenset(
    {"aws", "azure", "cloudrift", "gcp", "lambda", "nebius", "oci", "runpod", "verda"}
)
"""Providers whose own price feed gpuhunt reads for each version of its catalog.

The others' prices stand in gpuhunt's program, such as Crusoe's: their age is not known.
"""

GPUHUNT_COLUMNS = (
    "instance_name",
    "location",
    "price",
    "gpu_count",
    "gpu_name",
    "gpu_memory",
    "spot",
)

SKYPILOT_COLUMNS = (
    "InstanceType",
    "AcceleratorName",
    "AcceleratorCount",
    "Price",
    "SpotPrice",
    "Region",
)

RENTAL_KINDS = {
    "on-demand": ("on-demand", "standard"),
    "secure": ("on-demand", "secure"),
    "community": ("on-demand", "community"),
    "serverless": ("serverless", "standard"),
    "spot": ("spot", "standard"),
}
"""How gpurentalprices.com's kinds are called here: billing kind and tier."""

RENTAL_FIELDS = ("provider", "gpu", "usd_hr", "kind", "fetched_at")


def provider_key(name: str) -> str:
    """Return the provider key of a catalog's name for it."""
    return PROVIDERS.get(name, slug(name))


def gpu_key(gpu_name: str, instance: str, memory_gb: float | None) -> tuple[str, bool] | None:
    """Return the GPU key and whether the variant is stated, or None for a GPU not in the table.

    Args:
        gpu_name: What the catalog calls the GPU, such as H100, A100-80GB or H100-80G-PCIe.
        instance: Name of the instance, which is often the only place that names the variant.
        memory_gb: GB of one GPU, where the catalog's number can be trusted; else None.
    """
    name = re.sub(r"[\s_-]", "", gpu_name.lower())
    if name in KNOWN_GPUS:
        is_stated = name not in {"h200", "b200"} or _variant(gpu_name, instance) == "sxm"
        return KNOWN_GPUS[name], is_stated
    if name.startswith("h100"):
        return _h100(name, gpu_name, instance, memory_gb)
    if name.startswith("a100"):
        return _a100(name, gpu_name, instance, memory_gb)
    return None


def _variant(gpu_name: str, instance: str) -> str | None:
    both = f"{gpu_name} {instance}".lower()
    if "pcie" in both:
        return "pcie"
    # NVLink joins boards of any variant; NVL is one.
    if re.search(r"nvl(?!ink)", both):
        return "nvl"
    return "sxm" if ALWAYS_SXM.search(instance) or "sxm" in both else None


def _h100(
    name: str, gpu_name: str, instance: str, memory_gb: float | None
) -> tuple[str, bool] | None:
    if re.fullmatch(r"h100(80gb?)?(sxm\d?|pcie|nvl)?(94gb?)?(nvlink)?", name) is None:
        return None
    variant = _variant(gpu_name, instance)
    if memory_gb is not None and 90 <= memory_gb <= 96:
        variant = "nvl"
    return f"h100-{variant or 'sxm'}", variant is not None


def _a100(
    name: str, gpu_name: str, instance: str, memory_gb: float | None
) -> tuple[str, bool] | None:
    if re.fullmatch(r"a100(40gb?|80gb?)?(sxm\d?|pcie)?(nvlink)?", name) is None:
        return None
    variant = _variant(gpu_name, instance)
    has_80 = "80g" in name or (memory_gb is not None and memory_gb >= 70)
    if not has_80:
        return ("a100-sxm-40gb", variant == "sxm") if variant != "pcie" else None
    return f"a100-{'pcie' if variant == 'pcie' else 'sxm'}-80gb", variant is not None


def read_gpuhunt(paths: Iterable[Path], as_of: dt.date) -> ImportResult:
    """Return the offers of some of gpuhunt's files.

    Args:
        paths: `<provider>.csv`, one or more.
        as_of: Day of the catalog's version.

    Raises:
        DocumentError: A file cannot be read or lacks a column.
    """
    return collect_rows("gpus", (row for path in paths for row in _gpuhunt_rows(path, as_of)))


def _gpuhunt_rows(path: Path, as_of: dt.date) -> Iterator[Outcome]:
    for row in read_csv(path, GPUHUNT_COLUMNS):
        name, spot = row["instance_name"], row["spot"].strip().lower()
        if spot not in {"true", "false"}:
            yield RefusedRow(name, f"spot is {row['spot']!r}, neither True nor False")
            continue
        yield gpuhunt_row(
            provider_key(path.stem),
            as_of=as_of,
            instance=name,
            region=row["location"],
            usd_per_hour=number(row["price"]),
            gpu_count=number(row["gpu_count"]),
            gpu_name=row["gpu_name"].strip(),
            gpu_memory_gb=number(row["gpu_memory"]),
            is_spot=spot == "true",
        )


def gpuhunt_row(  # noqa: PLR0913 - one argument a field of the item
    provider: str,
    *,
    as_of: dt.date,
    instance: str,
    region: str,
    usd_per_hour: float | None,
    gpu_count: float | None,
    gpu_name: str,
    gpu_memory_gb: float | None,
    is_spot: bool,
) -> Outcome:
    """Return one item of gpuhunt's catalog as a price row, or the reason it is none.

    A version names the day on which gpuhunt asked the vendor's own price feed, so a price of
    `GPUHUNT_READ_DAILY` was read that day. Other prices stand in gpuhunt's program and have the
    age of a package's.

    Args:
        provider: Provider key.
        as_of: Day of the catalog's version.
        instance: The vendor's name of the instance.
        region: Where.
        usd_per_hour: USD an hour for the whole instance.
        gpu_count: GPUs in it.
        gpu_name: What the catalog calls them; empty where there are none.
        gpu_memory_gb: GB of one GPU.
        is_spot: Whether it may be interrupted.
    """
    if not gpu_name:
        return RefusedRow(instance, "no GPU")
    # RunPod's secure hosts stand in named data centers, the community's in countries.
    tier = ("secure" if "-" in region else "community") if provider == "runpod" else "standard"
    is_read = provider in GPUHUNT_READ_DAILY
    return offer_row(
        provider=provider,
        instance=instance,
        # Memory is per GPU here, in GB; a name alone cannot tell the A100s apart.
        gpu=gpu_key(gpu_name, instance, gpu_memory_gb),
        gpu_name=gpu_name,
        gpu_count=gpu_count,
        usd_per_hour=usd_per_hour,
        kind="spot" if is_spot else "on-demand",
        tier=tier,
        region=region,
        source=f"{GPUHUNT}, {provider}",
        as_of=as_of,
        as_of_kind=DateKind.READ if is_read else DateKind.PACKAGE,
    )


def read_skypilot(paths: Iterable[Path], as_of: dt.date) -> ImportResult:
    """Return the offers of some of skypilot-catalog's files.

    Args:
        paths: `<cloud>/vms.csv` or `<cloud>.csv`, one or more; the name is the provider.
        as_of: Day of the commit or download; the file does not say.

    Raises:
        DocumentError: A file cannot be read or lacks a column.
    """
    return collect_rows("gpus", (row for path in paths for row in _skypilot_rows(path, as_of)))


def _skypilot_rows(path: Path, as_of: dt.date) -> Iterator[Outcome]:
    provider = slug(path.parent.name if path.stem == "vms" else path.stem)
    for row in read_csv(path, SKYPILOT_COLUMNS):
        if row["AcceleratorName"].strip():
            yield from _skypilot_ways(provider, row, as_of)
        else:
            yield RefusedRow(row["InstanceType"], "no GPU")


def _skypilot_ways(provider: str, row: dict[str, str], as_of: dt.date) -> Iterator[Outcome]:
    price, spot = number(row["Price"]), number(row["SpotPrice"])
    ways = []
    if price is not None:
        ways.append((price, "on-demand"))
    if spot and spot != price:
        ways.append((spot, "spot"))
    if not ways:
        yield RefusedRow(row["InstanceType"], "no price")
    for usd_per_hour, kind in ways:
        yield offer_row(
            provider=provider,
            instance=row["InstanceType"],
            gpu=gpu_key(row["AcceleratorName"], row["InstanceType"], None),
            gpu_name=row["AcceleratorName"],
            gpu_count=number(row["AcceleratorCount"]),
            usd_per_hour=usd_per_hour,
            kind=kind,
            region=row["Region"],
            source=f"skypilot-catalog, {provider}/vms.csv",
            as_of=as_of,
            as_of_kind=DateKind.PACKAGE,
        )


def read_gpurentalprices(paths: Iterable[Path]) -> ImportResult:
    """Return the offers of some of gpurentalprices.com's daily files, which state their days.

    Raises:
        DocumentError: A file cannot be read or is no such file.
    """
    return collect_rows(
        "gpus", (row for path in paths for row in rental_rows(read_text(path), str(path)))
    )


def rental_rows(text: str, where: str) -> Iterator[Outcome]:
    """Yield the rows of one of gpurentalprices.com's files.

    Args:
        text: Of the file.
        where: What it is called, for the message.

    Raises:
        DocumentError: It is not JSON or holds no list of offers.
    """
    document = parse_json(text, where)
    offers = document.get("offers") if isinstance(document, dict) else None
    if not isinstance(offers, list) or not all(isinstance(each, dict) for each in offers):
        raise DocumentError(f"{where}: holds no list of offers; give gpurentalprices.com's file.")
    beside = {(each.get("provider"), each.get("kind"), each.get("gpu")) for each in offers}
    prices: dict[tuple[Any, ...], set[Any]] = collections.defaultdict(set)
    for each in offers:
        prices[_listed(each)].add(each.get("usd_hr"))
    for each in offers:
        if len(prices[_listed(each)]) > 1:
            # Of two kinds of hosts or instances, which the file does not tell apart.
            yield RefusedRow(" ".join(map(str, _listed(each))), "listed with more than one price")
        else:
            yield _rental_row(each, beside)


def _listed(offer: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(offer.get(field) for field in ("provider", "gpu", "kind", "min_gpus"))


def _rental_row(offer: Mapping[str, Any], beside: set[tuple[Any, Any, Any]]) -> Outcome:
    named = f"{offer.get('provider')} {offer.get('gpu')} {offer.get('kind')}"
    if missing := [field for field in RENTAL_FIELDS if not offer.get(field)]:
        return RefusedRow(named, f"without {', '.join(missing)}")
    provider, kind = provider_key(str(offer["provider"])), str(offer["kind"])
    if kind not in RENTAL_KINDS:
        return RefusedRow(named, f"sold as {kind!r}, which is not known")
    try:
        day = dt.date.fromisoformat(str(offer["fetched_at"])[:10])
    except ValueError:
        return RefusedRow(named, "fetched_at is no day")
    count = number(str(offer.get("min_gpus", "")))
    if count is None and provider in HYPERSCALERS:
        # The rate of a GPU that is billed beside the rest of its machine.
        return RefusedRow(named, "the GPUs of an instance, which is sold whole, are not stated")
    sold, tier = RENTAL_KINDS[kind]
    gpu = _rental_gpu(offer, beside)
    row = offer_row(
        provider=provider,
        instance=f"{offer['gpu']} {kind}",
        gpu=gpu,
        gpu_name=str(offer["gpu"]),
        gpu_count=count or 1,
        usd_per_hour=(number(str(offer["usd_hr"])) or 0) * (count or 1),
        kind=sold,
        tier=tier,
        region="",
        source=f"gpurentalprices.com (CC BY 4.0), {offer.get('source_url', '')}"[:200],
        as_of=day,
        as_of_kind=DateKind.STATED,
    )
    if isinstance(row, RefusedRow):
        return row
    many = f"-{count:g}x" if count and count > 1 else ""
    sold_as = "" if kind == "on-demand" else f"-{kind}"
    said = {
        "id": f"{provider}/{row['gpu']}{many}{sold_as}",
        "price": {"amount": float(offer["usd_hr"]), "unit": "gpu-hour"},
    }
    return row | said | ({} if count else {"gpu_count": None})


def _rental_gpu(
    offer: Mapping[str, Any], beside: set[tuple[Any, Any, Any]]
) -> tuple[str, bool] | None:
    name, memory = str(offer["gpu"]), number(str(offer.get("vram_gb", "")))
    key = gpu_key(re.sub(r"^(a100-\w+)-[48]0$", r"\1", name), "", memory)
    others = {gpu for provider, kind, gpu in beside if (provider, kind) == _sold(offer)}
    if key is None or name not in {"h100", "a100"} or f"{key[0]}".removesuffix("gb") not in others:
        return key
    # The SXM board is a row of its own, so this one is another: PCIe, unless that is one too.
    other = key[0].replace("sxm", "pcie")
    return None if other.removesuffix("gb") in others else (other, False)


def _sold(offer: Mapping[str, Any]) -> tuple[Any, Any]:
    return offer["provider"], offer["kind"]
