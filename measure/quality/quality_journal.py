"""The journal of a quality run: pictures and scores, each once, and the record they make."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fluxcost.errors import InputError
from fluxcost.estimate import Source
from fluxcost.performance.quality.quality_metrics import Metric
from fluxcost.performance.quality.quality_record import (
    Judge,
    PictureOrigin,
    Prompt,
    Quality,
    Score,
    ScoredPicture,
)
from fluxcost.records import Count, FirstVersion, Name, Record
from measure.json_lines import JsonLinesFile, JsonLinesHeader


class QualityHeader(JsonLinesHeader):
    """What drew the pictures of a journal."""

    format: Literal["fluxcost-quality-journal"] = "fluxcost-quality-journal"
    version: FirstVersion = 1
    model: Name
    weights: Name
    revision: Name
    stack: Name
    stack_hash: Name
    device: Name
    packages: dict[str, str]
    started_at: datetime
    width: Count
    height: Count
    seed: int

    def comparable(self) -> dict[str, Any]:
        """Return what must agree, by the name a message calls it."""
        return {
            "model": self.model,
            "weights": self.revision,
            "stack": self.stack_hash,
            "size": f"{self.width}x{self.height}",
            "seed": self.seed,
        }


class JudgeOf(Record):
    """Which judge scores a metric."""

    metric: Metric
    judge: Judge


class QualityRow(Record):
    """One line after the header: exactly one of these."""

    prompt: Prompt | None = None
    judge: JudgeOf | None = None
    picture: ScoredPicture | None = None
    score: Score | None = None


class QualityJournal(JsonLinesFile[QualityHeader, QualityRow]):
    """The header and rows of a quality run, and the open, locked file they go to."""

    header_type = QualityHeader
    row_type = QualityRow

    @property
    def prompts(self) -> dict[str, Prompt]:
        """Prompts by id."""
        return {row.prompt.id: row.prompt for row in self.rows if row.prompt}

    @property
    def judges(self) -> dict[Metric, Judge]:
        """Judges by metric."""
        return {row.judge.metric: row.judge.judge for row in self.rows if row.judge}

    @property
    def pictures(self) -> dict[str, ScoredPicture]:
        """Pictures by id."""
        return {row.picture.id: row.picture for row in self.rows if row.picture}

    @property
    def scored(self) -> set[tuple[Metric, tuple[str, ...]]]:
        """What has a score: metric and ids of the pictures."""
        return {(row.score.metric, row.score.pictures) for row in self.rows if row.score}

    def admit_prompt(self, prompt: Prompt) -> None:
        """Write a prompt down once.

        Raises:
            InputError: The journal knows another prompt by its id.
        """
        known = self.prompts.get(prompt.id)
        if known is None:
            self.append(QualityRow(prompt=prompt))
        elif known != prompt:
            raise InputError(
                f"prompt {prompt.id} is {prompt.text!r} and was {known.text!r} when its pictures "
                "were generated; choose another folder for --out."
            )

    def admit_judge(self, metric: Metric, judge: Judge) -> None:
        """Write the judge of a metric down once.

        Raises:
            InputError: The journal holds scores of another judge.
        """
        known = self.judges.get(metric)
        if known is None:
            self.append(QualityRow(judge=JudgeOf(metric=metric, judge=judge)))
        elif known.revision != judge.revision:
            raise InputError(
                f"{metric} was judged by {known.name} ({known.revision}), not {judge.name} "
                f"({judge.revision}); scores of two judges cannot be compared: choose another "
                "folder for --out."
            )

    def quality(self) -> Quality:
        """Join the rows into a record.

        Raises:
            InputError: There is no score yet.
        """
        head = self.header
        return Quality.parse(
            {
                "model": head.model,
                "source": Source.MEASURED,
                "judges": self.judges,
                "maker": PictureOrigin(
                    weights=head.weights,
                    revision=head.revision,
                    stack=head.stack,
                    device=head.device,
                    packages=head.packages,
                    started_at=head.started_at,
                ),
                "prompts": tuple(self.prompts.values()),
                "pictures": tuple(self.pictures.values()),
                "scores": tuple(row.score for row in self.rows if row.score),
            },
            "the journal",
        )
