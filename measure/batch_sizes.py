"""The batch sizes of calls; a call with fewer images is filled up to the next size.

A compiled stack compiles and records every shape and batch apart, which takes up to minutes. So
only some sizes are made: a call of another is filled up to the next one and the extra images are
thrown away. The simulator assumes the same of batches nobody timed. Taking fewer images instead
would change which images are made together, and two short calls seldom beat one that is filled up.
"""

from __future__ import annotations

from itertools import count, takewhile

from fluxcost.errors import InputError


def filled_up(images: int, sizes: tuple[int, ...]) -> int:
    """Return the least batch size of a rising list that holds so many images."""
    return next(size for size in sizes if size >= images)


def batch_sizes(text: str | None, max_batch: int, *, compiles: bool) -> tuple[int, ...]:
    """Return the batch sizes to make, rising, the largest batch last.

    Args:
        text: Such as "1,2,4"; None for the powers of two of a stack that compiles each batch size,
            every size of one that does not.
        max_batch: The largest batch.
        compiles: Whether the stack compiles each batch size.

    Raises:
        InputError: Not rising whole numbers that end with the largest batch.
    """
    if text is None:
        powers = takewhile(lambda size: size < max_batch, (2**power for power in count()))
        return (*powers, max_batch) if compiles else tuple(range(1, max_batch + 1))
    parts = text.split(",")
    sizes = tuple(int(part) for part in parts if part.strip().isdecimal())
    rising = all(low < high for low, high in zip((0, *sizes), sizes, strict=False))
    if len(sizes) < len(parts) or not rising or sizes[-1] != max_batch:
        raise InputError(
            f"--batch-sizes is {text!r}; expected rising whole numbers that end with --max-batch, "
            f"{max_batch}, such as {','.join(map(str, sorted({1, max_batch})))}."
        )
    return sizes
