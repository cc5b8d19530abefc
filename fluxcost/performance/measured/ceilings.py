"""What a machine reached bare: products, attention, copies and launches."""

from __future__ import annotations

from pydantic import Field

from fluxcost.records import Count, Name, Positive, Record


class MatmulCeiling(Record):
    """Rate of one bare bf16 matrix product at a size the model uses."""

    rows: Count
    inner: Count
    columns: Count
    tflop_per_s: Positive


class AttentionCeiling(Record):
    """Rate of one bare attention call at a token count the model uses."""

    backend: Name
    tokens: Count
    heads: Count
    head_dim: Count
    tflop_per_s: Positive


class Ceilings(Record):
    """What the machine reached bare, in the same run."""

    matmul: tuple[MatmulCeiling, ...] = ()
    attention: tuple[AttentionCeiling, ...] = ()
    copy_gb_per_s: Positive | None = Field(
        None, description="Device copy, bytes read plus written."
    )
    launches_per_s: Positive | None = Field(
        None, description="Smallest kernels launched per second."
    )
