"""What was timed: which GPU, under which optimization stack."""

from __future__ import annotations

import hashlib
import json

from pydantic import Field

from fluxcost.records import Key, Name, Positive, Record


class GpuIdentity(Record):
    """Which GPU this is."""

    key: Key = Field(description="Key in data/gpus.yaml, such as h100-sxm.")
    name: Name = Field(description="Name the driver reports.")
    memory_gib: Positive = Field(description="Device memory the driver reports, GiB.")


class Stack(Record):
    """An optimization stack: resolved settings with a hash, known by an alias."""

    alias: Name
    settings: dict[str, str | int | float | bool] = Field(description="Resolved settings.")

    @property
    def is_lossy(self) -> bool:
        """Whether it changes the pictures, by its own `lossy` setting."""
        return self.settings.get("lossy") is True

    @property
    def keeps_prompts(self) -> bool:
        """Whether its calls find the embeddings of prompts that came before."""
        return self.settings.get("prompt_embeddings") == "cached"

    @property
    def hash(self) -> str:
        """First 12 hex digits of the SHA-256 of the sorted settings."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:12]
