"""Runs a quality suite: from a request on the command line to a finished record.

Pictures come first and the judge after them, so that pipeline and judge never share the memory.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from fluxcost.errors import InputError
from fluxcost.performance.quality.metrics import Metric
from fluxcost.performance.quality.record import Picture, Prompt, Quality, Score
from measure.bench import open_bench, open_instruments
from measure.blueprint import Blueprint, load_blueprint
from measure.environment import describe_environment, describe_gpu
from measure.quality.checkpoint import refuse_synthetic, revision_of
from measure.quality.clip import ClipJudge
from measure.quality.drawing import draw
from measure.quality.journal import QualityHeader, QualityJournal, QualityRow
from measure.quality.lpips import LpipsJudge
from measure.quality.prompts import load_prompts
from measure.quality.scoring import clip_judgments, lpips_judgments
from measure.quality.suites import QualitySuite, Shot, named_prompts, quality_suite, shots
from measure.runner import device_of
from measure.stacks import Recipe, recipe


@dataclass(frozen=True)
class QualityRequest:
    """What the command line asked for; None leaves a choice to the suite or the model."""

    suite: str
    out: Path
    model: str
    stack: str
    weights: str | None
    clip: str | None
    lpips: str | None
    device: str
    seed: int
    size: tuple[int, int]
    seeds: int | None
    steps: tuple[int, ...] | None
    prompts: str | None


def execute(request: QualityRequest, console: Console) -> Quality:
    """Draw and score what the journal lacks, then write and return the record.

    Raises:
        InputError: No trained checkpoint or judge, or a folder that holds another model's pictures.
        DocumentError: A checkpoint or judge cannot be loaded.
    """
    suite = quality_suite(request.suite)
    weights = refuse_synthetic(request.weights)
    judge_name = _judge_name(suite, request)
    blueprint = load_blueprint(request.model)
    prompts = named_prompts(load_prompts(request.prompts or suite.prompts), suite)
    wanted = _shots(request, suite, blueprint, prompts)
    device = device_of(request.device)
    chosen = recipe(request.stack, device, blueprint.document.family)
    journal = QualityJournal.open(request.out, _header(request, blueprint, chosen, weights, device))
    try:
        for prompt in prompts:
            journal.admit_prompt(prompt)
        _draw(wanted, request, weights, (blueprint, chosen, device), journal, console)
        pictures = [journal.pictures[shot.id] for shot in wanted]
        _score(suite.metric, judge_name, pictures, (request.out, device), journal, console)
        return _write(journal, request.out, console)
    finally:
        journal.close()


def _judge_name(suite: QualitySuite, request: QualityRequest) -> str:
    name = request.clip if suite.judge == "--clip" else request.lpips
    if name is None:
        raise InputError(f"suite {request.suite} needs a judge; give {suite.judge} FOLDER.")
    return name


def _shots(
    request: QualityRequest, suite: QualitySuite, blueprint: Blueprint, prompts: Sequence[Prompt]
) -> tuple[Shot, ...]:
    designed = blueprint.architecture.pipeline.designed_steps
    steps = request.steps or suite.steps or ((designed,) if designed else ())
    if not steps:
        raise InputError(
            f"{blueprint.document.name}: its file states no designed_steps; give --steps."
        )
    seeds = suite.seeds if request.seeds is None else request.seeds
    if seeds < suite.least_seeds:
        raise InputError(f"--seeds is {seeds}; suite {request.suite} needs {suite.least_seeds}.")
    return tuple(shots(prompts, seeds, request.seed, request.size, set(steps)))


def _header(
    request: QualityRequest,
    blueprint: Blueprint,
    chosen: Recipe,
    weights: str,
    device: torch.device,
) -> QualityHeader:
    environment = describe_environment(device, open_instruments(device), weights)
    return QualityHeader(
        model=blueprint.document.name,
        weights=Path(weights).name if Path(weights).is_dir() else weights,
        revision=revision_of(weights),
        stack=chosen.stack.alias,
        stack_hash=chosen.stack.hash,
        device=describe_gpu(device).name,
        packages=environment.packages,
        started_at=datetime.now(UTC),
        width=request.size[0],
        height=request.size[1],
        seed=request.seed,
    )


def _draw(
    wanted: Sequence[Shot],
    request: QualityRequest,
    weights: str,
    where: tuple[Blueprint, Recipe, torch.device],
    journal: QualityJournal,
    console: Console,
) -> None:
    missing = [shot for shot in wanted if shot.id not in journal.pictures]
    if not missing:
        return
    blueprint, chosen, device = where
    bench = open_bench(
        blueprint, chosen, device, open_instruments(device), weights, seed=request.seed
    )
    for shot in track(missing, "drawing", console=console):
        journal.append(QualityRow(picture=draw(bench, shot, request.out)))
    bench.release()
    del bench
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _score(
    metric: Metric,
    judge_name: str,
    pictures: Sequence[Picture],
    where: tuple[Path, torch.device],
    journal: QualityJournal,
    console: Console,
) -> None:
    out, device = where
    judgments: Iterator[tuple[tuple[str, ...], Callable[[], Score]]]
    if metric is Metric.LPIPS:
        lpips = LpipsJudge(judge_name, device)
        journal.admit_judge(metric, lpips.identity)
        judgments = lpips_judgments(lpips, pictures, out)
    else:
        clip = ClipJudge(judge_name, device)
        journal.admit_judge(metric, clip.identity)
        judgments = clip_judgments(metric, clip, pictures, journal.prompts, out)
    done = journal.scored
    missing = [make for ids, make in judgments if (metric, ids) not in done]
    for make in track(missing, "scoring", console=console):
        journal.append(QualityRow(score=make()))


def _write(journal: QualityJournal, out: Path, console: Console) -> Quality:
    record = journal.quality()
    path = out / f"quality-{record.content_hash[:12]}.json"
    if path.exists():
        console.print(f"nothing new; the record is in {path}")
        return record
    record.save(path)
    console.print(f"{len(record.scores)} scores of {len(record.pictures)} pictures in {path}")
    return record
