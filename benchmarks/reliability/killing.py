"""Work in a child process that is killed with no warning, at moments drawn from a seed.

The child is forked, so that what is slow to import is imported once. SIGKILL cannot be caught: the
child closes nothing, flushes nothing and runs no handler, as where a machine is taken away.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Work = Callable[[], None]


class BrokenPromiseError(Exception):
    """Something that must always hold did not."""


def require(*, holds: bool, what: str) -> None:
    """Raise where a promise is broken.

    Raises:
        BrokenPromiseError: It does not hold.
    """
    if not holds:
        raise BrokenPromiseError(what)


@dataclass(frozen=True)
class Moments:
    """Seconds after which a child is killed, even over how long undisturbed work takes."""

    work_s: float
    draw: random.Random

    def next_s(self) -> float:
        """Return the next."""
        return self.draw.uniform(0, self.work_s)


def is_killed(work: Work, after_s: float, since: Callable[[], bool] | None = None) -> bool:
    """Do work in a child and kill it after some seconds; False where it was through by then.

    Args:
        work: What the child does.
        after_s: When it is killed.
        since: The seconds count from when this first holds, or else from the start.

    Raises:
        BrokenPromiseError: The work failed by itself.
    """
    child = fork(work)
    while since is not None and not since() and _is_alive(child):
        pass  # a write is over within a millisecond: to sleep is to miss it
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    return not ended_well(child)


def seconds_of(work: Work) -> float:
    """Do work in a child, undisturbed, and return how long it takes."""
    started_s = time.perf_counter()
    require(holds=ended_well(fork(work)), what="undisturbed work was killed")
    return time.perf_counter() - started_s


def fork(work: Work) -> int:
    """Do work in a child whose printing nobody sees; return its process id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        work()
        code = 0
    except BaseException:  # a child must not return into its parent's code
        traceback.print_exc()
    os._exit(code)


def _is_alive(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def ended_well(child: int) -> bool:
    """Wait for a child; False where it was killed.

    Raises:
        BrokenPromiseError: Its work failed by itself.
    """
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    require(holds=status == 0, what=f"the work failed by itself, with status {status}")
    return True


def leftovers(folder: Path, kept: set[str]) -> list[str]:
    """Return the names in a folder besides those that belong there."""
    return sorted(path.name for path in folder.iterdir() if path.name not in kept)
