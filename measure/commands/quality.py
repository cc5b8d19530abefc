"""`python -m measure quality`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from fluxcost.errors import InputError
from measure.commands import shared
from measure.commands.shared import OUT


def quality(
    *,
    suite: Annotated[str, typer.Option(help="clip, lpips, steps or binding.")],
    out: Annotated[Path, typer.Option(help="Folder to write images, journal and record to.")],
    weights: Annotated[
        str | None, typer.Option(help="Trained checkpoint: folder or hub name.")
    ] = None,
    clip: Annotated[
        str | None,
        typer.Option(help="CLIP model for suites clip, steps and binding: folder or hub name."),
    ] = None,
    lpips: Annotated[
        str | None, typer.Option(help="Folder of the LPIPS network, for suite lpips.")
    ] = None,
    model: shared.Model = shared.MODEL,
    stack: shared.Stack = shared.STACK,
    device: shared.Device = "cuda",
    seed: Annotated[int, typer.Option(help="Seed of the first image of each prompt.")] = 0,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the images, pixels.")] = "1024x1024",
    seeds: Annotated[
        int | None, typer.Option(help="Images of each prompt; default: the suite's.")
    ] = None,
    steps: Annotated[
        str | None, typer.Option(help="Step counts, such as 2,4,8; default: the suite's.")
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(help="Prompt set or your own YAML file; default: the suite's.")
    ] = None,
) -> None:
    """Make images with a checkpoint and score them; the same command resumes after a kill."""
    from fluxcost.performance.quality.quality_figures import figures
    from measure.quality.quality_run import QualityRequest, run_quality

    _refuse_another_judge(suite, {"--clip": clip, "--lpips": lpips})
    record = run_quality(
        QualityRequest(
            suite=suite,
            out=out,
            model=model,
            stack=stack,
            weights=weights,
            clip=clip,
            lpips=lpips,
            device=device,
            seed=seed,
            size=_size(size),
            seeds=seeds,
            steps=_counts(steps),
            prompts=prompts,
        ),
        OUT,
    )
    table = Table("metric", "prompts", "steps", "pictures", "value", "90 % interval")
    for each in figures(record):
        value = each.value
        interval = f"{value.low:.3f}-{value.high:.3f}"
        counts = (str(each.steps), str(each.pictures))
        table.add_row(each.metric, each.category, *counts, f"{value.value:.3f}", interval)
    OUT.print(table)


def _refuse_another_judge(suite: str, judges: dict[str, str | None]) -> None:
    from measure.quality.quality_suites import quality_suite

    wanted = quality_suite(suite).judge
    for option, judge in judges.items():
        if option != wanted and judge is not None:
            raise InputError(
                f"{option} is given and suite {suite} is judged by {wanted}; leave it out."
            )


def _size(text: str) -> tuple[int, int]:
    from fluxcost.workload.shape import Shape

    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise InputError(f"--size is {text!r}; expected WIDTHxHEIGHT, such as 1024x1024.")
    shape = Shape(int(sides[0]), int(sides[1]), steps=1)
    return shape.width, shape.height


def _counts(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"--steps is {text!r}; expected counts from 1, such as 2,4,8.")
    return tuple(int(part) for part in parts)
