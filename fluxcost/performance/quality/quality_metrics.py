"""What is scored. A score belongs to its prompts as much as to its arithmetic, so each is a metric.

What CLIP cannot say: it reads a caption much as a bag of words, so a picture may score high with
two colors swapped, a count off by one, a sixth finger or a plastic look, and fewer denoising steps
can score higher than more. A CLIP score therefore tells models apart at the step counts they were
made for, and never on its own that fewer steps will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Metric(StrEnum):
    """What was scored, over which kind of prompts."""

    CLIP = "clip"
    CLIP_BY_STEPS = "clip_by_steps"
    LPIPS = "lpips"
    BINDING = "binding"
    ACCEPTED = "accepted"


@dataclass(frozen=True)
class Meaning:
    """What a metric's number is.

    Attributes:
        reads: One clause for tables and messages.
        unit: Of its value.
        is_share: Whether it is a share of pictures, so that its inverse counts tries.
        judged_by: What decides.
    """

    reads: str
    unit: str
    is_share: bool
    judged_by: str


MEANINGS = {
    Metric.CLIP: Meaning(
        "cosine of picture and prompt in a CLIP model's space, mean over categories",
        "cosine",
        is_share=False,
        judged_by="clip",
    ),
    Metric.CLIP_BY_STEPS: Meaning(
        "the same cosine over one set of prompts drawn at several step counts",
        "cosine",
        is_share=False,
        judged_by="clip",
    ),
    Metric.LPIPS: Meaning(
        "perceptual distance between pictures of one prompt and different seeds",
        "distance",
        is_share=False,
        judged_by="lpips",
    ),
    Metric.BINDING: Meaning(
        "share of pictures closer to their caption than to captions with the attributes swapped",
        "share",
        is_share=True,
        judged_by="clip",
    ),
    Metric.ACCEPTED: Meaning(
        "share of pictures a person accepted", "share", is_share=True, judged_by="people"
    ),
}
"""Every metric; an article's "accuracy" without a stated check is kept as it names it."""
