"""Which waiting images a free replica runs next: the rule of the simulator, as an object.

Images of one shape and priority wait in one line. A line is ready when it holds a full batch or its
head has waited its time; a free replica takes up to a full batch of the ready line of the best
priority, among equals the one whose head waits longest.

No clock, thread or lock is in here: the owner gives the time with every call, on one clock that
never runs backwards, and makes sure that calls do not overlap.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from fluxcost.capacity.fleet import Batching
from fluxcost.errors import InputError
from fluxcost.workload import Shape

Item = TypeVar("Item")
_Key = tuple[int, Shape]


@dataclass(frozen=True, eq=False)
class _Waiting(Generic[Item]):
    item: Item
    arrived_s: float
    place: int
    """Among all that ever came: two of one moment are served in order, too."""


class Batcher(Generic[Item]):
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
        self._lines: dict[_Key, deque[_Waiting[Item]]] = {}
        self._came = 0

    def __len__(self) -> int:
        """Return how many images wait."""
        return sum(len(line) for line in self._lines.values())

    def add(self, item: Item, shape: Shape, now_s: float, priority: int = 0) -> None:
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

    def next_batch(self, now_s: float) -> tuple[Item, ...]:
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

    def remove(self, item: Item) -> bool:
        """Let an image wait no longer, because its client left; False if it does not wait here."""
        for key, line in self._lines.items():
            found = next((each for each in line if each.item is item), None)
            if found is not None:
                line.remove(found)
                if not line:
                    del self._lines[key]
                return True
        return False

    def _line_ready_s(self, line: deque[_Waiting[Item]]) -> float:
        head_s = line[0].arrived_s + self.batching.max_wait_s
        if len(line) < self.batching.max_batch:
            return head_s
        return min(head_s, line[self.batching.max_batch - 1].arrived_s)
