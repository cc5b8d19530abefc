"""Which waiting images a free replica runs next, and the batch sizes it runs them at.

A compiled stack compiles and records every shape and batch apart, which takes up to minutes. So
only some sizes are made: a call of another is filled up to the next one and the extra images are
thrown away. The simulator assumes the same of batches nobody timed. Taking fewer images instead
would change which images are made together, and two short calls seldom beat one that is filled up.

Images of one shape and priority wait in one line. A line is ready when it holds a full batch or its
head has waited its time; a free replica takes up to a full batch of the ready line of the best
priority, among equals the one whose head waits longest.

No clock, thread or lock is in here: the owner gives the time with every call, on one clock that
never runs backwards, and makes sure that calls do not overlap.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Generic, TypeVar

from fluxcost.capacity.fleet import Batching
from fluxcost.errors import InputError
from fluxcost.workload.shape import Shape


def padded_batch(images: int, sizes: tuple[int, ...]) -> int:
    """Return the least batch size of a rising list that holds so many images."""
    return next(size for size in sizes if size >= images)


def parse_batch_sizes(text: str | None, max_batch: int, *, compiles: bool) -> tuple[int, ...]:
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


ItemT = TypeVar("ItemT")
_Key = tuple[int, Shape]


@dataclass(frozen=True, eq=False)
class _Waiting(Generic[ItemT]):
    item: ItemT
    arrived_s: float
    place: int
    """Among all that ever came: two of one moment are served in order, too."""


class Batcher(Generic[ItemT]):
    """Images that wait for a replica, and the rule by which they are joined into calls."""

    def __init__(self, batching: Batching) -> None:
        """Start with no image waiting.

        Raises:
            InputError: The rule joins shapes, which needs a server that packs them.
        """
        if batching.together != "shape":
            raise InputError(
                f"batching.together is {batching.together!r}; expected 'shape': a call here makes "
                "images of one shape."
            )
        self.batching = batching
        self._lines: dict[_Key, deque[_Waiting[ItemT]]] = {}
        self._came = 0

    def __len__(self) -> int:
        """Return how many images wait."""
        return sum(len(line) for line in self._lines.values())

    def add(self, item: ItemT, shape: Shape, now_s: float, priority: int = 0) -> None:
        """Let an image wait.

        Args:
            item: What is handed back when its turn comes.
            shape: Only images of one shape share a call.
            now_s: When it came.
            priority: 0 is served first.
        """
        line = self._lines.setdefault((priority, shape), deque())
        line.append(_Waiting(item, now_s, self._came))
        self._came += 1

    def ready_s(self) -> float | None:
        """Return when a free replica may next take a batch; None while nothing waits."""
        return min((self._line_ready_s(line) for line in self._lines.values()), default=None)

    def next_batch(self, now_s: float) -> tuple[ItemT, ...]:
        """Take the images that a replica free now makes in one call, all of one shape, in order.

        Returns:
            None of them where nothing is ready; `ready_s` tells until when to wait.
        """
        ready = [key for key, line in self._lines.items() if self._line_ready_s(line) <= now_s]
        if not ready:
            return ()
        chosen = min(ready, key=lambda key: (key[0], self._lines[key][0].place))
        line = self._lines[chosen]
        size = min(len(line), self.batching.max_batch)
        taken = tuple(line.popleft().item for _ in range(size))
        if not line:
            del self._lines[chosen]
        return taken

    def remove(self, item: ItemT) -> bool:
        """Let an image wait no longer, because its client left; False if it does not wait here."""
        for key, line in self._lines.items():
            found = next((each for each in line if each.item is item), None)
            if found is not None:
                line.remove(found)
                if not line:
                    del self._lines[key]
                return True
        return False

    def _line_ready_s(self, line: deque[_Waiting[ItemT]]) -> float:
        head_s = line[0].arrived_s + self.batching.max_wait_s
        if len(line) < self.batching.max_batch:
            return head_s
        return min(head_s, line[self.batching.max_batch - 1].arrived_s)
