"""The law of replicas against closed forms, planted laws and the published table."""

import math
from itertools import product

import numpy as np
import pytest

import fluxcost as fc
from fluxcost.errors import InputError, MissingDataError
from fluxcost.estimate import Estimate, Source
from fluxcost.performance.scaling.replica_windows import ReplicaWindows
from fluxcost.performance.scaling.scaling_law import ReplicaLaw, published_law
from tests.fleets import fleet_calibration, in_a_start, kept, merged, on_another_host

TABLE = {1: 0.43, 2: 0.82, 4: 1.48, 8: 2.53}
"""Images a second on so many GPUs, as the article prints them."""

SHAPE = fc.Shape(1024, 1024, steps=4)


def usl(n, contention, coherency):
    return 1 / (1 + contention * (n - 1) + coherency * n * (n - 1))


def law(contention, coherency, counts, sigma=1e-4):
    efficiencies = {
        n: Estimate.spread(usl(n, contention, coherency), {f"e{n}": sigma}, "", Source.MEASURED, "")
        for n in counts
    }
    return ReplicaLaw(efficiencies, "made")


def test_the_articles_one_gpu_rate_is_that_of_about_20_steps_by_its_own_latencies():
    article = fc.load_calibration("published/h100-sxm/flux2-klein-4b/diffusers-bf16")
    line = {
        cell.steps: cell.reported_latency_s
        for cell in article.cells
        if (cell.width, cell.height, cell.batch) == (1024, 1024, 1) and cell.reported_latency_s
    }
    assert line == {4: 0.57, 8: 1.0, 12: 1.43}
    slope, offset = np.polyfit(list(line), list(line.values()), 1)
    assert (1 / TABLE[1] - offset) / slope == pytest.approx(20.3, abs=0.05)
    # Every figure stands for all that round to it: which step counts could have been meant?
    meant = set()
    for first, last, rate in product((0.565, 0.575), (1.425, 1.435), (0.425, 0.435)):
        slope = (last - first) / 8
        meant.add((1 / rate - first) / slope + 4)
    assert [n for n in range(1, 60) if min(meant) <= n <= max(meant)] == [20]
    assert 1 / TABLE[1] / line[4] == pytest.approx(4.08, abs=0.01)  # not the 4 steps of its plans


def test_the_articles_table_is_answered_as_printed_and_labelled_published():
    published, one = published_law()
    assert (one.value, one.source) == (TABLE[1], Source.PUBLISHED)
    assert published.kind == "universal scalability"
    for n in (2, 4, 8):
        efficiency = published.efficiency(n)
        assert n * one.value * efficiency.value == pytest.approx(TABLE[n])
        assert efficiency.source is Source.PUBLISHED
    assert published.efficiency(16).source is Source.PUBLISHED
    assert published.efficiency(16).value < published.efficiency(8).value


def test_the_articles_law_agrees_with_scipys_own_fit():
    from scipy.optimize import nnls

    published, one = published_law()
    n = np.array([2.0, 4.0, 8.0])
    weights = published._weights()
    excess = n * one.value / np.array([TABLE[int(each)] for each in n]) - 1
    design = np.stack([n - 1, n * (n - 1)], axis=1)
    (contention, coherency), _ = nnls(weights[:, None] * design, weights * excess)
    assert published.contention == pytest.approx(contention, rel=1e-9)
    assert published.coherency == pytest.approx(coherency, rel=1e-9, abs=1e-12)


def test_two_counts_give_amdahls_law_in_closed_form():
    found = law(0.02, 0.0, [2])
    assert found.kind == "Amdahl"
    assert found.contention == pytest.approx(0.02)
    for n in (4, 8):
        assert found.efficiency(n).value == pytest.approx(usl(n, 0.02, 0.0))


def test_four_counts_give_back_a_planted_law():
    found = law(0.03, 0.002, [2, 4, 8])
    assert found.contention == pytest.approx(0.03)
    assert found.coherency == pytest.approx(0.002)
    assert found.efficiency(16).value == pytest.approx(usl(16, 0.03, 0.002))
    assert found.efficiency(3).source is Source.INTERPOLATED


