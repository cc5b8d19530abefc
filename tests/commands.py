"""Running commands in this process, on files that a test may spoil."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fluxcost.cli.app import run
from fluxcost.json_answers import SOURCES
from tests.synthetic import make_calibration

OFFER = {
    "id": "shop/h200",
    "sku": "one H200",
    "gpu": "h200-sxm",
    "gpu_count": 1,
    "kind": "on-demand",
    "price": {"amount": 3.6, "unit": "gpu-hour"},
    "billing": {"granularity_s": 1.0},
    "currency": "USD",
    "source": "a test",
    "as_of": "2026-11-01",
    "as_of_kind": "stated",
    "grade": "A",
}
WORKLOAD = {
    "format": "fluxcost-workload",
    "version": 1,
    "name": "made",
    "model": "flux2-klein-4b",
    "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
    "deadline": {"images": 100_000, "hours": 8},
    "utilization": 0.9,
    "startup_minutes": 10,
    "constraints": {"allow_providers": ["shop"]},
}


class Files:
    """A calibration, a price folder and a workload on disk, each of which a test may spoil."""

    def __init__(self, folder: Path) -> None:
        self.calibration = folder / "calibration.json"
        self.prices = folder / "prices"
        self.workload = folder / "workload.yaml"
        make_calibration(gpu="h200-sxm").save(self.calibration)
        (self.prices / "gpus").mkdir(parents=True)
        self.write_offer(OFFER)
        self.write_workload(WORKLOAD)

    def write_offer(self, row: dict[str, Any]) -> None:
        lines = [f"    {key}: {json.dumps(value)}" for key, value in row.items() if key != "as_of"]
        lines += [f"    as_of: {row['as_of']}"] if "as_of" in row else []
        text = "provider: shop\nname: Shop\noffers:\n  -\n" + "\n".join(lines) + "\n"
        (self.prices / "gpus" / "shop.yaml").write_text(text)

    def write_workload(self, document: dict[str, Any]) -> None:
        self.workload.write_text(yaml.safe_dump(document))

    def edit_calibration(self, **fields: Any) -> None:
        document = json.loads(self.calibration.read_text())
        self.calibration.write_text(json.dumps(document | fields))


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    return captured.out


def shown_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """Return what a command answers, after its format and version are checked and taken off."""
    answer = json.loads(shown(capsys, *arguments, "--json"))
    assert list(answer)[:2] == ["format", "version"]
    kind = answer.pop("format").removeprefix("fluxcost-")
    _, command, *details = {str(each): source for each, source in SOURCES.items()}[kind].split()
    assert answer.pop("version") == 1
    assert command == arguments[0]
    assert not details or set(details) & set(map(str, arguments))
    return answer


def refused(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 2) -> str:
    assert run([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("fluxcost: ")
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("fluxcost: ").removesuffix("\n")
