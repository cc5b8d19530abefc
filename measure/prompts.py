"""Default prompts of a timed call."""

from __future__ import annotations

PROMPTS = (
    "a ceramic teapot on a linen tablecloth, morning light from the left",
    "three red bicycles leaning against a yellow wall, wide shot",
    "an exploded drawing of a mechanical watch, ink on paper",
    "a lighthouse on a basalt cliff during a storm, long exposure",
)
"""Original prompts, used in turn; each is padded to the model's full text length."""
