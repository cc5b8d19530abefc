"""Components: the parts of a plan, each of them one offer or tariff with a share of the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fluxcost.capacity.fleet import Batching, Fleet, Scaling
from fluxcost.errors import InputError
from fluxcost.estimate import Estimate

Mode = Literal["deadline", "always-on", "on-demand", "scheduled", "overflow", "api"]
"""One job by a deadline, a whole month, only while there is work, by the hours of a profile, a
whole month with an API for the rest, or someone else's GPUs."""


@dataclass(frozen=True, eq=False)
class Leg:
    """One offer rented or one tariff paid, for a share of the images.

    Attributes:
        option: Id of the offer or tariff.
        mode: How it is bought.
        gpu: GPU key; None for an API.
        gpus: GPUs rented at once, whole instances; 0 for an API.
        replicas: That serve; an instance sold whole may have GPUs to spare.
        calibration: Alias of the calibration whose timings it rests on; None for an API.
        batching: How images are joined into calls; None for an API.
        queue_limit: Images that may wait before requests are turned away; None for any number.
        scaling: When replicas come and go; None where they are kept.
        share: Of the images, 0 to 1; the shares of a plan sum to 1.
        total: USD per job or USD per month.
        hourly_replicas: Replicas rented in each hour of the workload's profile; None where they are
            the same all the time.
        gpus_per_image: GPUs that make each image together; a replica is then all of them.
    """

    option: str
    mode: Mode
    gpu: str | None
    gpus: int
    replicas: int
    calibration: str | None
    batching: Batching | None
    queue_limit: int | None
    scaling: Scaling | None
    share: float
    total: Estimate
    hourly_replicas: tuple[int, ...] | None = None
    gpus_per_image: int = 1

    @property
    def fleet(self) -> Fleet:
        """The replicas, as `simulate` takes them.

        Raises:
            InputError: The component buys from an API, or is of more GPUs than can be simulated.
        """
        if self.calibration is None or self.batching is None:
            raise InputError(
                f"{self.option} is an API, whose GPUs are not known; choose a plan that rents GPUs."
            )
        document = {
            "calibration": self.calibration,
            "replicas": self.replicas,
            "gpus_per_image": self.gpus_per_image,
            "batching": self.batching,
            "queue_limit": self.queue_limit,
            "scaling": self.scaling,
        }
        return Fleet.parse(document, f"the fleet of {self.option}")

    def to_dict(self) -> dict[str, Any]:
        """Return the component as plain values."""
        return {
            "option": self.option,
            "mode": self.mode,
            "gpu": self.gpu,
            "gpus": self.gpus,
            "replicas": self.replicas,
            "gpus_per_image": self.gpus_per_image,
            "calibration": self.calibration,
            "batching": self.batching and self.batching.to_dict(),
            "queue_limit": self.queue_limit,
            "scaling": self.scaling and self.scaling.to_dict(),
            "share": self.share,
            "total": self.total.to_dict(),
            "hourly_replicas": self.hourly_replicas and list(self.hourly_replicas),
        }
