"""The tables against replicas whose losses are planted."""

import io

import pytest
from rich.console import Console

from measure.replicas.scaling_report import print_fleets
from tests.fleets import fleet_calibration


def printed(calibration):
    stream = io.StringIO()
    print_fleets(calibration, Console(file=stream, width=150))
    return stream.getvalue()


def shown(**planted):
    return printed(fleet_calibration(**planted))


def test_a_planted_loss_is_shown_beside_the_articles():
    told = shown(loss=0.10)
    rows = [line for line in told.splitlines() if "1024x1024" in line]
    assert len(rows) == 1
    efficiency = float(rows[0].split("│")[5].split("%")[0])
    assert abs(efficiency - 90) < 0.5
    assert "95%" in rows[0]  # 0.82 of 2 x 0.43 images a second
    # Alone a call takes 0.5 s and together 0.5 / 0.9; nothing but the rest of the call grew.
    assert [float(cell) for cell in rows[0].split("│")[7:10]] == [0, 0, 0]
    assert abs(float(rows[0].split("│")[10]) - 1000 * (0.5 / 0.9 - 0.5)) < 2


def rows_of(told):
    return [line.split("│") for line in told.splitlines() if "1024x1024" in line]


@pytest.mark.parametrize("alone", [True, False])
def test_threads_of_one_process_stand_beside_processes(alone):
    made = fleet_calibration(loss=0.01, loss_of_threads=0.20)
    kept = [part for part in made.replicas if alone or part.replicas > 1 or not part.in_one_process]
    rows = rows_of(printed(made.model_copy(update={"replicas": tuple(kept)})))
    assert [row[3].strip() for row in rows] == ["2 processes", "2 threads"]
    efficiencies = [float(row[5].split("%")[0]) for row in rows]
    assert efficiencies == pytest.approx([99, 80], abs=0.5)


def test_threads_are_read_against_themselves_alone_in_their_own_start():
    rows = rows_of(shown(loss=0.01, loss_of_threads=0.20, pace_of_threads=1.5))
    efficiencies = [float(row[5].split("%")[0]) for row in rows]
    assert efficiencies == pytest.approx([99, 80], abs=0.5)
    rates = [float(row[4]) for row in rows]
    assert rates[1] == pytest.approx(rates[0] * 0.80 / 0.99 / 1.5, rel=0.01)


def test_cores_are_shown_with_what_is_needed():
    told = shown(loss=0.0, cpu_s=0.03, cores=(1, 4, 8))
    line = next(line for line in told.splitlines() if line.startswith("1024x1024"))
    assert "1: 94.7%" in line  # (0.5 + 0.03 / 16) / (0.5 + 0.03)
    assert "needs 8" in told


def test_a_calibration_without_replicas_shows_nothing():
    bare = fleet_calibration(loss=0.0).model_copy(update={"replicas": ()})
    assert printed(bare) == ""
