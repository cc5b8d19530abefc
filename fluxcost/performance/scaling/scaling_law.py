"""The scaling law of replicas: throughput of n of them over n times that of one alone.

    efficiency(n) = 1 / (1 + contention (n - 1) + coherency n (n - 1))

This is the universal scalability law (Gunther 2008, arXiv:0808.1431) per replica; with coherency 0
it is Amdahl's. Contention is a queue for something shared, coherency is what each
pair of replicas costs. A count that was measured is answered with the measurement. From four counts
up both are fitted. Two or three cannot tell them apart: the value is then Amdahl's, and the
interval holds every split of the loss between the two, so that it widens with the distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from fluxcost.checks import refuse_outside
from fluxcost.documents import read_yaml
from fluxcost.errors import InputError, MissingDataError
from fluxcost.estimate import Estimate, Source, derive, standard_normal, uniform
from fluxcost.stats import NORMAL_90, Array

COUNTS_FOR_BOTH = 4
"""Counts, one replica among them, from which contention and coherency are both fitted."""

FARTHEST = 4
"""Largest multiple of the most replicas measured that is answered at all."""

_ARTICLE = "inferencebench-flux2-klein.yaml"


@dataclass(frozen=True, eq=False)
class ReplicaLaw:
    """Efficiency over replica counts, from the efficiencies measured at some.

    Attributes:
        measured: Efficiency at each count above 1 that was measured: throughput over the sum of
            the same GPUs' solo rates.
        key: Name of the record in the keys of error draws.
    """

    measured: Mapping[int, Estimate]
    key: str

    def __post_init__(self) -> None:
        if not self.measured or min(self.measured) < 2:
            raise MissingDataError(
                f"{self.key}: no two replicas were timed at once; measure with --gpus 1,2."
            )

    @property
    def kind(self) -> str:
        """'Amdahl', or 'universal scalability' from four counts up."""
        return "universal scalability" if self._fits_both else "Amdahl"

    @property
    def contention(self) -> float:
        """Share of a replica's work that waits for all others."""
        return float(self._coefficients(self._excess())[0][0])

    @property
    def coherency(self) -> float:
        """Cost of each pair of replicas; 0 by Amdahl's law."""
        return float(self._coefficients(self._excess())[1][0])

    def efficiency(self, replicas: int) -> Estimate:
        """Return throughput over the sum of solo rates, at a count of replicas.

        Raises:
            InputError: The count is not a whole number from 1 up.
            MissingDataError: It is beyond four times the most replicas measured.
        """
        refuse_outside("replicas", replicas, 1)
        if replicas in self.measured:
            return self.measured[replicas]
        evidence = f"{self.key}: {self.kind} law from {self._counts_text} replicas"
        if replicas == 1:
            return Estimate.exact(1.0, "", Source.MEASURED, f"{self.key}: one replica")
        most = max(self.measured)
        if replicas > FARTHEST * most:
            raise MissingDataError(
                f"{self.key}: {replicas} replicas asked; expected at most {FARTHEST * most}, "
                f"{FARTHEST} times what was measured; measure more at once."
            )
        inside = Source.INTERPOLATED if replicas < most else Source.EXTRAPOLATED
        source = Source.weakest((inside, *(each.source for each in self.measured.values())))
        value = float(self._predicted(replicas, self._excess(), np.zeros(1))[0])
        share = uniform(f"{self.key}/coherency")
        draws = self._predicted(replicas, self._excess_draws(), share)
        discrepancy = np.exp(self._discrepancy * standard_normal(f"{self.key}/replica misfit"))
        return Estimate(value, "", source, (evidence,), np.minimum(draws * discrepancy, 1.0))

    @property
    def _fits_both(self) -> bool:
        return len(self.measured) + 1 >= COUNTS_FOR_BOTH

    @property
    def _counts(self) -> Array:
        return np.array(sorted(self.measured), dtype=np.float64)

    @property
    def _counts_text(self) -> str:
        return ", ".join(str(each) for each in (1, *sorted(self.measured)))

    def _excess(self) -> Array:
        """Return 1 / efficiency - 1 at each count, shape (counts, 1)."""
        return np.array([[1 / self.measured[n].value - 1] for n in sorted(self.measured)])

    def _excess_draws(self) -> Array:
        return np.array([1 / self.measured[n].draws - 1 for n in sorted(self.measured)])

    def _weights(self) -> Array:
        """Return one over each excess's standard deviation; equal where nothing is uncertain."""
        spread = self._excess_draws().std(axis=1)
        return np.asarray(1 / np.maximum(spread, 1e-6))

    def _coefficients(self, excess: Array, share: Array | None = None) -> tuple[Array, Array]:
        """Return contention and coherency per column, neither negative, by least squares."""
        n, weights = self._counts, self._weights()
        waiting, pairing = n - 1, n * (n - 1)
        if self._fits_both:
            return _two_nonnegative(waiting, pairing, excess, weights)
        share = np.zeros(excess.shape[1]) if share is None else share
        # The share of the loss at the most replicas measured that is coherency's.
        shape = waiting[:, None] * (1 - share + share * n[:, None] / n[-1])
        scale = np.maximum(_least_squares(shape, excess, weights), 0.0)
        return scale * (1 - share), scale * share / n[-1]

    def _predicted(self, replicas: int, excess: Array, share: Array) -> Array:
        contention, coherency = self._coefficients(excess, share)
        return np.asarray(1 / (1 + (contention + coherency * replicas) * (replicas - 1)))

    @property
    def _discrepancy(self) -> float:
        """Return how far measured efficiencies are from the law, as a logarithm's deviation."""
        free = len(self.measured) - (2 if self._fits_both else 1)
        if free < 1:
            return 0.0
        known = np.array([self.measured[n].value for n in sorted(self.measured)])
        excess = self._excess()
        law = [self._predicted(int(n), excess, np.zeros(1))[0] for n in self._counts]
        return float(np.sqrt(np.sum(np.log(known / np.array(law)) ** 2) / free))


