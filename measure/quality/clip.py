"""The cosine similarity of a picture and captions in a CLIP model's space, by transformers.

torchmetrics' `clip_score` is the same number times 100, cut off at 0; the tests compare the two.
Foils need the sign and many captions at once, so the features are compared here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.quality.quality_record import Judge
from measure.pipelines.families import silence_libraries
from measure.quality.checkpoint import revision_of


class ClipJudge:
    """A CLIP model and its processor on a device."""

    def __init__(self, name: str, device: torch.device) -> None:
        from transformers import CLIPModel, CLIPProcessor

        silence_libraries()
        try:
            self._model: Any = CLIPModel.from_pretrained(name).eval().to(device)
            self._processor: Any = CLIPProcessor.from_pretrained(name)
        except OSError as error:
            reason = " ".join(str(error).split())[:200]
            raise DocumentError(
                f"--clip {name}: cannot be loaded as a CLIP model ({reason}); give a folder or a "
                "hub name, such as openai/clip-vit-large-patch14."
            ) from None
        self.identity = Judge(name=name, revision=revision_of(name))

    @torch.no_grad()
    def cosines(self, picture: Image.Image, captions: Sequence[str]) -> tuple[float, ...]:
        """Return the cosine of a picture with each caption, -1 to 1.

        Raises:
            InputError: A caption is longer than the model reads; half a caption is another one.
        """
        inputs = self._processor(
            text=list(captions), images=[picture], return_tensors="pt", padding=True
        ).to(self._model.device)
        longest = self._model.config.text_config.max_position_embeddings
        if inputs["input_ids"].shape[1] > longest:
            raise InputError(
                f"a caption of {inputs['input_ids'].shape[1]} tokens, among {list(captions)!r:.200}"
                f"; {self.identity.name} reads {longest}: shorten it."
            )
        output = self._model(**inputs)
        # Both come normed to length 1, so that their product is the cosine.
        cosines = output.image_embeds @ output.text_embeds.T
        return tuple(float(each) for each in cosines[0])
