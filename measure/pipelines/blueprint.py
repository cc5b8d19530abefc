"""A model's architecture file as a builder needs it: every value, not only the costly ones.

`fluxcost.performance.architecture` reads what decides arithmetic; diffusers and transformers want
the rest too, under their own names.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from fluxcost.documents import read_yaml
from fluxcost.errors import InputError
from fluxcost.performance.architecture import Architecture, architecture_path, load_architecture
from fluxcost.records import Name, Record


class Document(Record):
    """The architecture file, whole."""

    format: str
    version: int
    name: Name
    family: Name = Field(description="Which builder in measure/pipelines makes it.")
    license: Name
    commercial_use: bool = True
    hub_id: Name | None = Field(default=None, description="Checkpoint on the model hub.")
    pipeline: dict[str, Any]
    transformer: dict[str, Any] = Field(default_factory=dict)
    unet: dict[str, Any] = Field(default_factory=dict, description="In place of a transformer.")
    text_encoder: dict[str, Any]
    vae: dict[str, Any]
    scheduler: dict[str, Any]
    extra_encoders: dict[Name, dict[str, Any]] = Field(
        default_factory=dict, description="Text encoders whose work is not counted, by name."
    )


FAMILIES = ("flux1", "flux2-klein", "sd3", "sdxl", "z-image")
"""Families that measure/pipelines/families.py can build."""


@dataclass(frozen=True)
class Blueprint:
    """The file's values, and the same architecture as fluxcost counts its work."""

    document: Document
    architecture: Architecture

    @property
    def hash(self) -> str:
        """First 12 hex digits of the SHA-256 of the file's values."""
        values = json.dumps(self.document.to_dict(), sort_keys=True)
        return hashlib.sha256(values.encode()).hexdigest()[:12]


def load_blueprint(name: str) -> Blueprint:
    """Load a shipped model by name, or one's own by the path of its file.

    Raises:
        UnknownNameError: No shipped architecture has this name.
        DocumentError: The file cannot be read or is of another format.
        InputError: A field is missing or out of range, or no builder makes this family.
    """
    architecture = load_architecture(name)
    path = architecture_path(name)
    document = Document.parse(read_yaml(path), str(path))
    if document.family not in FAMILIES:
        raise InputError(
            f"{path}: family is {document.family!r}; expected one that can be built: "
            f"{', '.join(FAMILIES)}; the model can be predicted by transfer, not timed."
        )
    return Blueprint(document, architecture)
