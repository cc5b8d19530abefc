"""Every reader of fluxcost as something to be fed hostile bytes: seeds, how to read, how to use.

What is read is also used, as a user would: fitted, priced, turned into plain values.
"""

from __future__ import annotations

import csv
import functools
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import fluxcost as fc
from benchmarks.reliability.extremes import refuse_not_finite
from fluxcost.capacity.trace import read_trace
from fluxcost.performance.calibration.measuring_run import GpuIdentity
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.text import unprintable
from fluxcost.workload.shape import Shape
from measure.importers.import_tool import ImportOptions, Tool, read_timings
from measure.importers.imported_record import ImportedRun
from measure.journal import read_journal
from tests.dashboard.hostile import ROW
from tests.measure.importers.test_aiperf import PAYLOAD, request
from tests.measure.importers.test_sglang import FIGURES
from tests.synthetic import make_calibration

ROOT = Path(__file__).parents[2]
SQUARE = fc.Shape(1024, 1024, 4)
RAN = ImportedRun(
    GpuIdentity(key="h100-sxm", name="an H100", memory_gib=79.2), "flux2-klein-4b", "mine"
)
COUNTS = "width", "height", "steps"


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        name: For the report.
        seeds: Good documents, as trees.
        dump: A tree as the bytes of a file.
        load: Bytes back to a tree, whatever it raises where they are none.
        read: What is tried: bytes, and a folder to put them in.
        gates: Functions whose call means that a document got as far as being validated.
        measures: Modules whose branches are counted.
    """

    name: str
    seeds: tuple[Any, ...]
    dump: Callable[[Any], bytes]
    load: Callable[[bytes], Any]
    read: Callable[[bytes, Path], object]
    gates: tuple[str, ...]
    measures: tuple[str, ...]


# --- how trees are written and read


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def dump_yaml(tree: Any) -> bytes:  # noqa: ANN401 - any document
    """Return a tree as YAML."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, encoding="utf-8")


def load_yaml(data: bytes) -> Any:  # noqa: ANN401
    """Return YAML as a tree."""
    return yaml.load(data, Loader=yaml.CSafeLoader)


def dump_json(tree: Any) -> bytes:  # noqa: ANN401
    """Return a tree as JSON."""
    return json.dumps(tree).encode()


def dump_sealed(tree: Any) -> bytes:  # noqa: ANN401
    """Return a calibration with the hash of its content, where it has one."""
    try:
        body = {key: value for key, value in tree.items() if key != "content_hash"}
        tree = body | {"content_hash": Calibration.model_validate(body).content_hash}
    except (AttributeError, TypeError, ValueError):
        pass  # a tree that is no calibration keeps the hash it has
    return dump_json(tree)


def dump_lines(tree: Any) -> bytes:  # noqa: ANN401
    """Return a list as a line of JSON each."""
    rows = tree if isinstance(tree, list) else [tree]
    return b"".join(dump_json(each) + b"\n" for each in rows)


def load_lines(data: bytes) -> Any:  # noqa: ANN401
    """Return lines of JSON as a list."""
    return [json.loads(line) for line in data.split(b"\n") if line]


def dump_csv(tree: Any) -> bytes:  # noqa: ANN401
    """Return a list of rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in tree if isinstance(tree, list) else [tree]:
        cells = row if isinstance(row, list) else [row]
        try:
            writer.writerow([str(cell) for cell in cells])
        except ValueError:  # an integer of too many digits
            writer.writerow(["9" * 5000])
    return text.getvalue().encode("utf-8", "surrogatepass")


def load_csv(data: bytes) -> Any:  # noqa: ANN401
    """Return CSV as a list of rows."""
    return list(csv.reader(io.StringIO(data.decode())))


def dump_parquet(tree: Any) -> bytes:  # noqa: ANN401
    """Return a list of rows, the first one of names, as Parquet; as CSV where it cannot be."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        names, *rows = tree
        columns = [list(column) for column in zip(*rows, strict=True)]
        table = pa.table(columns, names=[str(name) for name in names])
        sink = io.BytesIO()
        pq.write_table(table, sink)
        return sink.getvalue()
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return dump_csv(tree)


