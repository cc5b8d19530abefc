"""The quality record: pictures, prompts, seeds and scores of one model, or figures of a table.

Format `fluxcost-quality`, version 1. `python -m measure quality` writes measured records as JSON
with every raw score and a content hash; a published table, or figures of your own, is YAML with
`reported` rows and a `reference` that says whose they are:

    format: fluxcost-quality
    version: 1
    model: flux2-klein-4b
    source: assumed                  # published for a table in print, assumed for your own
    reference: our art director, 200 pictures of our catalog, 2026-11-20
    judges: {accepted: {name: our art director, revision: 2026-11-20}}
    reported:
      - {metric: accepted, steps: 4, value: 0.82, half_width: 0.05}
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from fluxcost.documents import (
    decoded,
    parse_json,
    parse_yaml,
    read_json,
    read_yaml,
    refuse_other_version,
    write_atomically,
)
from fluxcost.errors import DocumentError, InputError
from fluxcost.estimate import Source
from fluxcost.performance.quality.quality_metrics import MEANINGS, Metric
from fluxcost.records import Count, Finite, Name, NonNegative, Record

FORMAT: Literal["fluxcost-quality"] = "fluxcost-quality"
VERSION = 1

Text = Annotated[str, Field(min_length=1, max_length=1000)]


class Judge(Record):
    """What decided a score; scores of two judges cannot be compared."""

    name: Name = Field(description="Hub name, folder name, or who it was.")
    revision: Name = Field(description="Commit of the hub, or SHA-256 of the weight files.")


class Prompt(Record):
    """What was asked for, and the captions its pictures must not be closer to."""

    id: Name
    category: Name
    text: Text
    foils: tuple[Text, ...] = Field(default=(), description="Same words, other binding.")


class ScoredPicture(Record):
    """One picture as made."""

    id: Name
    prompt: Name = Field(description="Id of its prompt.")
    seed: int
    width: Count
    height: Count
    steps: Count
    file: Name = Field(description="Beside the record.")
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Score(Record):
    """One score: of a picture, or of a pair for a distance."""

    metric: Metric
    pictures: tuple[Name, ...] = Field(min_length=1, max_length=2)
    value: Finite
    cosines: tuple[Finite, ...] = Field(
        default=(), description="Of the caption, then of each foil, where there are foils."
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if len(self.pictures) != (2 if self.metric is Metric.LPIPS else 1):
            raise ValueError("two pictures in a distance and one in every other score")
        if self.metric is Metric.BINDING and self.value != passes(self.cosines):
            raise ValueError("1 where the caption's cosine is above every foil's, else 0")
        return self


def passes(cosines: tuple[float, ...]) -> float:
    """Return 1 where the first cosine, the caption's, is above all others; else 0."""
    return float(len(cosines) > 1 and cosines[0] > max(cosines[1:]))


class Reported(Record):
    """One figure of a table in print, or one of your own."""

    metric: Metric
    category: Name | None = Field(default=None, description="None for all categories.")
    steps: Count | None = Field(default=None, description="None where the table does not say.")
    value: Finite
    half_width: NonNegative = Field(description="Rounding of print, or your own uncertainty.")

    @model_validator(mode="after")
    def _is_a_share(self) -> Self:
        if MEANINGS[self.metric].is_share and not 0 <= self.value <= 1:
            raise ValueError(f"a share from 0 to 1 for {self.metric}")
        return self


class PictureOrigin(Record):
    """What made the pictures."""

    weights: Name = Field(description="Checkpoint's hub name or folder name.")
    revision: Name = Field(description="Commit of the hub, or SHA-256 of the weight files.")
    stack: Name
    device: Name
    packages: dict[str, str]
    started_at: datetime


