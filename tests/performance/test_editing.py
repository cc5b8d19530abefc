"""Calls with reference images: measured as measured, others by tokens, against known physics."""

import numpy as np
import pytest

import fluxcost as fc
from fluxcost.economics.catalog import load_catalog
from fluxcost.errors import MissingDataError
from fluxcost.estimate import Source
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape
from tests.synthetic import EDITS, Machine, make_calibration

TRUTH = Machine()


@pytest.fixture(scope="module")
def fitted():
    return fit(make_calibration(edits=EDITS))


def true_s(shape: Shape, batch: int = 1) -> float:
    text, encode, steps, vae, host = TRUTH.edit_spans(
        shape.pixels, shape.steps, batch, shape.reference_images, 1.0, 1.0
    )
    return text + encode + sum(steps) + vae + host


def test_a_measured_edit_is_answered_as_measured(fitted):
    shape = Shape(1024, 1024, 4, 1)
    (cell,) = [each for each in fitted.calibration.cells if each.shape == shape]
    found = fitted.latency(shape)
    assert found.value == np.median(cell.samples.wall_s)
    assert found.source is Source.MEASURED
    stages = fitted.stages(shape)
    assert stages["reference_encode"].value == np.median(cell.samples.reference_encode_s)
    assert fitted.memory(shape).value == cell.memory.device_gib


@pytest.mark.parametrize(
    ("shape", "batch"),
    [
        (Shape(768, 768, 4, 1), 1),
        (Shape(768, 768, 4, 2), 1),
        (Shape(1024, 1024, 8, 1), 1),
        (Shape(1024, 768, 6, 2), 1),
        (Shape(1024, 1024, 4, 1), 4),
    ],
)
def test_an_edit_in_between_is_predicted_within_its_interval(fitted, shape, batch):
    found = fitted.latency(shape, batch)
    truth = true_s(shape, batch)
    assert found.source is Source.INTERPOLATED
    assert found.value == pytest.approx(truth, rel=0.03)
    assert found.low <= truth <= found.high


def test_time_rises_with_references_and_more_than_its_image_alone(fitted):
    times = [fitted.latency(Shape(768, 768, 4, count)).value for count in (0, 1, 2)]
    assert times == sorted(times)
    # Twice the image tokens in each step, so over half as much again on this machine.
    assert times[1] > 1.4 * times[0]


def test_more_references_than_measured_are_extrapolated(fitted):
    found = fitted.latency(Shape(512, 512, 4, 3))
    assert found.source is Source.EXTRAPOLATED
    assert found.low <= true_s(Shape(512, 512, 4, 3)) <= found.high


def test_large_references_count_only_as_large_as_they_are_resized_to(fitted):
    tokens = fitted.architecture.tokens
    assert tokens(Shape(2048, 2048, 4, 1)) - tokens(Shape(2048, 2048, 4)) == 4096


@pytest.mark.parametrize("ask", ["memory", "energy", "stages"])
def test_what_edits_do_not_show_is_refused(fitted, ask):
    with pytest.raises(MissingDataError, match="of edits it is not predicted"):
        getattr(fitted, ask)(Shape(768, 768, 4, 1))


def test_without_a_measured_edit_none_is_predicted():
    with pytest.raises(MissingDataError, match="only text to image was measured"):
        fit(make_calibration()).latency(Shape(512, 512, 4, 1))


def test_edits_change_no_answer_about_text_to_image(fitted):
    plain = fit(make_calibration())
    for shape in (Shape(1024, 1024, 4), Shape(704, 1344, 6)):
        assert fitted.latency(shape).value == plain.latency(shape).value


def test_one_size_of_references_is_enough_to_scale_from():
    found = fit(make_calibration(edits=[(1024, 1024, 4, 1, 1)])).latency(Shape(1024, 1024, 8, 1))
    assert found.value == pytest.approx(true_s(Shape(1024, 1024, 8, 1)), rel=0.03)


def test_an_edit_is_priced_by_its_time_and_by_input_where_tariffs_charge_it(fitted):
    catalog = load_catalog()
    offer = catalog.offer("runpod/h100-sxm-secure")
    plain, edit = Shape(768, 768, 4), Shape(768, 768, 4, 1)
    costs = [
        fc.cost_per_image(fitted, offer, each, utilization=0.6).total for each in (plain, edit)
    ]
    times = [fitted.occupancy(each).value for each in (plain, edit)]
    assert costs[1].value / costs[0].value == pytest.approx(times[1] / times[0])

    tariff = catalog.tariff("cloudflare/flux-2-klein-4b")
    shape = Shape(1024, 1024, 4)
    prices = [
        tariff.usd_per_image(Shape(shape.width, shape.height, shape.steps, count)).value
        for count in (0, 1, 2)
    ]
    # Four tiles of 512 out at 0.000287 USD, and four of each reference in at 0.000059.
    assert prices == pytest.approx([0.001148, 0.001148 + 0.000236, 0.001148 + 0.000472])
