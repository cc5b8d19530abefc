"""The quality suites: which pictures each generates and how it scores them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from fluxcost.errors import InputError, UnknownNameError
from fluxcost.performance.quality.quality_metrics import Metric
from fluxcost.performance.quality.quality_record import Prompt
from measure.quality.prompts import PromptSet


@dataclass(frozen=True)
class QualitySuite:
    """One suite.

    Attributes:
        metric: What its scores are.
        prompts: Shipped prompt set it draws.
        seeds: Pictures of each prompt and step count.
        steps: Step counts; None for the one the model was made for.
        judge: The option that names its judge.
        least_seeds: Fewest that its scores can be made of.
    """

    metric: Metric
    prompts: str
    seeds: int
    steps: tuple[int, ...] | None
    judge: str
    least_seeds: int = 1


SUITES = {
    "clip": QualitySuite(Metric.CLIP, "categories", 4, None, "--clip"),
    "lpips": QualitySuite(Metric.LPIPS, "diversity", 8, None, "--lpips", least_seeds=3),
    "steps": QualitySuite(Metric.CLIP_BY_STEPS, "categories", 1, (2, 4, 8, 12), "--clip"),
    "binding": QualitySuite(Metric.BINDING, "binding", 4, None, "--clip"),
}
"""`steps` draws the step counts that the published sweep did, each from the same seeds."""


@dataclass(frozen=True)
class SuitePicture:
    """One picture to draw."""

    prompt: Prompt
    seed: int
    width: int
    height: int
    steps: int

    @property
    def id(self) -> str:
        """Its name in the record."""
        size = f"{self.width}x{self.height}"
        return f"{self.prompt.id} {size} {self.steps} steps seed {self.seed}"

    @property
    def file(self) -> str:
        """Where it is kept, beside the record."""
        return f"pictures/{self.id.replace('/', '-').replace(' ', '-')}.png"


def quality_suite(name: str) -> QualitySuite:
    """Return a suite by name.

    Raises:
        UnknownNameError: No such suite.
    """
    if name not in SUITES:
        raise UnknownNameError("quality suite", name, SUITES)
    return SUITES[name]


def named_prompts(chosen: PromptSet, suite: QualitySuite) -> tuple[Prompt, ...]:
    """Return the prompts of a set, each with an id that no other set has.

    Raises:
        InputError: The suite compares with foils and a prompt has none.
    """
    if suite.metric is Metric.BINDING and not chosen.has_foils:
        raise InputError(
            f"prompt set {chosen.name}: a prompt has no foils; expected text and foils in each, "
            "as in the shipped set `binding`."
        )
    return tuple(
        each.model_copy(update={"id": f"{chosen.name}/{each.id}"}) for each in chosen.prompts()
    )


def suite_pictures(
    prompts: Sequence[Prompt], seeds: int, first_seed: int, size: tuple[int, int], steps: set[int]
) -> Iterator[SuitePicture]:
    """Yield every picture of a suite, step counts of one prompt and seed together."""
    for prompt, seed, count in product(prompts, range(seeds), sorted(steps)):
        yield SuitePicture(prompt, first_seed + seed, *size, count)
