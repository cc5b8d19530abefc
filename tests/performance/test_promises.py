"""What every answer promises, on random shapes: order, the floor, and refusals by the rule."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcost.errors import InfeasibleError, MissingDataError
from fluxcost.estimate import Estimate, UntrustworthyError
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.measured_cell import Cell
from fluxcost.performance.fit import Fit, fit
from fluxcost.workload.shape import Shape
from tests.examples import examples

RECORDS = {
    "eager": "h200-sxm/flux2-klein-4b/eager-bf16",
    "compiled": "h200-sxm/flux2-klein-4b/compiled-bf16",
    "a CPU that wavers": "h100-sxm/flux2-klein-4b/eager-bf16",
    "few cells": "h100-sxm/flux2-klein-9b/eager-bf16",
    "24 GiB": "h200-sxm/flux2-klein-4b/eager-bf16",
    "an edge measured": "h200-sxm/flux2-klein-4b/eager-bf16",
}


@functools.cache
def fit_of(name: str) -> Fit:
    """Return a fit by its name in `RECORDS`, with the change that the name tells of."""
    record = load_calibration(RECORDS[name])
    if name == "24 GiB":
        record = record.model_copy(
            update={"gpu": record.gpu.model_copy(update={"memory_gib": 24.0})}
        )
    if name == "an edge measured":
        edge = Cell(
            width=1024,
            height=1024,
            steps=4,
            batch=12,
            run=record.runs[0].id,
            status="out_of_memory",
            reason="full",
        )
        record = record.model_copy(update={"cells": (*record.cells, edge)})
    return fit(record)


SHIPPED = ["eager", "compiled", "a CPU that wavers"]

sides = st.integers(16, 160).map(lambda n: 16 * n)
questions = st.tuples(sides, sides, st.integers(1, 40), st.integers(1, 40))


def expected(fitted: Fit, shape: Shape, batch: int) -> type[Exception] | None:
    """Return the refusal the rule asks for, by the record and the fitted peak and spread."""
    cells = fitted.calibration.ok_cells
    if any((cell.shape, cell.batch) == (shape, batch) for cell in cells):
        return None
    for cell in fitted.calibration.cells:
        less = cell.shape.pixels <= shape.pixels and cell.batch <= batch
        if cell.status == "out_of_memory" and less:
            return InfeasibleError
    tokens = shape.pixels // 256 + 512
    most = max((cell.shape.pixels // 256 + 512) * cell.batch for cell in cells)
    if tokens * batch > 2 * most:
        return MissingDataError
    if fitted.peak.gib(shape.pixels, batch) > fitted.calibration.gpu.memory_gib:
        return InfeasibleError
    seconds, sigmas = fitted.times.call(shape, batch)
    sigmas |= fitted.common(shape, batch)
    spread = Estimate.spread(seconds, sigmas, "s", fitted.calibration.source, "")
    return UntrustworthyError if spread.relative_half_width > 0.25 else None


@settings(max_examples=examples(120))
@given(st.sampled_from(sorted(RECORDS)), questions)
def test_refusals_are_those_of_the_rule(name: str, question: tuple[int, int, int, int]):
    shape, batch = Shape(*question[:3]), question[3]
    fitted = fit_of(name)
    refusal = expected(fitted, shape, batch)
    if refusal is None:
        estimate = fitted.latency(shape, batch)
        assert 0 < estimate.low <= estimate.value <= estimate.high
        return
    with pytest.raises(refusal) as caught:
        fitted.latency(shape, batch)
    if isinstance(caught.value, UntrustworthyError):
        assert caught.value.estimate.relative_half_width > 0.25


def seconds_of(fitted: Fit, shape: Shape, batch: int) -> float | None:
    """Return the median answered, or carried by a refusal for its width; None where refused."""
    try:
        return fitted.latency(shape, batch).value
    except UntrustworthyError as error:
        return error.estimate.value
    except (MissingDataError, InfeasibleError):
        return None


@functools.cache
def noise_of(name: str) -> float:
    """Return how far a record's own cells contradict the order: the largest drop of a median
    where more was asked, as a share."""
    fitted = fit_of(name)
    medians = {
        (cell.shape.pixels, cell.batch, cell.steps): fitted.latency(cell.shape, cell.batch).value
        for cell in fitted.calibration.ok_cells
        if not cell.reference_images
    }
    drops = [
        1 - medians[more] / medians[less]
        for less in medians
        for more in medians
        if all(a <= b for a, b in zip(less, more, strict=True))
    ]
    return max(0.0, *drops)


@settings(max_examples=examples(150))
@given(st.sampled_from(SHIPPED), questions, questions)
def test_more_never_takes_less_beyond_measured_noise(
    name: str, one: tuple[int, int, int, int], other: tuple[int, int, int, int]
):
    """Pixels, steps and batch on the shipped records. Exact cells are answered as measured, so the
    order holds up to what the cells themselves contradict."""
    fitted = fit_of(name)
    few, many = sorted([one, other], key=lambda question: question[0] * question[1])
    more = Shape(many[0], many[1], max(few[2], many[2]))
    slow = seconds_of(fitted, more, max(few[3], many[3]))
    quick = seconds_of(fitted, Shape(*few[:3]), few[3])
    if slow is not None and quick is not None:
        assert quick <= slow / (1 - noise_of(name)) * (1 + 1e-9)


def test_the_records_contradict_themselves_by_noise_only():
    assert noise_of("compiled") < 0.01
    assert noise_of("eager") < 0.12
    assert noise_of("a CPU that wavers") < 0.12


@settings(max_examples=examples(80))
@given(st.sampled_from(SHIPPED), questions)
def test_no_answer_is_under_its_floor(name: str, question: tuple[int, int, int, int]):
    fitted = fit_of(name)
    shape, batch = Shape(*question[:3]), question[3]
    answered = seconds_of(fitted, shape, batch)
    if answered is not None:
        assert answered >= fitted.floor(shape, batch).total_s


@settings(max_examples=examples(80))
@given(st.sampled_from(SHIPPED), sides, sides)
def test_memory_never_falls_as_a_batch_grows(name: str, width: int, height: int):
    fitted = fit_of(name)
    peaks = [fitted.peak.gib(width * height, batch) for batch in range(1, 24)]
    assert np.all(np.diff(peaks) > -0.005 * np.array(peaks[1:]))