def test_a_count_that_was_measured_is_answered_with_it_and_not_by_the_law():
    two_and_four = {
        n: Estimate.spread(value, {f"e{n}": 0.001}, "", Source.MEASURED, "")
        for n, value in ((2, 0.99), (4, 0.80))
    }
    found = ReplicaLaw(two_and_four, "made")
    assert found.kind == "Amdahl"
    assert found.efficiency(4) is two_and_four[4]
    # Least squares of contention (n - 1) = 1/e - 1, whose sigma is 0.001 / e.
    excess = (1 / 0.99 - 1, 1 / 0.80 - 1)
    top = 0.99**2 * 1 * excess[0] + 0.80**2 * 3 * excess[1]
    assert found.contention == pytest.approx(top / (0.99**2 * 1 + 0.80**2 * 9), rel=0.01)
    assert found.efficiency(8).value == pytest.approx(usl(8, found.contention, 0.0))


def test_no_law_gains_by_noise_what_replicas_cannot():
    found = law(-0.01, 0.0, [2])  # 1 % over the sum of the solo rates
    assert found.efficiency(2).value > 1  # as measured
    assert found.efficiency(8).value == 1.0
    assert found.efficiency(8).high <= 1.0
    both = law(0.05, -0.002, [2, 4, 8])
    assert both.coherency == 0.0
    assert both.contention > 0


@pytest.mark.parametrize("counts", [[2], [2, 4], [2, 4, 8]])
def test_extrapolation_is_labelled_and_widens(counts):
    found = law(0.03, 0.001, counts, sigma=0.004)
    far = [found.efficiency(n) for n in (max(counts), 2 * max(counts), 4 * max(counts))]
    widths = [each.relative_half_width for each in far]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    assert [each.source for each in far[1:]] == [Source.EXTRAPOLATED] * 2
    with pytest.raises(MissingDataError, match=r"expected at most \d+, 4 times what was measured"):
        found.efficiency(4 * max(counts) + 1)


def test_two_counts_hold_both_amdahl_and_the_worst_that_pairs_could_do():
    contention = law(0.03, 0.0, [2], sigma=0.001).efficiency(8)
    truth_by_pairs = usl(8, 0.0, 0.015)  # the same loss at 2 replicas
    assert contention.low < truth_by_pairs * 1.04
    assert contention.high == pytest.approx(usl(8, 0.03, 0.0), rel=0.02)


@pytest.mark.parametrize("trials", [60, pytest.param(200, marks=pytest.mark.long)])
def test_intervals_of_a_planted_law_hold_nine_in_ten_times(trials: int):
    random = np.random.default_rng(3)
    held = 0
    for trial in range(trials):
        efficiencies = {}
        for n in (2, 3, 4, 6, 8):
            seen = usl(n, 0.02, 0.001) * math.exp(0.004 * random.standard_normal())
            key = f"{trial}/{n}"
            efficiencies[n] = Estimate.spread(seen, {key: 0.004}, "", Source.MEASURED, "")
        answer = ReplicaLaw(efficiencies, f"trial {trial}").efficiency(12)
        held += answer.low <= usl(12, 0.02, 0.001) <= answer.high
    assert 0.82 <= held / trials <= 0.98


# Through the fit of a whole calibration -----------------------------------------------------------


def test_a_fleet_makes_its_efficiency_times_what_the_gpus_make_alone():
    fit = fc.fit(fleet_calibration(loss=0.02))
    both = fit.fleet_throughput(SHAPE, 1, replicas=2)
    one = fit.throughput(SHAPE, 1)
    assert fit.fleet_throughput(SHAPE, 1).value == pytest.approx(one.value)
    efficiency = fit.replica_efficiency(SHAPE, 1, 2)
    assert efficiency.value == pytest.approx(0.98, abs=0.004)
    assert both.value == pytest.approx(2 * one.value * efficiency.value)
    assert both.source is Source.MEASURED