class Quality(Record):
    """How good one model's pictures are."""

    format: Literal["fluxcost-quality"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION, strict=True)] = VERSION
    model: Name
    source: Literal[Source.MEASURED, Source.PUBLISHED, Source.ASSUMED]
    reference: Text | None = Field(default=None, description="Whose figures these are.")
    judges: dict[Metric, Judge]
    maker: PictureOrigin | None = None
    prompts: tuple[Prompt, ...] = ()
    pictures: tuple[ScoredPicture, ...] = ()
    scores: tuple[Score, ...] = ()
    reported: tuple[Reported, ...] = ()

    @model_validator(mode="after")
    def _carries_what_it_says(self) -> Self:
        measured = self.source is Source.MEASURED
        if measured != bool(self.scores and self.maker) or measured == bool(self.reported):
            raise ValueError("scores and a maker in a measured record, reported rows in any other")
        if not measured and not self.reference:
            raise ValueError("a reference that says whose figures these are")
        return self

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        prompts = {each.id for each in self.prompts}
        pictures = {each.id for each in self.pictures}
        if {each.prompt for each in self.pictures} - prompts:
            raise ValueError("the prompt of every picture among the prompts")
        if {name for score in self.scores for name in score.pictures} - pictures:
            raise ValueError("the pictures of every score among the pictures")
        if set(self.metrics) - set(self.judges):
            raise ValueError("a judge for every metric that has a score")
        return self

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Metrics it holds figures of, in the order of `Metric`."""
        held = {row.metric for row in self.scores} | {row.metric for row in self.reported}
        return tuple(metric for metric in Metric if metric in held)

    def judged_steps(self, metric: str) -> tuple[int, ...]:
        """Return the step counts at which it holds figures of a metric, rising."""
        steps = {each.id: each.steps for each in self.pictures}
        scored = {steps[score.pictures[0]] for score in self.scores if str(score.metric) == metric}
        printed = {row.steps for row in self.reported if str(row.metric) == metric}
        return tuple(sorted(each for each in scored | printed if each is not None))

    @property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON of everything in the record, 64 hex digits."""
        return _hash(self._body())

    def _body(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_defaults=True)

    def save(self, path: Path) -> None:
        """Write the record and its hash to a new JSON file, whole or not at all.

        Raises:
            InputError: The file exists; records are never overwritten.
            DocumentError: The folder cannot be written.
        """
        if path.exists():
            raise InputError(f"{path} exists; choose another name or remove it first.")
        body = self._body()
        head = {"format": FORMAT, "version": VERSION, "content_hash": _hash(body)}
        write_atomically(path, json.dumps(head | body, indent=1) + "\n")


def read_quality(path: Path) -> Quality:
    """Read and check one quality record, JSON as measured or YAML as typed in.

    Raises:
        DocumentError: Unreadable, of another format, or edited after it was measured.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or out of range.
    """
    is_json = path.suffix == ".json"
    return _checked(read_json(path) if is_json else read_yaml(path), str(path), is_json=is_json)


def parse_quality(data: bytes, where: str) -> Quality:
    """Check the bytes of one quality record, such as an upload's; nothing is opened by name.

    Args:
        data: The file's content, JSON as measured or YAML as typed in.
        where: What it is called, for the message.

    Raises:
        DocumentError: Unreadable, of another format, or edited after it was measured.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or out of range.
    """
    is_json = data.lstrip()[:1] == b"{"
    text = decoded(data, where)
    document = parse_json(text, where) if is_json else parse_yaml(text, where)
    return _checked(document, where, is_json=is_json)


def _checked(document: Any, where: str, *, is_json: bool) -> Quality:  # noqa: ANN401 - as read
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DocumentError(f"{where}: not a {FORMAT} file; its first line must be its format.")
    refuse_other_version(document, where, VERSION)
    stated = document.pop("content_hash", None)
    quality = Quality.parse(document, where)
    if not is_json and quality.source is Source.MEASURED:
        raise InputError(f"{where}: source is measured; expected the .json file measure wrote.")
    if is_json and stated != quality.content_hash:
        raise DocumentError(
            f"{where}: content_hash is {stated!r} but the content hashes to "
            f"{quality.content_hash!r}; the file was edited or damaged: fetch it again."
        )
    return quality


def _hash(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
