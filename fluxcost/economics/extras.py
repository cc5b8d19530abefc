"""What an image costs beside the model's GPU time, as far as the user states it.

A file (format `fluxcost-extras`, version 1) states how many calls fail and how many images are
discarded, the stages that follow the model, storage and traffic, the engineers' time, and the
machine where it is an owned one. Every field is optional; nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, model_validator

from fluxcost.documents import read_yaml, refuse_other_format
from fluxcost.economics.offers import SECONDS_PER_HOUR
from fluxcost.economics.owned import OwnedMachine
from fluxcost.economics.terms import Usd
from fluxcost.estimate import Estimate, Source, derive
from fluxcost.records import Name, NonNegative, Positive, Record


@dataclass(frozen=True, eq=False)
class CostLine:
    """One part of a cost.

    Attributes:
        name: What is paid for.
        usd_per_image: USD per image.
    """

    name: str
    usd_per_image: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the line as plain values."""
        return {"name": self.name, "usd_per_image": self.usd_per_image.to_dict()}


def total_of(lines: Sequence[CostLine]) -> Estimate:
    """Return the sum of at least one line, draw by draw."""
    amounts = (line.usd_per_image for line in lines)
    return derive(lambda *usd: sum(usd), *amounts, unit="USD/image")


FORMAT: Literal["fluxcost-extras"] = "fluxcost-extras"
VERSION = 1

BYTES = {"gb": 1e9, "gib": 2.0**30}
"""Bytes of a decimal and of a binary gigabyte; vendors bill both under names that look alike."""

Lost = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)]


class Stage(Record):
    """What happens to a finished image, such as a safety check, an upscaler or an upload."""

    name: Name
    gpu_s: NonNegative = Field(
        default=0.0, description="Seconds of the same GPU; as busy as it is with the model."
    )
    cpu_s: NonNegative = Field(default=0.0, description="Core seconds.")
    bytes: NonNegative = Field(default=0.0, description="Bytes sent out.")
    accepted_only: StrictBool = Field(
        default=False, description="Whether images that are thrown away do not come this far."
    )


class Egress(Record):
    """The price of sending."""

    usd: Usd = Field(description="USD for each `per`.")
    per: Literal["gb", "gib"] = Field(description="gb is 10^9 bytes, gib 2^30.")


class Storage(Record):
    """Keeping the accepted images."""

    bytes: Positive = Field(description="Bytes of an image.")
    months: Positive = Field(description="Months it is kept.")
    usd: Usd = Field(description="USD for each `per` and month.")
    per: Literal["gb", "gib"] = Field(description="gb is 10^9 bytes, gib 2^30.")


class Engineering(Record):
    """The people who keep it running."""

    hours_per_month: Positive = Field(description="Hours of a month.")
    usd_per_hour: Usd = Field(description="USD for one of them.")
    images_per_month: Positive = Field(description="Accepted images of that month.")


class Interruptions(Record):
    """What is seen of spot GPUs being taken back."""

    per_hour: NonNegative = Field(description="Interruptions of one instance in an hour.")
    restart_s: NonNegative = Field(description="Seconds from one until work goes on.")