@pytest.mark.parametrize("trials", [20, pytest.param(60, marks=pytest.mark.long)])
def test_measured_efficiency_is_covered_nine_in_ten_times(trials: int):
    held = 0
    for seed in range(trials):
        made = fleet_calibration(loss=0.02, seed=seed)
        fleets = ReplicaWindows(
            made, str(seed), lambda shape, batch: shape.pixels * batch, lambda _shape, _batch: 0.0
        )
        efficiency = fleets.law(SHAPE, 1).efficiency(2)
        held += efficiency.low <= 0.98 <= efficiency.high
        assert efficiency.relative_half_width < 0.004
    assert 0.82 <= held / trials <= 0.98


def test_efficiency_is_against_the_same_gpus_so_a_slow_one_costs_no_efficiency():
    fit = fc.fit(fleet_calibration(loss=0.0, second_gpu=1.10))
    efficiency = fit.replica_efficiency(SHAPE, 1, 2)
    # The fast GPU waits for the slow one at the end: 2 calls of 1.1 s against 1 + 1/1.1 a second.
    assert efficiency.value == pytest.approx((2 / 1.1) / (1 + 1 / 1.1), abs=0.004)


def open_fleets(made):
    return ReplicaWindows(
        made, "made", lambda shape, batch: shape.pixels * batch, lambda _shape, _n: 0.0
    )


def efficiencies(made):
    """Return the efficiency of each start's window of two replicas at once."""
    fleets = open_fleets(made)
    return {
        window.launch: None if (found := fleets.efficiency(window)) is None else found.value
        for window in fleets.windows
        if len(window.parts) == 2 and window.asked == (SHAPE, 1)
    }


def test_windows_of_two_hosts_are_each_read_against_their_own_gpus_alone():
    here = fleet_calibration(loss=0.02)
    there = on_another_host(fleet_calibration(loss=0.10, seed=6), pace=0.5)
    for order in ((here, there), (there, here)):
        assert efficiencies(merged(*order)) == {
            "start": pytest.approx(0.98, abs=0.004),
            "other": pytest.approx(0.90, abs=0.004),
        }
        both = open_fleets(merged(*order)).law(SHAPE, 1).efficiency(2)
        assert both.value == pytest.approx(math.sqrt(0.98 * 0.90), abs=0.004)
        assert both.low < 0.90  # hosts that differ are an error
        assert both.high > 0.98


def test_a_host_whose_gpus_were_never_timed_alone_says_nothing_of_efficiency():
    here = fleet_calibration(loss=0.02)
    there = kept(on_another_host(here, pace=0.5), replicas=2)
    found = efficiencies(merged(there, here))
    assert found == {"start": pytest.approx(0.98, abs=0.004), "other": None}
    assert open_fleets(merged(there, here)).law(SHAPE, 1).efficiency(2).value == found["start"]


def test_what_drifts_on_one_host_does_not_widen_another():
    here = fleet_calibration(loss=0.02)
    gains = on_another_host(fleet_calibration(loss=-0.10, seed=6), pace=0.5)

    def width(made):
        fleets = open_fleets(made)
        window = next(w for w in fleets.windows if w.launch == "start" and len(w.parts) == 2)
        return fleets.efficiency(window).relative_half_width

    assert width(merged(here, gains)) == width(here)


def test_alone_in_another_start_the_nearest_on_the_same_host_stands_in():
    made = fleet_calibration(loss=0.02)
    together = kept(in_a_start(made, "noon", hours=12), replicas=2)
    near = kept(in_a_start(made, "eleven", hours=11), replicas=1)
    far = kept(in_a_start(made, "dawn", hours=0, pace=2.0), replicas=1)
    for order in ((together, near, far), (far, near, together)):
        assert efficiencies(merged(*order))["noon"] == pytest.approx(0.98, abs=0.004)


def test_cores_are_read_against_all_of_the_same_host():
    here = fleet_calibration(loss=0.0, cpu_s=0.1, cores=(1, 2, 4, 8))
    free = on_another_host(fleet_calibration(loss=0.0, cpu_s=0.1), pace=0.5)
    for order in ((here, free), (free, here)):
        fleets = open_fleets(merged(*order))
        assert fleets.cores_needed(SHAPE, 1) == open_fleets(here).cores_needed(SHAPE, 1)
        factor = fleets.core_factor(SHAPE, 1, 1)
        assert factor.value == pytest.approx((0.5 + 0.1 / 16) / 0.6, abs=0.006)


