"""What might make a compiled step faster and draws the same picture: tried beside compiled-bf16.

A lever is named after the stack it is added to, such as compiled-bf16+fused-qkv. One that pays
moves into the stack's own file; until then it is only a thing to time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from fluxcost.errors import UnknownNameError
from measure.stacks import compiled, compiled_bf16, recipe
from measure.stacks.cuda_graphs import Graphs
from measure.stacks.stack_recipe import Release, StackRecipe

Backend = str | Callable[..., Any]
"""What torch.compile takes: a name, or a function of a graph and example inputs."""


@dataclass(frozen=True)
class Lever:
    """One change of compiled-bf16.

    Attributes:
        setting: What it changes, as the record says it.
        backend: What compiles.
        first: Done to the pipeline before it is compiled.
        while_warming: Holds while a shape is compiled and recorded; a recording keeps it.
    """

    setting: str
    backend: Backend = "inductor"
    first: Callable[[Any], None] = lambda _pipeline: None
    while_warming: Callable[[], AbstractContextManager[None]] = nullcontext


def _inductor(**patches: Any) -> Callable[..., Any]:  # noqa: ANN401 - any option of the compiler's
    """Return inductor with options of its own, as a backend that shares no code with another's."""

    def compile_with(graph: Any, inputs: Any) -> Any:  # noqa: ANN401 - as torch.compile calls it
        from torch._inductor.compile_fx import compile_fx

        return compile_fx(graph, inputs, config_patches=patches)

    return compile_with


def _fuse_qkv(pipeline: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    pipeline.transformer.fuse_qkv_projections()


@contextmanager
def _cublaslt() -> Iterator[None]:
    before = torch.backends.cuda.preferred_blas_library()
    torch.backends.cuda.preferred_blas_library("cublaslt")
    try:
        yield
    finally:
        torch.backends.cuda.preferred_blas_library(before)


LEVERS = {
    "cublaslt": Lever("matrix products by cuBLASLt", while_warming=_cublaslt),
    "fused-qkv": Lever("queries, keys and values of a double block in one", first=_fuse_qkv),
    "tuned-kernels": Lever(
        "coordinate descent over the kernels between products",
        backend=_inductor(coordinate_descent_tuning=True),
    ),
    "tuned-products": Lever(
        "matrix products by trial, Triton's among them",
        backend=_inductor(max_autotune_gemm=True, max_autotune_gemm_backends="ATEN,TRITON"),
    ),
}


def stack_of(name: str, device: torch.device) -> tuple[StackRecipe, Lever | None]:
    """Return the recipe of a stack, or of compiled-bf16 with a lever, and the lever.

    Raises:
        UnknownNameError: No such stack or lever.
    """
    base, _, added = name.partition("+")
    if not added:
        return recipe(base, device), None
    if base != "compiled-bf16" or added not in LEVERS:
        raise UnknownNameError("lever", name, [f"compiled-bf16+{each}" for each in LEVERS])
    lever = LEVERS[added]

    def prepare(pipeline: Any) -> Release:  # noqa: ANN401 - diffusers is untyped
        lever.first(pipeline)
        return compiled.prepare(
            pipeline, lever.backend, Graphs() if device.type == "cuda" else None
        )

    plain = compiled_bf16.recipe(device)
    settings = plain.stack.settings | {"lever": lever.setting}
    stack = plain.stack.model_copy(update={"alias": name, "settings": settings})
    return replace(plain, stack=stack, prepare=prepare), lever