class Extras(Record):
    """Everything beside the model's GPU time, each part optional."""

    format: Literal["fluxcost-extras"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION, strict=True)] = VERSION
    interruptions: Interruptions | None = Field(
        default=None, description="Needed on a spot offer, and only there; no default is true."
    )
    failed_share: Lost = Field(
        default=0.0, description="Share of the model's calls that fail and are made again."
    )
    discarded_share: Lost = Field(
        default=0.0, description="Share of the finished images that are thrown away."
    )
    stages: tuple[Stage, ...] = Field(default=(), description="In any order.")
    usd_per_core_hour: Usd | None = Field(
        default=None, description="USD per core and hour; needed where a stage takes cores."
    )
    traffic: Egress | None = Field(default=None, description="Needed where a stage sends.")
    storage: Storage | None = None
    engineering: Engineering | None = None
    machine: OwnedMachine | None = Field(
        default=None, description="Where the GPUs are your own; it takes the place of an offer."
    )

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.usd_per_core_hour is None and any(stage.cpu_s for stage in self.stages):
            raise ValueError("usd_per_core_hour, since a stage takes cpu_s")
        if self.traffic is None and any(stage.bytes for stage in self.stages):
            raise ValueError("traffic with its price, since a stage sends bytes")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError("stages with names that differ")
        return self

    def lines(self, model: Estimate, usd_per_gpu_s: Estimate) -> tuple[CostLine, ...]:
        """Return what an accepted image costs beside the one call that made it.

        Args:
            model: USD per image of the model's GPU time, each image made once.
            usd_per_gpu_s: USD of a GPU second at work, with the idle time it brings.
        """
        return tuple(self._lines(model, usd_per_gpu_s))

    def _lines(self, model: Estimate, usd_per_gpu_s: Estimate) -> Iterator[CostLine]:
        again = self.failed_share / (1 - self.failed_share)
        if again:
            stated = _stated(again, f"failed_share {self.failed_share:g}", "1")
            usd = derive(lambda usd, times: usd * times, model, stated, unit="USD/image")
            yield CostLine("calls made again", usd)
        stages = [(stage, self._stage(stage, usd_per_gpu_s)) for stage in self.stages]
        yield from (CostLine(stage.name, usd) for stage, usd in stages)
        if self.discarded_share:
            lost = [usd for stage, usd in stages if not stage.accepted_only]
            yield CostLine("images thrown away", self._discarded(again, model, lost))
        if self.storage is not None:
            yield CostLine("storage", self._storage(self.storage))
        if self.engineering is not None:
            yield CostLine("engineering", _engineering(self.engineering))

    def _stage(self, stage: Stage, usd_per_gpu_s: Estimate) -> Estimate:
        usd = stage.cpu_s / SECONDS_PER_HOUR * (self.usd_per_core_hour or 0.0)
        if self.traffic is not None:
            usd += stage.bytes / BYTES[self.traffic.per] * self.traffic.usd
        stated = _stated(usd, f"stage {stage.name}")
        if not stage.gpu_s:
            return stated
        return derive(
            lambda gpu, rest: stage.gpu_s * gpu + rest, usd_per_gpu_s, stated, unit="USD/image"
        )

    def _discarded(self, again: float, model: Estimate, stages: list[Estimate]) -> Estimate:
        share = self.discarded_share
        stated = _stated(share / (1 - share), f"discarded_share {share:g}", "1")
        return derive(
            lambda more, call, *rest: more * (call * (1 + again) + sum(rest)),
            stated,
            model,
            *stages,
            unit="USD/image",
        )

    def _storage(self, storage: Storage) -> Estimate:
        usd = storage.bytes / BYTES[storage.per] * storage.usd * storage.months
        return _stated(usd, f"storage for {storage.months:g} months")


NO_EXTRAS = Extras()


def load_extras(path: str | Path) -> Extras:
    """Read and check one file of extras.

    Raises:
        DocumentError: Unreadable, not YAML, or not such a file.
        FormatVersionError: Written for a newer fluxcost.
        InputError: A field is missing, unknown or out of range.
    """
    path = Path(path)
    document: Any = read_yaml(path)
    refuse_other_format(document, str(path), what="extras", kind=FORMAT, version=VERSION)
    return Extras.parse(document, str(path))


def _engineering(people: Engineering) -> Estimate:
    usd = people.hours_per_month * people.usd_per_hour / people.images_per_month
    return _stated(usd, f"engineering over {people.images_per_month:,.0f} images a month")


def _stated(value: float, what: str, unit: str = "USD/image") -> Estimate:
    return Estimate.exact(value, unit, Source.ASSUMED, f"{what}, stated by the caller")
