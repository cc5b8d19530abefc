"""The matrix products of one denoising step, each at its own size.

Their FLOPs add up to those that `work.denoise_step` counts; what this adds is which products they
are, since a chip multiplies some sizes faster than others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fluxcost.performance.architecture import Architecture, Transformer
from fluxcost.workload import Shape


@dataclass(frozen=True)
class Product:
    """A product of rows x inner by inner x columns, made `times` a step.

    Attributes:
        rows: Tokens of the whole batch.
        inner: Values of a token that go in.
        columns: Values of a token that come out.
        times: How often it is made in a step.
    """

    rows: int
    inner: int
    columns: int
    times: int

    @property
    def size(self) -> tuple[int, int, int]:
        """Rows, inner and columns."""
        return self.rows, self.inner, self.columns

    @property
    def flop(self) -> float:
        """FLOPs of all of them."""
        return 2.0 * self.rows * self.inner * self.columns * self.times


def step_products(architecture: Architecture, shape: Shape, batch: int = 1) -> tuple[Product, ...]:
    """Return the products of one denoising step of a batch; a token's own, so no modulation.

    Raises:
        MissingDataError: The denoiser is a UNet, whose work is convolutions.
    """
    part, pipeline = architecture.transformer, architecture.pipeline
    text = architecture.text_tokens
    image = architecture.tokens(shape) - text
    at_once = batch * pipeline.forwards_per_step // pipeline.calls_per_step
    return tuple(
        Product(rows * at_once, inner, columns, times * pipeline.calls_per_step)
        for rows, inner, columns, times in _of_forward(part, image, text)
        if times
    )


def _of_forward(part: Transformer, image: int, text: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield rows, inner, columns and count of the products of one forward of one image."""
    width, hidden = part.width, round(part.mlp_ratio * part.width)
    into = (part.mlp_products - 1) * hidden
    doubles, singles = part.num_layers, part.num_single_layers
    yield image, part.token_channels, width, 1
    yield text, part.joint_attention_dim, width, 1
    # A double block runs its products on the image's tokens and on the prompt's, apart.
    for rows, whole in ((image, doubles), (text, doubles - part.last_block_drops_text)):
        yield rows, width, width, 3 * doubles + whole  # queries, keys, values; output
        yield rows, width, into, whole
        yield rows, hidden, width, whole
    # A single block may fuse attention's products with the feed-forward's, over all tokens.
    fused, apart = (singles, 0) if part.fused_single_blocks else (0, singles)
    yield image + text, width, 3 * width + into, fused
    yield image + text, width + hidden, width, fused
    refiners = part.num_refiner_layers
    for rows, blocks in ((image + text, apart), (image, refiners), (text, refiners)):
        yield rows, width, width, 4 * blocks
        yield rows, width, hidden, (part.mlp_products - 1) * blocks
        yield rows, hidden, width, blocks
    yield image, width, part.token_channels, 1
