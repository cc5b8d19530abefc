"""The search for the largest batch that runs, on imagined GPUs whose edge is known."""

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fluxcost.errors import InputError
from fluxcost.performance.calibration.extra_measurements import MemoryEdge
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.measured_cell import Cell, Memory, Samples
from measure.calibration_report import print_report
from measure.probes.memory_edge import MOST, find_edge
from tests.synthetic import make_calibration

MEMORY_GIB = 79.2
DRIVER_GIB = 1.2


def trial(batch: int, *, runs: bool, peak_gib: float | None = None) -> Cell:
    head = {"width": 1024, "height": 1024, "steps": 1, "batch": batch, "run": "r"}
    if not runs:
        return Cell(**head, status="out_of_memory", reason="CUDA out of memory")
    memory = None
    if peak_gib is not None:
        held_gib = peak_gib + 2.0
        memory = Memory(
            allocated_gib=peak_gib, reserved_gib=held_gib, device_gib=held_gib + DRIVER_GIB
        )
    samples = Samples(
        wall_s=(1.0,), text_encode_s=(0.1,), denoise_step_s=((0.5,),), vae_decode_s=(0.3,)
    )
    return Cell(**head, samples=samples, memory=memory)


def gpu(largest: int, peak_gib: Callable[[int], float | None]) -> Callable[[int], Cell]:
    return lambda batch: trial(batch, runs=batch <= largest, peak_gib=peak_gib(batch))


def edge(trials: tuple[Cell, ...]) -> MemoryEdge:
    return MemoryEdge(width=1024, height=1024, steps=1, run="r", trials=trials)


def test_peaks_on_a_line_lead_to_the_edge_in_four_trials():
    """18.6 + 1.5 n GiB beside the driver's 1.2 fill 79.2 GiB at n = 39.6."""
    trials = find_edge(gpu(39, lambda n: 18.6 + 1.5 * n), MEMORY_GIB)
    assert [each.batch for each in trials] == [1, 3, 39, 40]
    assert edge(trials).largest == 39
    assert edge(trials).smallest_refused == 40


def test_peaks_that_bend_cost_a_few_trials_more():
    """The measured eager peaks: an image alone takes more, many take less each."""
    known = {1: 17.35, 2: 18.98, 4: 23.0, 8: 31.05, 16: 43.14}
    trials = find_edge(gpu(37, lambda n: known.get(n, 43.14 + 1.44 * (n - 16))), MEMORY_GIB)
    assert edge(trials).largest == 37
    assert len(trials) <= 7


@given(
    largest=st.integers(1, 300), bend=st.floats(0.3, 3.0), told=st.sampled_from(["told", "untold"])
)
def test_the_edge_is_found_wherever_it_is(largest: int, bend: float, told: str):
    """Whether or not peaks are known, and whatever they suggest; no batch is tried twice."""

    def peak_gib(batch: int) -> float | None:
        return 10 + 60 * (batch / largest) ** bend if told == "told" else None

    trials = find_edge(gpu(largest, peak_gib), MEMORY_GIB)
    batches = [each.batch for each in trials]
    assert edge(trials).largest == largest
    assert edge(trials).smallest_refused == largest + 1
    assert len(set(batches)) == len(batches) <= 24


def test_not_one_image_is_an_edge_too():
    trials = find_edge(gpu(0, lambda _: None), MEMORY_GIB)
    assert [each.batch for each in trials] == [1]
    assert edge(trials).largest == 0


def test_a_size_without_an_edge_ends_at_the_most_that_is_tried():
    trials = find_edge(gpu(10**6, lambda _: None), MEMORY_GIB)
    assert edge(trials).largest == MOST
    assert edge(trials).smallest_refused is None


def test_the_report_prints_the_edge():
    found = edge(find_edge(gpu(39, lambda n: 18.6 + 1.5 * n), MEMORY_GIB))
    record = make_calibration(grid=[(512, 512, 4, 1)])
    console = Console(width=200, record=True, file=io.StringIO())
    print_report(record.model_copy(update={"memory_edges": (found,)}), console)
    assert "memory at 1024x1024: batch 39 ran, 40 did not" in console.export_text()


def test_an_edge_that_contradicts_itself_is_refused():
    with pytest.raises(InputError, match="no batch that ran above one that did not"):
        MemoryEdge.parse(
            {
                "width": 1024,
                "height": 1024,
                "steps": 1,
                "run": "r",
                "trials": [trial(4, runs=False), trial(8, runs=True)],
            },
            "an edge",
        )


@pytest.mark.parametrize("gpu_key", ["h100-sxm", "h200-sxm"])
def test_a_trial_may_be_of_one_step_since_peaks_do_not_depend_on_them(gpu_key: str):
    peaks: dict[tuple[int, ...], list[float]] = {}
    for cell in load_calibration(f"{gpu_key}/flux2-klein-4b/eager-bf16").ok_cells:
        if cell.memory is None:  # a replica's solo window, which reads no peak
            continue
        assert cell.memory.allocated_gib is not None
        key = (cell.width, cell.height, cell.batch, cell.reference_images)
        peaks.setdefault(key, []).append(cell.memory.allocated_gib)
    several = [each for each in peaks.values() if len(each) > 1]
    assert len(several) >= 5
    assert all(max(each) - min(each) < 1e-3 for each in several)
