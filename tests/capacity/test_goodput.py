"""An objective over all requests, beside the closed form of M/M/1/K and its percentile."""

import math
from typing import Any

import numpy as np
import pytest

from fluxcost.capacity.arrivals import Stream
from fluxcost.capacity.demand import demand_of
from fluxcost.capacity.fleet import Batching, Fleet
from fluxcost.capacity.results import Serving
from fluxcost.capacity.service_times import service_times
from fluxcost.capacity.simulate import simulate
from fluxcost.capacity.simulator.servers import Rules
from fluxcost.capacity.sizing import MET, Sizing
from fluxcost.errors import InputError
from fluxcost.performance.fit import fit
from fluxcost.workload.constraints import Objective
from fluxcost.workload.workload import Workload
from tests.capacity.served import exponential, runs, service
from tests.synthetic import make_calibration

H100 = make_calibration()
FITTED = fit(H100)


def workload(per_s: float = 6.0, **objective: Any) -> Workload:
    document = {
        "name": "made",
        "model": "flux2-klein-4b",
        "shapes": [{"width": 1024, "height": 1024, "steps": 4}],
        "arrivals": {"requests_per_s": per_s},
        "objective": {"within_s": 2.0} | objective,
    }
    return Workload.parse(document, "made")


def sized(asked: Workload, *, simulated: bool = True) -> Serving:
    demand = demand_of(asked)
    made = Sizing(
        asked,
        demand,
        service_times(FITTED, demand.mix, 1),
        calibration=H100.alias,
        batching=Batching(),
    )
    return made.simulated() if simulated else made.theoretical()


def in_time(load: float, places: int, within_s: float) -> float:
    """Share of all requests of M/M/1/K, service 1 s, that are let in and answered in time.

    Who finds n inside, which happens with probability p_n, waits out n + 1 exponential calls.
    """
    found = np.array([load**inside for inside in range(places + 1)])
    found /= found.sum()
    poisson = [math.exp(-within_s) * within_s**k / math.factorial(k) for k in range(places + 1)]
    return float(sum(found[inside] * (1 - sum(poisson[: inside + 1])) for inside in range(places)))


@pytest.mark.parametrize("within_s", [1.0, 3.0, 6.0])
@pytest.mark.parametrize("load", [0.6, 0.9, 1.3])
def test_it_is_the_closed_form_where_some_are_turned_away(load: float, within_s: float):
    rules = Rules(1, queue_limit=4)
    found = runs(Stream(load), service(exponential), rules, requests=100_000, count=8)
    share = in_time(load, places=5, within_s=within_s)
    shares = [run.share_within(within_s) for run in found]
    error = float(np.std(shares, ddof=1)) / math.sqrt(len(shares))
    assert np.mean(shares) == pytest.approx(share, abs=3 * error + 1e-3)
    # The response that so many of all requests are within is the bound itself.
    objective = Objective(goodput=share, within_s=within_s)
    judged = np.mean([run.judged_s(objective) for run in found])
    assert judged == pytest.approx(within_s, rel=0.03)
    of_those = np.mean([run.percentile_s(100 * share) for run in found])
    assert of_those < judged


def test_where_more_are_lost_than_may_be_it_is_the_slowest():
    run = runs(Stream(3.0), service(exponential), Rules(1, queue_limit=1), 5_000, 1)[0]
    objective = Objective(goodput=0.9, within_s=1.0)
    assert run.judged_s(objective) == run.percentile_s(100)


@pytest.mark.parametrize("simulated", [True, False])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_where_nobody_is_turned_away_it_is_the_percentile(share: float, *, simulated: bool):
    goodput = sized(workload(goodput=share), simulated=simulated)
    percentile = sized(workload(percentile=100 * share), simulated=simulated)
    assert goodput.fleet == percentile.fleet
    assert goodput.response.to_dict() == percentile.response.to_dict()
    assert goodput.probability_met == percentile.probability_met


def test_those_turned_away_count_so_it_never_needs_fewer_replicas():
    found = sized(workload(20.0, goodput=0.9, may_reject=0.1))
    of_those = sized(workload(20.0, percentile=90, may_reject=0.1))
    strict = sized(workload(20.0, goodput=0.9))
    assert of_those.fleet.replicas <= found.fleet.replicas <= strict.fleet.replicas
    assert found.fleet.queue_limit is not None
    assert found.probability_met >= MET
    asked = workload(20.0, goodput=0.9, may_reject=0.1)
    again = simulate(asked, found.fleet, calibration=H100, seed=3)
    assert again.goodput is not None
    assert again.goodput.value >= 0.9
    assert again.response["p90 of all"].value >= again.response["p90"].value


def test_a_fleet_that_turns_too_many_away_misses_it():
    fleet = Fleet(calibration=H100.alias, replicas=1, queue_limit=1)
    found = simulate(workload(goodput=0.9), fleet, calibration=H100, requests=2000, replications=2)
    assert found.lost.value > 0.1
    assert found.probability_met == 0.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "either percentile, such as 95, or goodput, such as 0.95, one of them"),
        ({"percentile": 95, "goodput": 0.95}, "either percentile"),
        ({"goodput": 0.98, "may_reject": 0.05}, "may_reject of at most 0.02 beside this goodput"),
        ({"goodput": 95}, "objective.goodput is 95; expected: "),
    ],
)
def test_what_cannot_be_judged_is_refused(fields: dict[str, Any], message: str):
    with pytest.raises(InputError) as caught:
        workload(**fields)
    assert message in str(caught.value)
