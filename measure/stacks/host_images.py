"""Converts the decoder's output into pictures with the arithmetic on the device.

diffusers copies floating-point pixels to the host and rounds them there. The same arithmetic on the
device, in the same order and precision, leaves a quarter of the bytes to copy and none to compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from PIL import Image


class Copying:
    """Pixels on their way to the host; the device goes on with other work meanwhile."""

    def __init__(self, values: torch.Tensor) -> None:
        """Round and copy values in 0 to 1, shape (batch, 3, height, width)."""
        pixels = values.permute(0, 2, 3, 1).float().mul(255).round().to(torch.uint8).contiguous()
        self._arrived: torch.cuda.Event | None = None
        if pixels.is_cuda:  # through pinned memory, at several times the rate of pageable memory
            host = torch.empty_like(pixels, device="cpu", pin_memory=True)
            host.copy_(pixels, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch
            self._arrived.record()
            pixels = host
        self._pixels = pixels

    def pictures(self) -> list[Image.Image]:
        """Wait for the pixels and return one picture per row."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return [Image.fromarray(each) for each in self._pixels.numpy()]


def convert_on_device(pipeline: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Let the pipeline round and interleave pixels on its device when pictures are asked for."""
    processor = pipeline.image_processor
    postprocess = processor.postprocess

    def faster(image: torch.Tensor, output_type: str = "pil") -> Any:  # noqa: ANN401 - as diffusers
        if output_type != "pil":
            return postprocess(image, output_type=output_type)
        return Copying(postprocess(image, output_type="pt")).pictures()

    processor.postprocess = faster


@contextmanager
def pictures_later(pipeline: Any) -> Iterator[None]:  # noqa: ANN401 - diffusers is untyped
    """While the block runs, a call returns a `Copying` in place of pictures, and does not wait."""
    processor = pipeline.image_processor
    postprocess = processor.postprocess
    processor.postprocess = lambda image, output_type: Copying(postprocess(image, output_type="pt"))
    try:
        yield
    finally:
        processor.postprocess = postprocess
