"""Suites against the grids they are documented to hold."""

from pathlib import Path

import pytest

from fluxcost.documents import write_atomically
from fluxcost.errors import InputError, UnknownNameError
from fluxcost.workload.shape import Shape
from measure import suites
from measure.suites import Point, load_suite, points_by_suite, shipped_suites


def test_generation_is_five_sizes_by_three_step_counts():
    points = set(load_suite("generation").points())
    sizes = [(512, 512), (768, 768), (1280, 720), (1024, 1024), (1536, 1024)]
    assert points == {Point(Shape(w, h, n), 1) for w, h in sizes for n in (4, 8, 12)}


def test_batch_ramps_two_sizes_and_anchors_both_ends():
    points = set(load_suite("batch").points())
    ramp = {Point(Shape(1024, 1024, 4), b) for b in (1, 2, 4, 8, 16)}
    small = {Point(Shape(512, 512, 4), b) for b in (1, 2, 4, 16)}
    anchors = {Point(Shape(384, 384, 4), 1), Point(Shape(2048, 2048, 4), 1)}
    assert points == ramp | small | anchors


def test_a_point_two_suites_share_is_measured_once_for_both():
    shared = points_by_suite([load_suite("generation"), load_suite("batch")])
    assert len(shared) == 15 + 11 - 2
    assert shared[Point(Shape(1024, 1024, 4), 1)] == ("generation", "batch")
    assert shared[Point(Shape(1024, 1024, 8), 1)] == ("generation",)


def test_every_shipped_suite_loads_under_its_file_s_name():
    files = Path(suites.__file__).parent.glob("*.yaml")
    assert {suite.name for suite in shipped_suites()} == {path.stem for path in files}
    assert all(list(suite.points()) for suite in shipped_suites())


BESIDE = Path(__file__).parent.parent.parent / "benchmarks" / "suites"


def test_suites_of_other_models_hold_the_cells_their_comparison_needs():
    cells = {
        path.stem: {
            (each.shape.width, each.shape.steps, each.batch)
            for each in load_suite(str(path)).points()
        }
        for path in BESIDE.glob("*.yaml")
    }
    assert cells == {
        "few-steps": {(512, 2, 1), (512, 4, 1), (1024, 2, 1), (1024, 4, 1)},
        "sdxl": {(512, 20, 1), (512, 25, 1), (1024, 4, 1), (1024, 20, 1), (1024, 25, 1)},
        "sd3.5-large": {(512, 4, 1), (512, 28, 1), (1024, 4, 1), (1024, 28, 1)},
        "z-image-turbo": {(512, 4, 1), (512, 8, 1), (1024, 4, 1), (1024, 8, 1)},
        "four-images": {(512, 4, 4), (1024, 4, 4)},
        "sdxl-rest": {(512, 25, 1), (1024, 25, 1), (1024, 4, 4)},
        "sd3.5-large-rest": {(1024, 4, 4)},
        "flux1-schnell-rest": {(1024, 2, 1)},
    }


def test_an_unknown_suite_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"'generations'.*nearest: generation"):
        load_suite("generations")


def test_a_size_off_the_grid_is_refused_with_a_remedy(tmp_path):
    path = tmp_path / "mine.yaml"
    head = "format: fluxcost-suite\nversion: 1\nname: mine\ndescription: mine\n"
    write_atomically(path, head + "grids:\n  - {sizes: [[1000, 512]], steps: [4], batches: [1]}\n")
    with pytest.raises(
        InputError, match=r"width is 1000; expected a multiple of 16 pixels; use 992"
    ):
        list(load_suite(str(path)).points())


@pytest.mark.parametrize("bad", ["steps: [0]", "steps: [four]", "steps: []"])
def test_a_bad_count_names_the_field(tmp_path, bad):
    path = tmp_path / "mine.yaml"
    head = "format: fluxcost-suite\nversion: 1\nname: mine\ndescription: mine\n"
    write_atomically(path, head + f"grids:\n  - {{sizes: [[64, 64]], {bad}, batches: [1]}}\n")
    with pytest.raises(InputError, match=r"mine\.yaml: grids\.0\.steps"):
        load_suite(str(path))


@pytest.mark.parametrize("version", [True, 1.0])
def test_a_suite_of_a_version_that_is_no_whole_number_is_refused(version: object):
    with pytest.raises(InputError, match=f"version is {version}; expected: a valid integer"):
        suites.Suite.parse({"format": "fluxcost-suite", "version": version}, "mine")
