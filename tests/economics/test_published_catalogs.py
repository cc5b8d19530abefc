"""Prices fetched through the gpuhunt package, with a stand-in for its catalog: no network."""

import builtins
import datetime as dt
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.importers import price_import
from fluxcost.economics.importers.price_import import refresh_prices
from fluxcost.errors import InputError, MissingDataError, UnknownNameError
from tests.commands import refused, shown, shown_json


@dataclass
class Item:
    """The fields of gpuhunt's CatalogItem that are read."""

    instance_name: str
    location: str
    price: float
    gpu_count: int
    gpu_name: str | None
    gpu_memory: float | None
    spot: bool = False


@dataclass
class Published:
    version: str
    items: list[Item]


@dataclass
class StandIn:
    """A catalog whose load brings what it was given, or fails as gpuhunt's does."""

    held: dict[str, Published]
    failed: tuple[str, ...] = ()
    error: Exception | None = None
    catalog: dict[str, Published] = field(default_factory=dict)

    def load(self) -> None:
        if self.error is not None:
            raise self.error
        for name in self.failed:
            logging.getLogger("gpuhunt._internal.catalog").error("Failed to load %s catalog.", name)
        self.catalog |= self.held


def aws(version: str = "20261120-3", usd: float = 55.04) -> dict[str, Published]:
    items = [
        Item("p5.48xlarge", "us-east-1", usd, 8, "H100", 80.0),
        Item("p5.48xlarge", "us-east-1", 19.0, 8, "H100", 80.0, spot=True),
        Item("m5.large", "us-east-1", 0.096, 0, None, None),
    ]
    return {"aws": Published(version, items)}


LAMBDA = {
    "lambdalabs": Published("20261121-1", [Item("gpu_1x_a10", "us-west-1", 1.29, 1, "A10", 24.0)])
}


def test_today_s_prices_become_a_folder_that_wins(tmp_path: Path):
    found = refresh_prices(tmp_path, catalog=StandIn(aws() | LAMBDA))
    assert {provider: len(rows) for provider, rows in found.rows.items()} == {"aws": 2, "lambda": 1}
    assert found.reasons == {"no GPU": 1}
    catalog = load_catalog(tmp_path)
    row = catalog.offer("aws/p5.48xlarge")
    assert row.usd_per_gpu_hour == pytest.approx(6.88)
    assert (row.gpu, row.gpu_count, row.kind) == ("h100-sxm", 8, "on-demand")
    assert row.as_of == dt.date(2026, 11, 20)
    assert row.source == "gpuhunt catalog, aws"
    assert catalog.offer("aws/p5.48xlarge-spot").is_interruptible
    assert catalog.offer("lambda/gpu-1x-a10").as_of == dt.date(2026, 11, 21)


def test_a_refresh_replaces_what_a_refresh_wrote_and_nothing_else(tmp_path: Path):
    refresh_prices(tmp_path, catalog=StandIn(aws()))
    refresh_prices(tmp_path, catalog=StandIn(aws("20261124-1", 60.0)))
    row = load_catalog(tmp_path).offer("aws/p5.48xlarge")
    assert (row.usd_per_instance_hour, row.as_of) == (60.0, dt.date(2026, 11, 24))
    path = tmp_path / "gpus" / "aws.yaml"
    for own in (path.read_text().replace("gpuhunt catalog", "my contract", 1), "[]\n"):
        path.write_text(own)
        with pytest.raises(InputError, match=r"aws\.yaml exists; give another folder"):
            refresh_prices(tmp_path, catalog=StandIn(aws()))
        assert path.read_text() == own


def test_only_some_providers(tmp_path: Path):
    found = refresh_prices(tmp_path, ["lambda"], StandIn(aws() | LAMBDA))
    assert list(found.rows) == ["lambda"]
    with pytest.raises(UnknownNameError, match="provider of gpuhunt 'azure' is not known"):
        refresh_prices(tmp_path, ["azure"], StandIn(aws()))


def test_a_provider_that_fails_is_told_of_and_leaves_the_others(tmp_path: Path, caplog):
    found = refresh_prices(tmp_path, catalog=StandIn(aws(), failed=("oci",)))
    assert found.reasons == {"Failed to load oci catalog.": 1, "no GPU": 1}
    assert not caplog.records  # said once, in the result


def test_a_network_that_is_down_is_one_sentence(tmp_path: Path):
    for error in (OSError("no route"), ValueError("odd")):
        with pytest.raises(MissingDataError, match="gpuhunt could not fetch its catalogs"):
            refresh_prices(tmp_path, catalog=StandIn({}, error=error))
    with pytest.raises(MissingDataError, match="no row can be imported"):
        refresh_prices(tmp_path, catalog=StandIn({}))
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys, tmp_path):
    found = builtins.__import__

    def absent(name: str, *arguments: Any, **fields: Any) -> Any:
        if name == "gpuhunt":
            raise ImportError(name)
        return found(name, *arguments, **fields)

    monkeypatch.setattr(builtins, "__import__", absent)
    message = refused(capsys, "prices", "refresh", "--out", tmp_path)
    assert message == (
        "prices refresh needs gpuhunt, which is not installed; pip install 'fluxcost[refresh]'."
    )


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path):
    monkeypatch.setattr(price_import, "_gpuhunt", lambda: StandIn(aws() | LAMBDA))
    command = ["prices", "refresh", "--out", tmp_path]
    document = shown_json(capsys, *command, "--provider", "aws")
    assert document == {"imported": {"aws": 2}, "refused": {"no GPU": 1}, "folder": str(tmp_path)}
    assert shown(capsys, *command).startswith(f"3 rows in {tmp_path}; use them with --prices")
    message = refused(capsys, "prices", "refresh")
    assert message == "prices refresh needs --out; such as fluxcost prices refresh --out mine/."
