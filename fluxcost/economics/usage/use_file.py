"""How GPUs are used in a month, as a file: the purchase mode and its settings.

The format is `fluxcost-use`, version 1. `use.kind` names the purchase mode; its other fields are
those of the record of that name. An overflow names another offer, and a cold start is either stated
in seconds or measured, from a calibration and a stated bandwidth.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from fluxcost.documents import read_yaml, refuse_other_format
from fluxcost.economics.offers import Offer
from fluxcost.economics.rental import Use
from fluxcost.economics.terms import AccountTerms, Resources
from fluxcost.economics.usage.instances import (
    AlwaysOn,
    Autoscaled,
    BatchJobs,
    Overflow,
    Reserved,
    Scheduled,
)
from fluxcost.economics.usage.serverless import ColdStartSteps, Serverless, cold_start
from fluxcost.economics.usage.spot import Spot
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.records import Count, Name, NonNegative, Positive, Record
from fluxcost.workload.workload import CompileCache

FORMAT: Literal["fluxcost-use"] = "fluxcost-use"
VERSION = 1

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, strict=True)]
Offers = Callable[[str], Offer]


class AlwaysOnFile(Record):
    """Instances kept all month."""

    kind: Literal["always-on"]
    instances: Count

    def use(self, offers: Offers, calibration: Calibration) -> Use:
        """Return the use."""
        return AlwaysOn(self.instances)


class ScheduledFile(Record):
    """Instances kept for some hours, so many times a month."""

    kind: Literal["scheduled"]
    instances: Count
    hours: Positive = Field(description="Of each session, after start-up.")
    sessions: Count = Field(description="In a month.")
    startup_s: NonNegative

    def use(self, offers: Offers, calibration: Calibration) -> Use:
        """Return the use."""
        return Scheduled(self.instances, self.hours, self.sessions, self.startup_s)


class BatchJobsFile(Record):
    """Instances started for a job and stopped after it."""

    kind: Literal["batch-jobs"]
    instances: Count
    jobs: Count = Field(description="In a month, each an equal share of the images.")
    startup_s: NonNegative
    utilization: Share

    def use(self, offers: Offers, calibration: Calibration) -> Use:
        """Return the use."""
        return BatchJobs(self.instances, self.jobs, self.startup_s, self.utilization)


class AutoscaledFile(Record):
    """Instances that follow the load."""

    kind: Literal["autoscaled"]
    load: Annotated[tuple[NonNegative, ...], Field(min_length=1)] = Field(
        description="Work of each period of a cycle, relative; 24 numbers make a day of hours."
    )
    period_s: Positive
    target_utilization: Share
    least_instances: Annotated[int, Field(ge=0, strict=True)]
    startup_s: NonNegative

    def use(self, offers: Offers, calibration: Calibration) -> Use:
        """Return the use."""
        return Autoscaled(
            self.load, self.period_s, self.target_utilization, self.least_instances, self.startup_s
        )


class StatedColdStart(Record):
    """A cold start in seconds."""

    image_pull_s: NonNegative
    weights_s: NonNegative
    load_s: NonNegative
    compile_s: NonNegative
    first_call_s: NonNegative

    def start(self, calibration: Calibration) -> ColdStartSteps:
        """Return the cold start."""
        return ColdStartSteps(**self.model_dump())


class MeasuredColdStart(Record):
    """A cold start whose load and first call the calibration measured."""

    image_gib: NonNegative = Field(description="Container image to pull; 0 where the host has it.")
    gbit_per_s: Positive = Field(description="Bandwidth that image and weights come over.")
    compile_s: NonNegative | None = Field(
        default=None, description="Needed where the stack compiles and no such start was measured."
    )
    compile_cache: CompileCache = Field(
        default="empty", description="What a worker finds compiled, where that was measured."
    )

    def start(self, calibration: Calibration) -> ColdStartSteps:
        """Return the cold start."""
        return cold_start(calibration, **self.model_dump())


class ServerlessFile(Record):
    """Workers started by requests and stopped when idle."""

    kind: Literal["serverless"]
    cold_starts: Count = Field(description="In a month.")
    cold: StatedColdStart | MeasuredColdStart

    def use(self, offers: Offers, calibration: Calibration) -> Use:
        """Return the use."""
        return Serverless(self.cold_starts, self.cold.start(calibration))


class SpotFile(Record):
    """Interruptible instances."""

    kind: Literal["spot"]
    interruptions_per_hour: NonNegative = Field(description="Of one instance, as you see them.")
    checkpoint_s: Positive = Field(description="Seconds of work lost at most, such as one call.")
    restart_s: NonNegative
    utilization: Share

    def use(self, offers: Offers, calibration: Calibration) -> Use:
        """Return the use."""
        return Spot(
            self.interruptions_per_hour, self.checkpoint_s, self.restart_s, self.utilization
        )


NotReserved = Annotated[
    AlwaysOnFile | ScheduledFile | BatchJobsFile | AutoscaledFile | ServerlessFile | SpotFile,
    Field(discriminator="kind"),
]


class OverflowFile(Record):
    """What takes the work that reserved instances do not."""

    offer: Name = Field(description="Id of another offer of the same GPU.")
    use: NotReserved
    reserved_share: Share = Field(description="Of the work, done by the reserved instances.")


class ReservedFile(Record):
    """Instances paid ahead for a term."""

    kind: Literal["reserved"]
    instances: Count
    overflow: OverflowFile | None = None

    def use(self, offers: Offers, calibration: Calibration) -> Use:
        """Return the use."""
        if self.overflow is None:
            return Reserved(self.instances)
        further, other = self.overflow.use, offers(self.overflow.offer)
        rest = Overflow(other, further.use(offers, calibration), self.overflow.reserved_share)
        return Reserved(self.instances, rest)


class UseFile(Record):
    """A month of renting."""

    format: Literal["fluxcost-use"] = FORMAT
    version: Annotated[int, Field(ge=1, le=VERSION, strict=True)] = VERSION
    use: Annotated[
        AlwaysOnFile
        | ScheduledFile
        | BatchJobsFile
        | AutoscaledFile
        | ServerlessFile
        | SpotFile
        | ReservedFile,
        Field(discriminator="kind"),
    ]
    cpu: NonNegative = Field(default=0.0, description="Cores of an instance.")
    memory_gib: NonNegative = Field(default=0.0, description="GiB of its memory.")
    storage_gib: NonNegative = Field(default=0.0, description="GiB of its disk.")
    traffic_gib: NonNegative = Field(default=0.0, description="GiB sent out by all in the month.")
    account_plan: Name | None = Field(default=None, description="The monthly plan that is paid.")
    tax_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)] = 0.0

    @property
    def terms(self) -> AccountTerms:
        """What the buyer takes besides GPUs, and says about the account."""
        resources = Resources(self.cpu, self.memory_gib, self.storage_gib, self.traffic_gib)
        return AccountTerms(resources, self.account_plan, self.tax_share)


def load_use(path: str | Path) -> UseFile:
    """Read and check one file of use.

    Raises:
        DocumentError: Unreadable, not YAML, or not such a file.
        FormatVersionError: Written for a newer fluxcost.
        InputError: A field is missing, unknown or out of range.
    """
    path = Path(path)
    document: Any = read_yaml(path)
    refuse_other_format(document, str(path), what="a use", kind=FORMAT, version=VERSION)
    return UseFile.parse(document, str(path))
