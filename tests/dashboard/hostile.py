"""Files nobody should send: each must come back as one sentence, with the app still up."""

import json
from dataclasses import dataclass

from tests.commands import WORKLOAD
from tests.synthetic import make_calibration

BOMB = "\n".join(
    ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
)
ROW = """\
provider: mine
name: My own
offers:
  - id: mine/h100
    sku: "one"
    gpu: h100-sxm
    gpu_count: 1
    kind: on-demand
    price: {amount: 1.25, unit: gpu-hour}
    currency: USD
    source: my contract
    as_of: 2026-11-01
    as_of_kind: stated
    grade: A
"""


@dataclass(frozen=True)
class Hostile:
    """A file, the page and uploader it goes to, and part of the sentence it must come back as."""

    name: str
    page: str
    kind: str
    file: str
    data: bytes
    said: str


def _calibration(**fields: object) -> bytes:
    document = make_calibration(calls=2, grid=((512, 512, 4, 1),)).model_dump(mode="json")
    text = json.dumps(document | {"content_hash": "0" * 64} | fields)
    return text.encode()


def _workload(**fields: object) -> bytes:
    given = {key: value for key, value in (WORKLOAD | fields).items() if value is not None}
    return json.dumps(given).encode()


FILES = (
    Hostile(
        "a YAML bomb of scores", "compare", "qualities", "bomb.yaml", BOMB.encode(), "has an alias"
    ),
    Hostile(
        "a quality record edited after it was measured",
        "compare",
        "qualities",
        "edited.json",
        b'{"format": "fluxcost-quality", "version": 1, "source": "measured"}',
        "model and judges are missing",
    ),
    Hostile("a YAML bomb", "prices", "prices", "bomb.yaml", BOMB.encode(), "has an alias"),
    Hostile(
        "code in a tag",
        "prices",
        "prices",
        "run.yaml",
        b"!!python/object/apply:os.system ['touch /tmp/fluxcost-was-here']\n",
        "could not determine a constructor",
    ),
    Hostile(
        "a script in a name",
        "prices",
        "prices",
        "<script>alert(1)</script>.yaml",
        ROW.replace("my contract", "''").encode(),
        "script>.yaml, row 1 (mine/h100): source is ''; expected",
    ),
    Hostile(
        "a path in a name",
        "calibration",
        "calibrations",
        "../../../../etc/passwd.json",
        b"root:x:0:0",
        "the file passwd.json: not a whole JSON file",
    ),
    Hostile(
        "a path in a workload",
        "what_if",
        "workload",
        "w.yaml",
        _workload(
            shapes=None,
            deadline=None,
            utilization=None,
            startup_minutes=None,
            arrivals={"process": "trace", "trace": "/etc/passwd"},
        ),
        "arrivals.trace is '/etc/passwd', a file beside the workload",
    ),
    Hostile(
        "NaN",
        "calibration",
        "calibrations",
        "nan.json",
        b'{"format": "fluxcost-calibration", "version": NaN}',
        "NaN is not a number JSON allows",
    ),
    Hostile(
        "a NaN price",
        "prices",
        "prices",
        "nan.yaml",
        ROW.replace("1.25", ".nan").encode(),
        "price.amount is nan; expected",
    ),
    Hostile(
        "wrong types",
        "calibration",
        "calibrations",
        "types.json",
        _calibration(cells="many", gpu=7),
        "the file types.json: gpu is 7; expected",
    ),
    Hostile(
        "an edited record",
        "calibration",
        "calibrations",
        "edited.json",
        _calibration(),
        "the file was edited or damaged",
    ),
    Hostile(
        "nesting without end",
        "calibration",
        "calibrations",
        "deep.json",
        b"[" * 200_000,
        "not a whole JSON file",
    ),
    Hostile(
        "bytes that are no text",
        "what_if",
        "workload",
        "image.yaml",
        b"\x89PNG\r\n\x1a\n\xff\xfe",
        "not UTF-8 text",
    ),
    Hostile("nothing", "what_if", "workload", "empty.yaml", b"", "not a workload"),
    Hostile(
        "a newer format",
        "what_if",
        "workload",
        "newer.yaml",
        _workload(version=99),
        "version is 99; expected at most",
    ),
)