def test_threads_of_one_process_do_not_touch_what_plans_use():
    beside = fleet_calibration(loss=0.02, loss_of_threads=0.5)
    processes = tuple(each for each in beside.replicas if not each.in_one_process)
    assert len(processes) < len(beside.replicas)
    without = beside.model_copy(update={"replicas": processes})
    for n in (2, 3):
        answers = [fc.fit(each).replica_efficiency(SHAPE, 1, n).value for each in (beside, without)]
        assert answers[0] == answers[1] > 0.9


def test_beyond_what_was_measured_is_extrapolated_and_other_shapes_are_interpolated():
    fit = fc.fit(fleet_calibration(loss=0.02))
    assert fit.fleet_throughput(SHAPE, 1, replicas=4).source is Source.EXTRAPOLATED
    between = fit.replica_efficiency(fc.Shape(768, 768, steps=4), 1, 2)
    assert between.source is Source.INTERPOLATED
    assert between.value == pytest.approx(0.98, abs=0.004)


def test_cores_needed_and_the_rate_with_fewer():
    # A call is 0.5 s on the GPU's side and 0.1 s of CPU work over the cores.
    fit = fc.fit(fleet_calibration(loss=0.0, cpu_s=0.1, cores=(1, 2, 4, 8)))
    assert fit.cores_needed(SHAPE, 1) == 16  # with 8 it still makes only 98.8 %
    middling = fc.fit(fleet_calibration(loss=0.0, cpu_s=0.03, cores=(1, 2, 4, 8)))
    assert middling.cores_needed(SHAPE, 1) == 8
    easy = fc.fit(fleet_calibration(loss=0.0, cpu_s=0.003, cores=(1, 2, 4)))
    assert easy.cores_needed(SHAPE, 1) == 1
    all_s = 0.5 + 0.1 / 16
    one = fit.fleet_throughput(SHAPE, 1).value
    for cores in (1, 2, 3, 4, 6):
        rate = fit.fleet_throughput(SHAPE, 1, cores=cores).value
        assert rate / one == pytest.approx(all_s / (0.5 + 0.1 / cores), abs=0.006)
    rates = [fit.fleet_throughput(SHAPE, 1, 2, cores=n).value for n in (1, 2, 4, 16)]
    assert rates == sorted(rates)
    with pytest.raises(InputError, match=r"cores is 0; expected a whole number"):
        fit.fleet_throughput(SHAPE, 1, 2, cores=0)


def test_what_was_never_measured_is_refused_with_a_remedy():
    shipped = fc.fit(fc.load_calibration("published/h100-sxm/flux2-klein-4b/diffusers-bf16"))
    with pytest.raises(MissingDataError, match=r"--suite scaling --gpus 1,2"):
        shipped.fleet_throughput(SHAPE, 1, replicas=2)
    with pytest.raises(MissingDataError, match=r"--cores 1,2,4,all"):
        fc.fit(fleet_calibration(loss=0.0)).cores_needed(SHAPE, 1)
    fleet = fc.fit(fleet_calibration(loss=0.0, cpu_s=0.1, cores=(2, 4)))
    with pytest.raises(MissingDataError, match=r"expected at least 2, the fewest measured"):
        fleet.fleet_throughput(SHAPE, 1, 2, cores=1)
    with pytest.raises(InputError, match=r"replicas is 0"):
        shipped.replica_efficiency(SHAPE, 1, 0)


def test_old_records_keep_their_hash_and_new_ones_come_back_whole(tmp_path):
    made = fleet_calibration(loss=0.02)
    made.save(tmp_path / "c.json")
    assert fc.load_calibration(tmp_path / "c.json") == made
    bare = made.model_copy(update={"replicas": ()})
    assert "replicas" not in bare.model_dump(exclude_defaults=True)
    assert bare.content_hash != made.content_hash
