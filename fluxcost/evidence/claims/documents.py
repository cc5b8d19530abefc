"""Audit files: format `fluxcost-audit`, version 1.

A file holds an article's figures as facts, and for each claim the checks that recompute it. It
holds no verdict: what a claim comes to is worked out, so a changed figure changes the answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, model_validator

from fluxcost.documents import read_yaml, refuse_other_version
from fluxcost.errors import DocumentError
from fluxcost.evidence.claims.facts import Group, read_facts
from fluxcost.records import Count, Name, Record

FORMAT: Literal["fluxcost-audit"] = "fluxcost-audit"
VERSION = 1

Sentence = Annotated[str, Field(min_length=1, max_length=400)]


class Check(Record):
    """One way to recompute a claim."""

    compute: Annotated[str, Field(min_length=1)] = Field(
        description="An expression over the facts: a number, with `states`, or a comparison."
    )
    states: Name | None = Field(
        default=None,
        description="The claim's own figure, in quotes as printed; its last digit is rounded.",
    )
    about: StrictBool = Field(
        default=False,
        description="Whether the claim says 'roughly'; `states` is then as wide as the file says.",
    )
    when: Name | None = Field(
        default=None,
        description="The condition under which this is the right check, where the claim leaves "
        "it open.",
    )

    @model_validator(mode="after")
    def _about_a_figure(self) -> Self:
        if self.about and self.states is None:
            raise ValueError("`states` beside `about`")
        return self


class Claim(Record):
    """One statement with a number in it."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
    text: Sentence = Field(description="What is claimed, in the auditor's words.")
    checks: tuple[Check, ...] = ()
    not_checkable: Sentence | None = Field(
        default=None, description="Why there is no check; instead of `checks`."
    )
    unchecked: Sentence | None = Field(
        default=None, description="The part of the claim that the checks leave out."
    )

    @model_validator(mode="after")
    def _checked_or_not(self) -> Self:
        if bool(self.checks) == (self.not_checkable is not None):
            raise ValueError("either checks, or not_checkable with the reason")
        return self


class AuditFile(Record):
    """An article's figures and the checks of its claims."""

    format: Literal["fluxcost-audit"]
    version: Count
    source: Name = Field(description="The article.")
    gpu: Name = Field(description="Key of the GPU it measured; another GPU is another condition.")
    roughly: Annotated[float, Field(gt=0, lt=1, strict=True)] = Field(
        default=0.1, description="What 'roughly' and 'about' allow, as a share of the figure."
    )
    facts: dict[str, Any] = Field(description="Figures in quotes as printed; bare ones are exact.")
    claims: tuple[Claim, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        ids = [claim.id for claim in self.claims]
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            raise ValueError(f"claims with different ids; {twice[0]} appears twice")
        return self

    def figures(self) -> Group:
        """Return the facts as an expression may name them.

        Raises:
            InputError: A fact is neither number, text, list of rows nor group of these.
        """
        return read_facts(self.facts)


def read_audit_file(path: Path) -> AuditFile:
    """Read an audit file.

    Raises:
        DocumentError: The file cannot be read or is not an audit file.
        FormatVersionError: Written in a newer format.
        InputError: A field is missing or wrong.
    """
    document: Any = read_yaml(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DocumentError(f"{path}: not a {FORMAT} file; give a file of that format.")
    refuse_other_version(document, str(path), VERSION)
    return AuditFile.parse(document, str(path))