def published_law() -> tuple[ReplicaLaw, Estimate]:
    """Return the law of the published article's scaling table, and its one-GPU images a second.

    The table leaves its step count out: by the article's own latencies 0.43 images a second is
    about 20 steps at 1024x1024, so it says nothing about the cost of 4 steps.
    """
    path = Path(str(files("fluxcost"))) / "data" / "published" / _ARTICLE
    document = read_yaml(path)
    if not isinstance(document, dict):
        raise InputError(f"{path}: not a mapping; restore the shipped file.")
    rates = {row["gpus"]: _printed(row["images_per_s"], row["gpus"]) for row in _rows(document)}
    one = rates.pop(1)
    efficiencies = {n: _efficiency(rate, one, n) for n, rate in rates.items()}
    return ReplicaLaw(efficiencies, "published/h100-sxm scaling table"), one


def _rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = document["facts"]["scaling"]
    return rows


def _printed(text: str, gpus: object) -> Estimate:
    """Return a printed figure; its interval is its rounding."""
    rate = float(text)
    half_width = 0.5 * 10.0 ** -len(text.partition(".")[2])
    sigmas = {f"published/scaling/{gpus}": half_width / rate / NORMAL_90}
    evidence = f"published scaling table: {text} images/s on {gpus} GPUs"
    return Estimate.spread(rate, sigmas, "images/s", Source.PUBLISHED, evidence)


def _efficiency(rate: Estimate, one: Estimate, replicas: int) -> Estimate:
    return derive(lambda many, single: many / (replicas * single), rate, one, unit="")


def _least_squares(shape: Array, excess: Array, weights: Array) -> Array:
    squares = weights[:, None] ** 2
    return np.asarray((squares * shape * excess).sum(axis=0) / (squares * shape**2).sum(axis=0))


def _two_nonnegative(
    first: Array, second: Array, excess: Array, weights: Array
) -> tuple[Array, Array]:
    """Return non-negative a, b least in sum of weighted (a first + b second - excess)^2."""
    design = weights[:, None] * np.stack([first, second], axis=1)
    both, *_ = np.linalg.lstsq(design, weights[:, None] * excess, rcond=None)
    columns = np.ones_like(excess)
    only_first = np.maximum(_least_squares(first[:, None] * columns, excess, weights), 0.0)
    only_second = np.maximum(_least_squares(second[:, None] * columns, excess, weights), 0.0)
    a = np.where(both[1] < 0, only_first, np.where(both[0] < 0, 0.0, both[0]))
    b = np.where(both[0] < 0, only_second, np.where(both[1] < 0, 0.0, both[1]))
    return a, b
