"""Prices read anew against the known ones, with files and stand-ins of our own: no network."""

import builtins
import datetime as dt
import http.server
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fluxcost.economics import catalog
from fluxcost.economics.catalog import load_catalog
from fluxcost.economics.importers import price_refresh, price_sources
from fluxcost.economics.importers.price_match import Row, taken_in
from fluxcost.economics.importers.price_refresh import PriceRefresh, refresh_prices
from fluxcost.economics.importers.price_sources import URLS, fetched
from fluxcost.economics.offers import Offer
from fluxcost.economics.price_row import PriceMove
from fluxcost.economics.tariffs import Tariff
from fluxcost.errors import DocumentError, InputError, MissingDataError, UnknownNameError
from tests.commands import OFFER, refused, shown, shown_json
from tests.economics.test_importers import rental

TODAY = dt.date(2026, 12, 1)
AFTER = dt.date(2026, 12, 20)
"""After every day of a shipped price."""


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be a later day, since a price seen on a day to come is refused."""
    monkeypatch.setattr(catalog, "today_utc", lambda: dt.date(2027, 6, 1))


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


def oci(version: str = "20261120-3", usd: float = 60.0) -> dict[str, Published]:
    items = [
        Item("BM.GPU.B200.8", "us-ashburn-1", usd, 8, "B200", 180.0),
        Item("BM.GPU.B200.8", "us-phoenix-1", usd, 8, "B200", 180.0),
        Item("BM.GPU.B200.8", "us-ashburn-1", 30.0, 8, "B200", 180.0, spot=True),
        Item("VM.Standard", "us-ashburn-1", 0.096, 0, None, None),
    ]
    return {"oci": Published(version, items)}


ACME = {"acme": Published("20261121-1", [Item("a10-box", "here", 1.29, 1, "A10", 24.0)])}


def from_gpuhunt(catalog: StandIn, **options: Any) -> PriceRefresh:
    return refresh_prices(["gpuhunt"], gpuhunt=catalog, today=TODAY, **options)


def snapshot(path: Path, *offers: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"date": str(AFTER), "offers": offers}))
    return path


def seen(provider: str, gpu: str, usd_hr: float, day: dt.date = AFTER, **fields: Any) -> Any:
    return rental(provider, gpu, usd_hr, fetched_at=f"{day}T06:00:00Z", **fields)


def of_snapshot(folder: Path, *offers: Any, **options: Any) -> PriceRefresh:
    path = snapshot(folder / "latest.json", *offers)
    return refresh_prices(["gpurentalprices"], files=[path], today=AFTER, **options)


def litellm(folder: Path, day: dt.date = AFTER, **options: Any) -> Callable[..., PriceRefresh]:
    def read(entries: dict[str, dict[str, Any]]) -> PriceRefresh:
        path = folder / "litellm.json"
        path.write_text(json.dumps(entries))
        return refresh_prices(["litellm"], files=[path], as_of=day, today=day, **options)

    return read


def image(provider: str, usd: float, **fields: Any) -> dict[str, Any]:
    made = {"mode": "image_generation", "litellm_provider": provider}
    return made | {"output_cost_per_image": usd} | fields


def offer(**fields: Any) -> Offer:
    return Offer.parse({"provider": "shop", **OFFER, "as_of": dt.date(2026, 11, 1), **fields}, "it")


def read_as(usd: float, day: dt.date, kind: str = "stated", **fields: Any) -> Offer:
    """Return an offer as another catalog has it."""
    price = {"amount": usd, "unit": "gpu-hour"}
    return offer(price=price, as_of=day, as_of_kind=kind, source="another", grade="B", **fields)


def days(row: Row) -> list[tuple[int, int, object]]:
    return [(day.month, day.day, price) for day, _, price in row.history]


# What a row says once a price read elsewhere is taken in.


def test_a_price_that_moved_joins_the_history_and_its_row_s_error():
    known = offer()
    now, change = taken_in(known, read_as(4.5, TODAY))
    assert isinstance(now, Offer)
    assert (now.id, now.sku, now.billing) == (known.id, known.sku, known.billing)
    assert days(now) == [(11, 1, 3.6), (12, 1, 4.5)]
    assert (now.source, now.grade, now.usd_per_gpu_hour) == ("another", "B", 4.5)
    assert now.observed[0].source == known.source
    assert change.share == pytest.approx(0.25)
    assert (change.becomes, change.is_move) == ("price", True)
    # The error of the price knows of the move: one change in 30 days.
    move = now.price_errors(TODAY)[f"price/{now.id}"]
    assert isinstance(move, PriceMove)
    assert (move.changes_seen, move.span_seen_days, move.age_days) == (1, 30, 0)


def test_of_a_run_of_equal_prices_the_first_and_the_last_day_are_kept():
    row: Row = offer()
    for day, usd in [(2, 3.6), (3, 3.6), (4, 4.0), (5, 4.0), (6, 4.0), (7, 3.6)]:
        row, _ = taken_in(row, read_as(usd, dt.date(2026, 11, day)))
    assert days(row) == [
        (11, 1, 3.6),
        (11, 3, 3.6),
        (11, 4, 4.0),
        (11, 6, 4.0),
        (11, 7, 3.6),
    ]


def test_a_price_of_unknown_age_never_replaces_a_dated_one():
    for kind in ("package", "collected"):
        now, change = taken_in(offer(), read_as(4.5, TODAY, kind))
        assert isinstance(now, Offer)
        assert (now.usd_per_gpu_hour, now.as_of_kind) == (3.6, "stated")
        assert [(each.as_of, each.amount) for each in now.observed] == [(TODAY, 4.5)]
        assert change.becomes == "observation"
    # A dated one replaces one of unknown age, even where it is older.
    undated = offer(as_of_kind="collected")
    now, _ = taken_in(undated, read_as(4.5, dt.date(2026, 10, 1)))
    assert isinstance(now, Offer)
    assert (now.usd_per_gpu_hour, now.as_of) == (4.5, dt.date(2026, 10, 1))
    assert now.observed[0].amount == 3.6


def test_an_older_price_is_history_and_a_corrected_one_replaces_what_it_corrects():
    older, change = taken_in(offer(), read_as(3.0, dt.date(2026, 9, 1)))
    assert days(older) == [(9, 1, 3.0), (11, 1, 3.6)]
    assert change.becomes == "observation"
    once, _ = taken_in(offer(), read_as(4.5, TODAY))
    again, _ = taken_in(once, read_as(4.6, TODAY))
    assert days(again) == [(11, 1, 3.6), (12, 1, 4.6)]


def test_rounding_is_no_move_and_units_are_the_row_s():
    per_second = offer(price={"amount": 0.001, "unit": "gpu-second"})
    now, change = taken_in(per_second, read_as(3.61, TODAY))
    assert isinstance(now, Offer)
    assert (now.price, change.is_move) == (per_second.price, False)
    node = offer(
        gpu_count=8, price={"amount": 28.8, "unit": "instance-hour", "low": 20.0, "high": 40.0}
    )
    now, change = taken_in(node, read_as(4.5, TODAY))
    assert isinstance(now, Offer)
    assert now.price is not None
    assert (now.price.amount, now.usd_per_gpu_hour) == (36.0, 4.5)
    assert now.price.low is None  # the range was of the former price
    assert (change.usd_before, change.usd_now) == (3.6, 4.5)


def test_a_tariff_keeps_what_the_other_catalog_does_not_say():
    known = Tariff.parse(
        {
            "provider": "shop",
            **{name: OFFER[name] for name in ("currency", "source", "as_of_kind", "grade")},
            "as_of": dt.date(2026, 11, 1),
            "id": "shop/model",
            "model": "model",
            "price": {
                "shape": "by-size",
                "usd_by_size": {"1024x1024": 4.0, "512x512": 2.0},
                "per_images": 100,
            },
            "stated_latency_s": 3.0,
            "limits_source": "a page",
        },
        "it",
    )
    price = {"shape": "by-size", "usd_by_size": {"1024x1024": 0.05}}
    read = known.model_copy(
        update={
            "price": type(known.price).model_validate(price),
            "as_of": TODAY,
            "source": "another",
        }
    )
    now, change = taken_in(known, read)
    assert isinstance(now, Tariff)
    # 4 USD a hundred images are 0.04 an image.
    assert (change.usd_before, change.usd_now) == (0.04, 0.05)
    assert now.to_dict()["price"] == {
        "shape": "by-size",
        "usd_by_size": {"1024x1024": 0.05, "512x512": 0.02},
        "per_images": 1,
    }
    assert now.observed[0].price == known.price
    assert now.stated_latency_s == 3.0


# Which row a price is of.


def test_a_price_without_a_number_of_gpus_is_of_the_one_row_it_can_be_of(tmp_path: Path):
    found = of_snapshot(
        tmp_path,
        seen("hyperstack", "h100-sxm", 9.9),  # known as 8 GPUs alone
        seen("lambda", "h100-sxm", 9.9),  # known as 1, 2, 4 and 8
        seen("aws", "h100-sxm", 9.9, min_gpus=4),  # known as 8
        seen("runpod", "h100-sxm", 9.9, kind="secure"),
        seen("lambda", "b300", 9.9),
    )
    assert {each.id for each in found.changes} == {
        "hyperstack/h100-sxm-8x",
        "runpod/h100-sxm-secure",
    }
    assert {row.id: row.source for row in found.new} == {
        "aws/h100-sxm-4x": "gpurentalprices.com (CC BY 4.0), https://acme.example/pricing"
    }
    assert found.reasons == {
        "it may be of several known rows": 1,
        "GPU 'b300' is not in the table of names": 1,
    }
    # A row of a provider that was read, but not it.
    assert "lambda/gh200-1x" in found.not_found
    assert "modal/h100-serverless" not in found.not_found


def test_an_instance_s_name_and_region_tell_rows_apart(tmp_path: Path):
    path = tmp_path / "aws.csv"
    path.write_text(
        "instance_name,location,price,gpu_count,gpu_name,gpu_memory,spot\n"
        "g6.xlarge,us-east-1,9.0,1,L4,24,False\n"
        "g6.2xlarge,us-east-1,10.0,1,L4,24,False\n"
        "g6.xlarge,eu-west-1,12.0,1,L4,24,False\n"
    )
    found = refresh_prices(["gpuhunt"], files=[path], as_of=AFTER, today=AFTER)
    assert {each.id: each.usd_now for each in found.changes} == {"aws/g6-xlarge": 9.0}
    assert {row.id for row in found.new} == {"aws/g6.2xlarge", "aws/g6.xlarge-eu-west-1"}


def test_a_row_no_longer_sold_does_not_come_back_and_another_way_of_charging_is_no_price(
    tmp_path: Path,
):
    found = litellm(tmp_path)(
        {
            "fal_ai/fal-ai/imagen4/preview": image("fal_ai", 0.05),
            "runwayml/gen4_image": image("runwayml", 0.05),
            "low/1024-x-1024/gpt-image-9": image("openai", 0.05, deprecation_date="2027-01-31"),
        }
    )
    assert not found.changes
    assert found.reasons == {
        "fal/imagen-4 is no longer sold": 1,
        "runway/gen4-image is priced in another way": 1,
    }
    row = found.new[0]
    assert (row.id, row.valid_until) == ("openai/gpt-image-9-low", dt.date(2027, 1, 31))
    # Its end is the service's; only a dated price of a folder of yours is a contract's.
    assert not row.as_of_kind.is_dated


def test_a_row_that_breaks_the_format_is_refused_alone(tmp_path: Path):
    long = f"{'m' * 120}"
    found = litellm(tmp_path)({f"new/{long}": image("new", 0.01), "new/model": image("new", 0.01)})
    assert [row.id for row in found.new] == ["new/model"]
    (reason,) = found.reasons
    assert reason.startswith(f"new/{long}: ")


# Round trips.


def shipped_as_snapshot() -> list[dict[str, Any]]:
    """Return the shipped offers that a gpurentalprices.com file can state, on a later day."""
    kinds = {"on-demand": None, "spot": "spot", "serverless": "serverless"}
    names = {"a100-sxm-80gb": "a100-sxm-80", "a100-pcie-80gb": "a100-pcie-80"}
    offers = []
    for row in load_catalog().offers:
        kind = kinds.get(row.kind, "")
        is_plain = row.status == "active" and row.price is not None and row.basis == "list"
        if kind == "" or not is_plain or row.gpu in {"a100-sxm-40gb", "a10g"}:
            continue
        tier = {"standard": "on-demand"}.get(row.tier, row.tier)
        offers.append(
            seen(
                row.provider,
                names.get(row.gpu, row.gpu.removesuffix("-sxm") if "200" in row.gpu else row.gpu),
                row.usd_per_gpu_hour,
                kind=kind or tier,
                min_gpus=row.gpu_count,
                vram_gb=None if row.gpu.startswith("h100") else 80,
            )
        )
    return offers


def test_the_shipped_prices_read_again_change_nothing_but_days(tmp_path: Path):
    offers = shipped_as_snapshot()
    assert len(offers) > 50
    found = of_snapshot(tmp_path, *offers)
    assert not found.new
    assert not found.moved
    assert len(found.changes) + len(found.refused) == len(offers)
    assert len(found.changes) > 0.8 * len(offers)
    before = load_catalog()
    found.write(tmp_path / "mine")
    after = load_catalog(tmp_path / "mine")
    assert len(after.offers) == len(before.offers)
    for change in found.changes:
        old, new = before.offer(change.id), after.offer(change.id)
        said = {"source", "as_of", "as_of_kind", "grade", "observed", "from_overlay"}
        assert new.model_dump(exclude=said) == old.model_dump(exclude=said)
        assert (new.as_of, new.price) == (AFTER, old.price)


def test_a_second_refresh_of_the_same_prices_writes_nothing(tmp_path: Path):
    out = tmp_path / "mine"
    offers = [seen("runpod", "h100-sxm", 9.9, kind="secure"), seen("new", "l4", 1.0)]
    entries = {"recraft/recraftv3": image("recraft", 0.08), "new/model": image("new", 0.01)}
    first = of_snapshot(tmp_path, *offers, out=out)
    assert len(first.write(out)) == 2
    assert len(litellm(tmp_path, out=out)(entries).write(out)) == 2
    again = of_snapshot(tmp_path, *offers, out=out)
    assert (again.changes, again.new, again.known_already, again.write(out)) == ((), (), 2, ())
    more = litellm(tmp_path, out=out)(entries)
    assert (more.changes, more.new, more.known_already, more.write(out)) == ((), (), 2, ())
    # A third, of another day, adds to the history that the first one began.
    day = AFTER + dt.timedelta(days=9)
    found = of_snapshot(tmp_path, seen("runpod", "h100-sxm", 9.0, day, kind="secure"), out=out)
    found.write(out)
    history = load_catalog(out).offer("runpod/h100-sxm-secure").history
    assert [(each[0], each[2]) for each in history[-2:]] == [(AFTER, 9.9), (day, 9.0)]
    assert load_catalog(out).offer("new/l4").usd_per_gpu_hour == 1.0


def test_a_file_that_somebody_edited_is_not_replaced(tmp_path: Path):
    out = tmp_path / "mine"
    of_snapshot(tmp_path, seen("new", "l4", 1.0), out=out).write(out)
    path = out / "gpus" / "new.yaml"
    written = path.read_text()
    for mine in (written.replace("amount: 1.0", "amount: 2.0"), "[]\n"):
        path.write_text(mine)
        found = of_snapshot(tmp_path, seen("new", "l4", 3.0, TODAY), seen("old", "l4", 1.0))
        with pytest.raises(InputError, match=r"new\.yaml was not written by prices refresh, or"):
            found.write(out)
        assert path.read_text() == mine
        assert not (out / "gpus" / "old.yaml").exists()
    path.rename(path.with_suffix(".yml"))
    with pytest.raises(InputError, match=r"new\.yml was not written by prices refresh, or"):
        found.write(out)


# Where prices come from.


def test_gpuhunt_s_prices_are_of_the_day_of_its_version(tmp_path: Path):
    found = from_gpuhunt(StandIn(oci() | ACME))
    assert found.reasons == {"no GPU": 1}
    assert found.read == {"gpuhunt": 3}
    found.write(tmp_path)
    prices = load_catalog(tmp_path)
    row = prices.offer("oci/bm.gpu.b200.8")
    assert (row.usd_per_gpu_hour, row.gpu_count, row.region) == (
        7.5,
        8,
        "us-ashburn-1, us-phoenix-1",
    )
    assert (row.as_of, row.as_of_kind, row.grade) == (dt.date(2026, 11, 20), "read", "B")
    assert row.source == "gpuhunt catalog, oci"
    assert prices.offer("oci/bm.gpu.b200.8-spot").is_interruptible
    # The prices of a provider whose feed gpuhunt does not read have no known age.
    assert prices.offer("acme/a10-box").as_of_kind == "package"


def test_a_provider_that_fails_is_told_of_and_leaves_the_others(caplog):
    found = from_gpuhunt(StandIn(oci(), failed=("aws",)))
    assert found.reasons == {"Failed to load aws catalog.": 1, "no GPU": 1}
    assert not caplog.records  # said once, in the result


def test_only_one_provider_and_an_unknown_one_is_named(tmp_path: Path):
    found = from_gpuhunt(StandIn(oci() | ACME), provider="acme")
    assert [row.id for row in found.new] == ["acme/a10-box"]
    assert set(found.files) == {"gpus/acme.yaml"}
    with pytest.raises(UnknownNameError, match="provider of gpuhunt 'azure' is not known"):
        from_gpuhunt(StandIn(oci()), provider="azure")
    with pytest.raises(UnknownNameError, match="origin 'skypilot' is not known"):
        refresh_prices(["skypilot"])


def answers(held: dict[str, str]) -> Callable[[str], bytes]:
    def fetch(url: str) -> bytes:
        if url not in held:
            raise MissingDataError(f"{url} could not be fetched (no route).")
        return held[url].encode()

    return fetch


def test_one_source_that_fails_is_said_and_the_others_go_on():
    held = {URLS["litellm"]: json.dumps({"new/model": image("new", 0.01)})}
    found = refresh_prices(
        today=TODAY, fetch=answers(held), gpuhunt=StandIn({}, error=OSError("x"))
    )
    assert set(found.failed) == {"gpuhunt", "gpurentalprices"}
    assert found.failed["gpuhunt"].startswith("gpuhunt could not fetch its catalogs (x)")
    assert found.read == {"litellm": 1}
    assert (found.new[0].id, found.new[0].as_of, found.new[0].as_of_kind) == (
        "new/model",
        TODAY,
        "collected",
    )
    held[URLS["gpurentalprices"]] = json.dumps({"offers": [seen("new", "l4", 1.0, TODAY)]})
    found = refresh_prices(["gpurentalprices"], today=TODAY, fetch=answers(held))
    assert (found.new[0].as_of, found.new[0].as_of_kind) == (TODAY, "stated")


def test_where_nothing_can_be_read_all_reasons_are_given():
    with pytest.raises(MissingDataError, match=r"fetch its catalogs .*latest\.json could not be"):
        refresh_prices(fetch=answers({}), gpuhunt=StandIn({}, error=ValueError("odd")))
    for text in ("<html>", '{"offers": 1}'):
        held = {URLS["gpurentalprices"]: text}
        with pytest.raises(MissingDataError, match=r"latest\.json: (not a whole|holds no list)"):
            refresh_prices(["gpurentalprices"], fetch=answers(held))


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/prices" else 404)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_is_fetched_or_one_sentence_says_why_not(site: str):
    assert fetched(f"{site}/prices") == b"{}"
    with pytest.raises(MissingDataError, match=r"/other could not be fetched \(HTTP Error 404"):
        fetched(f"{site}/other")


def test_files_need_one_origin_and_a_day_where_they_state_none(tmp_path: Path):
    path = tmp_path / "x.json"
    path.write_text("{}")
    for origins, said in (((), "no catalog"), (("gpuhunt", "litellm"), "gpuhunt and litellm")):
        with pytest.raises(InputError, match=f"files are given for {said}; expected the one"):
            refresh_prices(origins, files=[path])
    with pytest.raises(InputError, match="files of litellm do not say of which day they are"):
        refresh_prices(["litellm"], files=[path])
    with pytest.raises(InputError, match="files of gpurentalprices state their days"):
        refresh_prices(["gpurentalprices"], files=[path], as_of=TODAY)
    with pytest.raises(DocumentError, match="holds no list of offers"):
        refresh_prices(["gpurentalprices"], files=[path])
    with pytest.raises(MissingDataError, match=r"the files hold no price\."):
        refresh_prices(["litellm"], files=[path], as_of=TODAY)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys):
    found = builtins.__import__

    def absent(name: str, *arguments: Any, **fields: Any) -> Any:
        if name == "gpuhunt":
            raise ImportError(name)
        return found(name, *arguments, **fields)

    monkeypatch.setattr(builtins, "__import__", absent)
    message = refused(capsys, "prices", "refresh", "--from", "gpuhunt", code=1)
    assert message == "gpuhunt is not installed; pip install 'fluxcost[refresh]'."


# The command.


def test_the_command_shows_first_and_writes_where_asked(capsys, tmp_path: Path):
    path = snapshot(
        tmp_path / "latest.json",
        seen("runpod", "h100-sxm", 9.9, kind="secure"),
        seen("new", "l4", 1.0),
        seen("new", "v100", 1.0),
    )
    out = tmp_path / "mine"
    command = ["prices", "refresh", "--from", "gpurentalprices", path, "--out", out]
    text = shown(capsys, *command)
    assert "gpurentalprices: 2 rows read" in text
    assert "$9.90 on 2026-12-20" in text
    assert "new/l4" in text
    assert text.endswith(
        "Nothing was written; --write --out DIR writes these prices into a folder.\n"
    )
    assert not out.exists()
    document = shown_json(capsys, *command)
    assert document["changed"][0]["id"] == "runpod/h100-sxm-secure"
    assert document["changed"][0]["becomes"] == "price"
    assert (document["new"], document["written"]) == (["new/l4"], None)
    assert document["refused"] == {"GPU 'v100' is not in the table of names": 1}
    document = shown_json(capsys, *command, "--write")
    assert document["written"] == [str(out / "gpus" / name) for name in ("new.yaml", "runpod.yaml")]
    assert load_catalog(out).offer("runpod/h100-sxm-secure").usd_per_gpu_hour == 9.9
    text = shown(capsys, *command, "--write")
    assert text.endswith(f"0 files written in {out}; use them with --prices {out}\n")


def test_the_command_goes_on_without_a_source(monkeypatch: pytest.MonkeyPatch, capsys):
    held = {URLS["litellm"]: json.dumps({"new/model": image("new", 0.01)})}
    monkeypatch.setattr(price_refresh, "fetched", answers(held))
    monkeypatch.setattr(price_sources, "_gpuhunt", lambda: StandIn({}, error=OSError("x")))
    text = shown(capsys, "prices", "refresh")
    assert text.startswith("gpuhunt was not read: gpuhunt could not fetch its catalogs (x); try")
    assert "litellm: 1 rows read" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--write"], "--write is given without --out, the folder to write to; add --out."),
        (
            ["--as-of", "2026-08-18"],
            "--as-of is given without the FILES that it is the day of; add them.",
        ),
        (
            ["--gpu", "h100-sxm"],
            "--gpu is given with prices refresh, where that has no meaning; leave it out.",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(capsys, options: list[str], message: str):
    assert refused(capsys, "prices", "refresh", *options) == message


def test_an_import_reads_one_catalog(capsys, tmp_path: Path):
    given = ["--from", "gpuhunt", "--from", "litellm", "--as-of", "2026-08-18", "--out", tmp_path]
    message = refused(capsys, "prices", "import", "aws.csv", *given)
    assert message == "--from is gpuhunt and litellm; prices import reads one catalog at a time."
