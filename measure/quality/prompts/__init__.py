"""Prompt sets: original text, one YAML file a set; see categories.yaml and binding.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fluxcost.documents import YAML_SUFFIXES, read_yaml
from fluxcost.errors import InputError, UnknownNameError
from fluxcost.performance.quality.quality_record import Prompt
from fluxcost.records import FirstVersion, Name, Record

_SHIPPED = Path(__file__).parent

Caption = Annotated[str, Field(min_length=1, max_length=300)]


class CaptionWithFoils(Record):
    """A caption, and captions that bind its words otherwise; a plain text is one without foils."""

    text: Caption
    foils: tuple[Caption, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _plain_text(cls, given: object) -> object:
        return {"text": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _foils_differ(self) -> Self:
        if len({self.text, *self.foils}) != 1 + len(self.foils):
            raise ValueError("foils that differ from the text and from each other")
        return self


class PromptSet(Record):
    """Prompts by category."""

    format: Literal["fluxcost-prompts"]
    version: FirstVersion
    name: Name
    description: Annotated[str, Field(min_length=1)]
    checks: dict[Name, Caption] = Field(
        default_factory=dict, description="How the foils of a category differ."
    )
    categories: dict[Name, tuple[CaptionWithFoils, ...]] = Field(min_length=1)

    @property
    def has_foils(self) -> bool:
        """Whether every prompt has foils to be compared with."""
        return all(each.foils for row in self.categories.values() for each in row)

    def prompts(self) -> tuple[Prompt, ...]:
        """Return every prompt, in order, with an id such as `counting-03`."""
        return tuple(
            Prompt(
                id=f"{category}-{number:02d}",
                category=category,
                text=each.text,
                foils=each.foils,
            )
            for category, row in self.categories.items()
            for number, each in enumerate(row, 1)
        )


def load_prompts(name_or_path: str) -> PromptSet:
    """Read a shipped prompt set by name, or one's own by path.

    Raises:
        UnknownNameError: Neither a shipped set nor a file.
        InputError: A field is missing or out of range, or a prompt occurs twice.
    """
    path = Path(name_or_path)
    if path.suffix not in YAML_SUFFIXES:
        shipped = {file.stem: file for file in _SHIPPED.glob("*.yaml")}
        if name_or_path not in shipped:
            raise UnknownNameError("prompt set", name_or_path, shipped)
        path = shipped[name_or_path]
    found = PromptSet.parse(read_yaml(path), str(path))
    texts = [each.text for each in found.prompts()]
    for text in texts:
        if texts.count(text) > 1:
            raise InputError(f"{path}: the prompt {text!r} occurs twice; expected each once.")
    return found
