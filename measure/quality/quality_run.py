"""Runs a quality suite: generates, stores and scores pictures, and writes the record.

Pictures come first and the judge after them, so that pipeline and judge never share the memory.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import torch
from PIL import Image
from rich.console import Console
from rich.progress import track

from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.quality.quality_metrics import Metric
from fluxcost.performance.quality.quality_record import (
    Prompt,
    Quality,
    Score,
    ScoredPicture,
    passes,
)
from measure.bench import Bench, open_bench, open_instruments
from measure.campaign_runner import device_of
from measure.environment import describe_environment, describe_gpu
from measure.pipelines.blueprint import Blueprint, load_blueprint
from measure.pipelines.families import call_arguments
from measure.quality.checkpoint import refuse_synthetic, revision_of
from measure.quality.clip import ClipJudge
from measure.quality.lpips import LpipsJudge
from measure.quality.prompts import load_prompts
from measure.quality.quality_journal import QualityHeader, QualityJournal, QualityRow
from measure.quality.quality_suites import (
    QualitySuite,
    SuitePicture,
    named_prompts,
    quality_suite,
    suite_pictures,
)
from measure.stacks import recipe
from measure.stacks.stack_recipe import StackRecipe


def generate_picture(bench: Bench, shot: SuitePicture, out: Path) -> ScoredPicture:
    """Draw a picture, keep it as PNG in the folder, and return its entry.

    Noise is drawn on the CPU, so that a seed means the same noise on every device.
    """
    image = bench.pipeline(
        prompt=shot.prompt.text,
        width=shot.width,
        height=shot.height,
        num_inference_steps=shot.steps,
        **call_arguments(bench.blueprint.document),
        generator=torch.Generator("cpu").manual_seed(shot.seed),
    ).images[0]
    path = out / shot.file
    path.parent.mkdir(exist_ok=True)
    image.save(path)
    return ScoredPicture(
        id=shot.id,
        prompt=shot.prompt.id,
        seed=shot.seed,
        width=shot.width,
        height=shot.height,
        steps=shot.steps,
        file=shot.file,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def read_picture(picture: ScoredPicture, out: Path) -> Image.Image:
    """Return a kept picture.

    Raises:
        DocumentError: Its file is gone, or no longer what was generated.
    """
    path = out / picture.file
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != picture.sha256:
        raise DocumentError(
            f"{path}: gone or changed since it was generated; expected SHA-256 {picture.sha256}: "
            "put it back, or score into another folder."
        )
    with Image.open(path) as image:
        return image.convert("RGB")


Judgment = Callable[[], Score]
"""Makes one score when called."""


def clip_judgments(
    metric: Metric,
    judge: ClipJudge,
    pictures: Sequence[ScoredPicture],
    prompts: Mapping[str, Prompt],
    out: Path,
) -> Iterator[tuple[tuple[str, ...], Judgment]]:
    """Yield each picture's id and how its score is made: a cosine, or whether foils are further."""

    def judgment(picture: ScoredPicture) -> Judgment:
        def make() -> Score:
            prompt = prompts[picture.prompt]
            foils = prompt.foils if metric is Metric.BINDING else ()
            cosines = judge.cosines(read_picture(picture, out), (prompt.text, *foils))
            if foils:
                value = passes(cosines)
                return Score(metric=metric, pictures=(picture.id,), value=value, cosines=cosines)
            return Score(metric=metric, pictures=(picture.id,), value=cosines[0])

        return make

    for picture in pictures:
        yield (picture.id,), judgment(picture)


def lpips_judgments(
    judge: LpipsJudge, pictures: Sequence[ScoredPicture], out: Path
) -> Iterator[tuple[tuple[str, ...], Judgment]]:
    """Yield each pair of pictures of one prompt and how its distance is made."""
    images: dict[str, Image.Image] = {}

    def judgment(pair: tuple[ScoredPicture, ScoredPicture]) -> Judgment:
        def make() -> Score:
            for each in pair:
                if each.id not in images:
                    images[each.id] = read_picture(each, out)
            first, second = (images[each.id] for each in pair)
            value = judge.distance(first, second)
            return Score(metric=Metric.LPIPS, pictures=(pair[0].id, pair[1].id), value=value)

        return make

    for first, second in combinations(pictures, 2):
        if (first.prompt, first.steps) == (second.prompt, second.steps):
            yield (first.id, second.id), judgment((first, second))


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


def run_quality(request: QualityRequest, console: Console) -> Quality:
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
    wanted = _suite_pictures(request, suite, blueprint, prompts)
    device = device_of(request.device)
    chosen = recipe(request.stack, device, blueprint.document.family)
    journal = QualityJournal.open(request.out, _header(request, blueprint, chosen, weights, device))
    try:
        for prompt in prompts:
            journal.admit_prompt(prompt)
        _generate_pictures(wanted, request, weights, (blueprint, chosen, device), journal, console)
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


def _suite_pictures(
    request: QualityRequest, suite: QualitySuite, blueprint: Blueprint, prompts: Sequence[Prompt]
) -> tuple[SuitePicture, ...]:
    designed = blueprint.architecture.pipeline.designed_steps
    steps = request.steps or suite.steps or ((designed,) if designed else ())
    if not steps:
        raise InputError(
            f"{blueprint.document.name}: its file states no designed_steps; give --steps."
        )
    seeds = suite.seeds if request.seeds is None else request.seeds
    if seeds < suite.least_seeds:
        raise InputError(f"--seeds is {seeds}; suite {request.suite} needs {suite.least_seeds}.")
    return tuple(suite_pictures(prompts, seeds, request.seed, request.size, set(steps)))


def _header(
    request: QualityRequest,
    blueprint: Blueprint,
    chosen: StackRecipe,
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


def _generate_pictures(
    wanted: Sequence[SuitePicture],
    request: QualityRequest,
    weights: str,
    where: tuple[Blueprint, StackRecipe, torch.device],
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
        journal.append(QualityRow(picture=generate_picture(bench, shot, request.out)))
    bench.release()
    del bench
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _score(
    metric: Metric,
    judge_name: str,
    pictures: Sequence[ScoredPicture],
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
