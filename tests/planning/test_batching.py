"""The batch and the wait for company that a plan chooses, beside every batch sized by itself."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.fleet import Batching
from fluxcost.capacity.service_times import service_times
from fluxcost.capacity.simulate import simulate
from fluxcost.capacity.sizing import Sizing
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.fit import fit
from fluxcost.planning.plans import Plans
from fluxcost.planning.replay import replay
from fluxcost.planning.search import plan
from fluxcost.workload.workload import Workload
from tests.planning.made import catalog, offer

TODAY = dt.date(2026, 11, 24)
EAGER = load_calibration("h100-sxm/flux2-klein-4b/eager-bf16")
COMPILED = load_calibration("h100-sxm/flux2-klein-4b/compiled-bf16")
SHOP = catalog(offer("h100", gpu="h100-sxm", as_of=TODAY))


BURSTS = {"process": "gamma", "coefficient_of_variation": 3.0}


def workload(per_s: float, within_s: float, **kind: Any) -> Workload:
    document: dict[str, Any] = {
        "name": "made",
        "model": "flux2-klein-4b",
        "shapes": [{"width": 512, "height": 512, "steps": 4}],
        "arrivals": {"requests_per_s": per_s} | kind,
        "objective": {"percentile": 95, "within_s": within_s},
    }
    return Workload.parse(document, "made")


def planned(asked: Workload, calibration=EAGER) -> Plans:
    return plan(asked, SHOP, [calibration], TODAY)


def waits(plans: Plans) -> list[float]:
    return [each.components[0].batching.max_wait_s for each in plans if each.components[0].batching]


@pytest.mark.parametrize(("per_s", "within_s"), [(30.0, 0.6), (4.0, 2.0)])
def test_no_batch_by_itself_needs_fewer_replicas(per_s: float, within_s: float):
    # Within 0.6 s theory prefers batches of 16, and a fleet that falls into them needs half again.
    asked = workload(per_s, within_s)
    demand, fitted = demand_of(asked), fit(EAGER)
    counts = [
        Sizing(
            asked,
            demand,
            service_times(fitted, demand.mix, batch),
            calibration=EAGER.alias,
            batching=Batching(max_batch=batch),
        )
        .fewest()
        .fleet.replicas
        for batch in (1, 2, 4, 8, 16)
    ]
    assert planned(asked).best.gpus <= min(counts)


def test_requests_are_held_back_where_that_saves_a_replica():
    asked = workload(2.0, 0.5, **BURSTS)
    plans = planned(asked)
    best = plans.best
    fleet = best.fleet
    assert fleet.batching.max_wait_s > 0
    assert f"or {fleet.batching.max_wait_s:g} s" in best.why
    at_once = next(each for each in plans if each.fleet.batching.max_wait_s == 0)
    assert best.gpus < at_once.gpus
    # The same fleet without the wait is late, and with it in time, on other arrivals too.
    impatient = fleet.model_copy(update={"batching": Batching(max_batch=fleet.batching.max_batch)})
    for found, is_met in ((fleet, True), (impatient, False)):
        again = simulate(asked, found, calibration=EAGER, seed=4)
        assert again.probability_met is not None
        assert (again.probability_met >= 0.9) == is_met


def test_nobody_is_held_back_where_calls_gain_little():
    for within_s in (0.3, 1.0):
        assert set(waits(planned(workload(30.0, within_s), COMPILED))) == {0.0}


def test_a_plan_that_holds_back_is_made_again(tmp_path: Path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(planned(workload(2.0, 0.5, **BURSTS)).to_dict()))
    found = replay(path, SHOP, [EAGER])
    assert found.reproduced
    assert max(waits(found.plans)) > 0