def load_parquet(data: bytes) -> Any:  # noqa: ANN401
    """Return Parquet as a list of rows, the first one of names."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    return [table.column_names, *(list(row.values()) for row in table.to_pylist())]


# --- what is done with a document


def _put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _calibration(data: bytes, _: Path) -> None:
    use_calibration(fc.parse_calibration(data, "the file"))


def use_calibration(calibration: Calibration) -> None:
    """Ask a calibration what a user asks."""
    refuse_not_finite(calibration.to_dict())
    fit = fc.fit(calibration)
    cell = calibration.ok_cells[0] if calibration.ok_cells else calibration.cells[0]
    for asked in (fit.latency, fit.occupancy, fit.throughput, fit.memory, fit.energy):
        for shape, batch in ((cell.shape, cell.batch), (SQUARE, 2)):
            _estimate(functools.partial(asked, shape, batch=batch))


def _estimate(ask: Callable[[], fc.Estimate]) -> None:
    try:
        refuse_not_finite(ask().to_dict())
    except fc.FluxcostError as error:
        refuse_spoiled(str(error))


def refuse_spoiled(message: str) -> None:
    """Raise ValueError where a refusal is no sentence that can be shown."""
    if unprintable(message) is not None or len(message) > 1500 or not message.strip():
        raise ValueError(f"a refusal that cannot be shown: {message[:300]!r}")
    message.encode()


def _prices(data: bytes, _: Path) -> None:
    catalog = fc.parse_prices(data, "the file")
    refuse_not_finite(fc.load_catalog().overlaid(catalog).to_dict() if len(data) % 50 == 0 else {})
    for offer in catalog.offers:
        refuse_not_finite(offer.to_dict())
        _estimate(offer.price_estimate)
        (*offer.caveats(), offer.is_plannable())
    for tariff in catalog.tariffs:
        refuse_not_finite(tariff.to_dict())
        _estimate(functools.partial(tariff.usd_per_image, SQUARE))
        (*tariff.caveats(), tariff.limits, tariff.is_plannable())


def _workload(data: bytes, _: Path) -> None:
    workload = fc.parse_workload(data, "the file")
    refuse_not_finite(workload.to_dict())
    refuse_not_finite([share for _, share in workload.mix])
    if workload.images < 1:
        raise ArithmeticError(f"{workload.images} images")


def _trace(name: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        trace = read_trace(_put(folder, name, data))
        refuse_not_finite(trace.times_s.tolist())
        refuse_not_finite(list(trace.shares))

    return read


def _import(tool: Tool, name: str, options: ImportOptions) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        if tool is Tool.AIPERF:
            _put(folder, "inputs.json", dump_json(ASKED))
        calibration = read_timings(tool, _put(folder, name, data), RAN, options)
        refuse_not_finite(calibration.to_dict())

    return read


def _inputs(data: bytes, folder: Path) -> None:
    _put(folder, "inputs.json", data)
    path = _put(folder, "profile_export.jsonl", dump_lines([request(n, 520.0) for n in range(3)]))
    read_timings(Tool.AIPERF, path, RAN, ImportOptions(steps=4))


def _journal(data: bytes, folder: Path) -> None:
    refuse_not_finite(read_journal(_put(folder, "journal.jsonl", data)).to_dict())


def _upload(data: bytes, _: Path) -> None:
    from dashboard import show, uploads

    try:
        name, kind, text = map(str, json.loads(data))
    except (TypeError, ValueError, RecursionError):
        name, kind, text = "x", "prices", data.decode("latin-1")
    file = uploads.made(name, text.encode("utf-8", "replace"))
    checks: dict[str, Callable[[bytes, str], object]] = {
        "calibrations": fc.parse_calibration,
        "workload": fc.parse_workload,
    }
    refuse_spoiled(show.plain(file.where))
    if "/" in file.name or len(file.name) > 80:
        raise ValueError(f"a name with a path: {file.name!r}")
    checks.get(kind, fc.parse_prices)(file.data, file.where)


# --- the good ones


def _good_calibration() -> dict[str, Any]:
    grid = ((512, 512, 4, 1), (1024, 1024, 4, 1), (1024, 1024, 8, 2))
    made = make_calibration(gpu="h100-sxm", calls=2, grid=grid)
    body: dict[str, Any] = made.model_dump(mode="json", exclude_defaults=True)
    return {"format": "fluxcost-calibration", "version": 1} | body


def _files(pattern: str) -> list[Any]:
    return [load_yaml(path.read_bytes()) for path in sorted(ROOT.glob(pattern))]


def _rows_of(document: dict[str, Any], key: str) -> dict[str, Any]:
    return document | {key: document[key][:3]}


def _price_files() -> tuple[Any, ...]:
    offers = [_rows_of(each, "offers") for each in _files("pricing/gpus/*.yaml")]
    tariffs = [_rows_of(each, "tariffs") for each in _files("pricing/apis/*.yaml")]
    return (load_yaml(ROW.encode()), *offers, *tariffs)


def _workloads() -> tuple[Any, ...]:
    traced = load_yaml((ROOT / "examples" / "newsroom.yaml").read_bytes())
    bursty = {"process": "gamma", "coefficient_of_variation": 2.0, "requests_per_s": 1.5}
    return (*_files("examples/*.yaml"), traced | {"arrivals": bursty, "images_per_month": None})


def _journal_rows() -> list[Any]:
    from benchmarks.reliability.journal_kills import HEADER, a_row

    rows = [a_row(number, 2).model_dump(mode="json", exclude_defaults=True) for number in range(3)]
    return [HEADER.model_dump(mode="json"), *rows]


TRACE = [
    ["timestamp", *COUNTS],
    *([str(0.5 * n), "1024", "1024", str(4 + n % 3)] for n in range(6)),
]
MOMENTS = [
    ["timestamp", *COUNTS],
    *([f"2026-11-01T00:00:{n:02d}Z", "512", "768", "4"] for n in range(4)),
]
NUMBERS = [["timestamp", *COUNTS], *([0.5 * n, 1024, 512, 4 + n % 3] for n in range(6))]
CALLS = [
    [*COUNTS, "batch", "latency_s"],
    *(["1024", "1024", "4", "1", str(0.5 + 0.01 * n)] for n in range(5)),
]
ASKED = {"data": [{"session_id": f"session_{n:06d}", "payloads": [PAYLOAD]} for n in range(3)]}
UPLOADS = (
    ["prices.yaml", "prices", ROW],
    ["w.yaml", "workload", (ROOT / "examples" / "newsroom.yaml").read_text("utf-8")],
    ["c.json", "calibrations", dump_sealed(_good_calibration()).decode()],
)
PARSE = ("fluxcost.records:Record.parse",)
MEASURED = tuple(
    str(path.relative_to(ROOT))
    for path in sorted((ROOT / "fluxcost" / "performance" / "measured").glob("*.py"))
)
TRACES = ("fluxcost/capacity/trace.py", "fluxcost/documents.py")
IMPORTERS = "measure/importers/"

READERS = {
    reader.name: reader
    for reader in (
        Reader(
            "calibration", (_good_calibration(),), dump_sealed, json.loads, _calibration, PARSE,
            ("fluxcost/performance/calibration/schema.py", *MEASURED,
             "fluxcost/documents.py", "fluxcost/records.py"),
        ),
        Reader(
            "prices", _price_files(), dump_yaml, load_yaml, _prices, PARSE,
            ("fluxcost/economics/catalog.py", "fluxcost/economics/offers.py",
             "fluxcost/economics/price_row.py", "fluxcost/economics/terms.py",
             "fluxcost/economics/tariffs.py", "fluxcost/documents.py"),
        ),
        Reader(
            "workload", _workloads(), dump_yaml, load_yaml, _workload, PARSE,
            ("fluxcost/workload/workload.py", "fluxcost/documents.py"),
        ),
        Reader(
            "trace CSV", (TRACE, MOMENTS), dump_csv, load_csv, _trace("t.csv"),
            ("fluxcost.capacity.trace:_seconds",), TRACES,
        ),
        Reader(
            "trace Parquet", (NUMBERS,), dump_parquet, load_parquet, _trace("t.parquet"),
            ("fluxcost.capacity.trace:_refuse_kind",),
            ("fluxcost/capacity/trace.py", "fluxcost/capacity/trace.py"),
        ),
        Reader(
            "import csv", (CALLS,), dump_csv, load_csv, _import(Tool.CSV, "c.csv", ImportOptions()),
            ("measure.importers.calls_csv:_row",),
            (f"{IMPORTERS}calls_csv.py", f"{IMPORTERS}record.py"),
        ),
        Reader(
            "import aiperf", ([request(n, 520.0) for n in range(3)],), dump_lines, load_lines,
            _import(Tool.AIPERF, "profile_export.jsonl", ImportOptions(steps=4)), PARSE,
            (f"{IMPORTERS}aiperf.py", f"{IMPORTERS}record.py"),
        ),
        Reader(
            "import aiperf inputs",
            (ASKED,),
            dump_json, json.loads, _inputs, PARSE, (f"{IMPORTERS}aiperf.py",),
        ),
        Reader(
            "import sglang", (FIGURES,), dump_json, json.loads,
            _import(Tool.SGLANG, "bench.json", ImportOptions(Shape(1024, 1024, 4))), PARSE,
            (f"{IMPORTERS}sglang.py",),
        ),
        Reader(
            "journal", (_journal_rows(),), dump_lines, load_lines, _journal, PARSE,
            ("measure/json_lines.py", "measure/journal.py"),
        ),
        Reader(
            "upload", UPLOADS, dump_json, json.loads, _upload, PARSE,
            ("dashboard/uploads.py",),
        ),
    )
}  # fmt: skip
