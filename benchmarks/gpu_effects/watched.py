"""A campaign whose every call is logged with its moment and its steps, warm-up and soak included.

    python -m benchmarks.gpu_effects.watched --suite SUITE.yaml --stack STACK --out DIR

The journal and the calibration are those of `python -m measure run`. `calls.jsonl` beside them has
a line for each call, in order, so that steps can be laid beside the GPU's log (gpu_log.py) and
followed through a minute of steady work.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from measure.bench import Bench, TimedCall, open_bench, open_instruments
from measure.campaign import Campaign, CampaignPlan
from measure.campaign_runner import device_of
from measure.environment import describe_gpu
from measure.journal import SYNTHETIC, Journal, JournalHeader
from measure.pipelines.blueprint import load_blueprint
from measure.stacks import recipe
from measure.suites import Point, load_suite

SEED = 0


@dataclass
class LoggedBench(Bench):
    """A bench that writes a line for every call."""

    log: Path = field(kw_only=True)

    def time_call(self, point: Point) -> TimedCall:
        """Time a call as the bench does, and append when it began and what it took, seconds."""
        began_s = time.time()
        sample = super().time_call(point)
        shape = point.shape
        line = {
            "unix_s": round(began_s, 4),
            "width": shape.width,
            "height": shape.height,
            "steps": shape.steps,
            "batch": point.batch,
            "wall_s": round(sample.wall_s, 6),
            "text_encode_s": round(sample.spans.text_encode_s, 6),
            "denoise_step_s": [round(each, 6) for each in sample.spans.denoise_step_s],
            "vae_decode_s": round(sample.spans.vae_decode_s, 6),
        }
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        return sample


def main() -> None:
    """Measure suites on one GPU; the same command goes on where a killed one was."""
    options = _options()
    started_s = time.monotonic()
    plan = CampaignPlan(tuple(load_suite(each) for each in options.suite), SEED)
    blueprint = load_blueprint(options.model)
    device = device_of(options.device)
    chosen = recipe(options.stack, device, blueprint.document.family)
    instruments = open_instruments(device)
    header = JournalHeader(
        gpu=describe_gpu(device),
        model=blueprint.document.name,
        architecture_hash=blueprint.hash,
        stack=chosen.stack,
        weights=SYNTHETIC,
        seed=SEED,
    )
    journal = Journal.open(options.out, header)
    plain = open_bench(blueprint, chosen, device, instruments, None, SEED)
    given: dict[str, Any] = {each.name: getattr(plain, each.name) for each in fields(plain)}
    bench = LoggedBench(**given, log=options.out / "calls.jsonl")
    try:
        for task in Campaign(plan, bench, journal).tasks():
            spent_s = time.monotonic() - started_s
            if spent_s > 60 * options.max_minutes:
                print(f"{options.max_minutes:g} minutes are over; left: {task.label} and on")
                break
            print(f"{spent_s:6.1f} s  {options.stack}  {task.label}", flush=True)
            task.execute()
        if journal.has_fitted_cells:
            journal.calibration().save(options.out / "calibration.json")
    finally:
        journal.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", nargs="+", required=True, help="Suite names or YAML files.")
    parser.add_argument("--stack", required=True, help="Name of the stack.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of journal and log.")
    parser.add_argument("--model", default="flux2-klein-4b", help="Name or architecture YAML.")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu.")
    parser.add_argument(
        "--max-minutes", type=float, default=60.0, help="No task begins after as many."
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
