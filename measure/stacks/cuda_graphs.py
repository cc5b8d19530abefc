"""CUDA graphs: a function's kernels recorded once per input signature, then launched as one.

A call of a few hundred small kernels takes as long as the CPU needs to launch them. Recorded, it
takes as long as the GPU computes. A recording reads and writes fixed memory, so:

- inputs are copied into the recording's own tensors before each launch;
- outputs are the recording's own tensors and hold until the next call of the same signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _pytree as pytree

WARMUPS = 2
"""Calls before recording: compilers and kernel libraries choose and allocate in the first ones."""

Capture = Callable[[Callable[[], Any]], Callable[[], Any]]
"""Takes a function without arguments, returns one that repeats what it did."""


class Graphs:
    """The recordings of some functions, one per function and input signature."""

    def __init__(self, capture: Capture | None = None) -> None:
        """Start empty.

        Args:
            capture: How to record; CUDA graphs in a memory pool of their own by default.
        """
        self._capture = capture
        self._recordings: dict[Any, Recording] = {}
        self._record: Capture | None = None

    def replaying(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with the same results, recorded on its first call of a signature."""

        def replay(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes through
            leaves, structure = pytree.tree_flatten((args, kwargs))
            key = (id(function), str(structure), tuple(_signature(leaf) for leaf in leaves))
            if key not in self._recordings:
                self._record = self._record or self._capture or capture_in_one_pool()
                self._recordings[key] = Recording(function, leaves, structure, self._record)
            return self._recordings[key](leaves)

        return replay

    def release(self) -> None:
        """Free every recording and its memory."""
        self._recordings.clear()
        self._record = None


class Recording:
    """One function at one input signature."""

    def __init__(
        self,
        function: Callable[..., Any],
        leaves: list[Any],
        structure: pytree.TreeSpec,
        capture: Capture,
    ) -> None:
        self._inputs = [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        args, kwargs = pytree.tree_unflatten(self._inputs, structure)
        self._replay = capture(lambda: function(*args, **kwargs))

    def __call__(self, leaves: list[Any]) -> Any:  # noqa: ANN401 - passes through
        """Copy the inputs in, launch, and return the recording's outputs."""
        for own, given in zip(self._inputs, leaves, strict=True):
            if isinstance(own, torch.Tensor):
                own.copy_(given)
        return self._replay()


def capture_in_one_pool() -> Capture:
    """Return a recorder of CUDA graphs that share their scratch memory, on the current device.

    Sharing is safe here because a pipeline launches its graphs one after the other, and because
    every recording keeps its outputs, so that no other is given their memory.
    """
    pool = torch.cuda.graph_pool_handle()
    # PyTorch's own stream for recording is one a process, of whichever device recorded first.
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch

    def capture(function: Callable[[], Any]) -> Callable[[], Any]:
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARMUPS):
                function()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, stream=stream):
            outputs = function()

        def replay() -> Any:  # noqa: ANN401 - passes through
            graph.replay()
            return outputs

        return replay

    return capture


def _signature(leaf: Any) -> Any:  # noqa: ANN401 - any argument
    if isinstance(leaf, torch.Tensor):
        return tuple(leaf.shape), leaf.stride(), leaf.dtype, leaf.device
    return leaf
