"""Results of a sensitivity analysis: bills over scenarios, and the bars of a tornado chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fluxcost.errors import InputError
from fluxcost.planning import text_table
from fluxcost.planning.sensitivity.drivers import Drivers
from fluxcost.units import percent, usd

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TornadoBar:
    """One bar of a tornado.

    Attributes:
        driver: What is moved.
        inputs: Its two ends, as text.
        low_usd: Bill at its lower end; None where that cannot be done.
        high_usd: Bill at its upper end; None where that cannot be done.
    """

    driver: str
    inputs: tuple[str, str]
    low_usd: float | None
    high_usd: float | None

    @property
    def swing_usd(self) -> float:
        """USD between the two ends; infinite where one of them cannot be done."""
        if self.low_usd is None or self.high_usd is None:
            return float("inf")
        return abs(self.high_usd - self.low_usd)

    def to_dict(self) -> dict[str, Any]:
        """Return the bar as plain values."""
        return {
            "driver": self.driver,
            "inputs": list(self.inputs),
            "low_usd": self.low_usd,
            "high_usd": self.high_usd,
        }


@dataclass(frozen=True, eq=False)
class OptionRisk:
    """One way to make the images, over all scenarios.

    Attributes:
        option: Id of the offer or tariff.
        mode: How it is bought.
        calibration: Alias of the timings; None for an API.
        base_usd: Bill with every driver where the workload has it.
        p5_usd: Bill that 5 % of the scenarios are under, of those that can be done.
        p50_usd: The middle one.
        p95_usd: Bill that 95 % are under.
        mean_usd: Their mean.
        cheapest_share: Share of all scenarios in which nothing else is cheaper.
        infeasible_share: Share of all scenarios that it cannot do.
        tornado: Largest swing first.
    """

    option: str
    mode: str
    calibration: str | None
    base_usd: float
    p5_usd: float
    p50_usd: float
    p95_usd: float
    mean_usd: float
    cheapest_share: float
    infeasible_share: float
    tornado: tuple[TornadoBar, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the option as plain values."""
        plain = {name: value for name, value in vars(self).items() if name != "tornado"}
        return plain | {"tornado": [bar.to_dict() for bar in self.tornado]}


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """What a workload may cost, by option.

    Attributes:
        workload: Name of the workload.
        unit: USD for a job, USD/month for a volume.
        scenarios: How many were billed.
        seed: What they were drawn with.
        drivers: What varied.
        options: Every option, the lowest 95th percentile first.
    """

    workload: str
    unit: str
    scenarios: int
    seed: int
    drivers: Drivers
    options: tuple[OptionRisk, ...]

    @property
    def sentence(self) -> str:
        """The answer in words."""
        safest = self.options[0]
        text = (
            f"{safest.option}, {safest.mode}, costs {usd(safest.p50_usd)} in the middle and under "
            f"{usd(safest.p95_usd)} in 95 of 100 scenarios; it is the cheapest in "
            f"{percent(safest.cheapest_share)} of {self.scenarios:,}"
        )
        if not safest.tornado:
            return f"{text}."
        return f"{text}. What moves it most is {safest.tornado[0].driver}."

    def option(self, option_id: str, mode: str | None = None) -> OptionRisk:
        """Return an option by the id of its offer or tariff.

        Raises:
            InputError: No such option was billed.
        """
        for each in self.options:
            if each.option == option_id and mode in {None, each.mode}:
                return each
        raise InputError(
            f"option {option_id!r} is not among the {len(self.options)} that can be billed; list "
            "them with to_dict()."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the analysis as plain values."""
        return {
            "workload": self.workload,
            "unit": self.unit,
            "scenarios": self.scenarios,
            "seed": self.seed,
            "drivers": self.drivers.to_dict(),
            "sentence": self.sentence,
            "options": [each.to_dict() for each in self.options],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per option.

        Raises:
            InputError: pandas is not installed.
        """
        return text_table.to_frame(
            [
                {name: value for name, value in each.to_dict().items() if name != "tornado"}
                for each in self.options
            ]
        )
