"""Calls with reference images on the tiny model: tokens, forwards, FLOPs and what a cell keeps."""

import pytest
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from fluxcost.errors import InputError
from fluxcost.performance.architecture import reference_size
from fluxcost.performance.flops import denoise_step, reference_encode
from fluxcost.workload.shape import Shape
from measure.bench import noise_references
from measure.journal import JournalRow
from measure.protocol import measure_cell
from measure.suites import Point, Protocol, load_suite, point
from tests.measure.pipelines.test_pipeline_flops import DENOISER, ONE_VECTOR_AN_IMAGE


def tokens_seen(bench, each):
    """Return the image tokens of every forward of one call."""
    seen = []
    hook = bench.pipeline.transformer.register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(tuple(kwargs["hidden_states"].shape[:2])),
        with_kwargs=True,
    )
    try:
        bench.generate(each, output_type="pt")
    finally:
        hook.remove()
    return seen


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("batch", [1, 2])
def test_every_forward_sees_the_tokens_that_are_counted(bench, count, batch):
    shape = Shape(96, 64, 3, count)
    architecture = bench.blueprint.architecture
    expected = architecture.tokens(shape) - architecture.text_tokens
    assert expected == (1 + count) * 96 * 64 // 256
    assert tokens_seen(bench, Point(shape, batch)) == [(batch, expected)] * 3


@pytest.mark.parametrize("size", [(1024, 1024), (1536, 1024), (2048, 2048), (1280, 720)])
def test_references_are_resized_as_diffusers_does(bench, size):
    processor = bench.pipeline.image_processor
    image = processor._resize_if_exceeds_area(Image.new("RGB", size), 1024 * 1024)
    sides = tuple(side // 16 * 16 for side in image.size)
    assert reference_size(*size) == sides


@pytest.mark.parametrize(("count", "batch"), [(1, 1), (2, 1), (1, 2)])
def test_the_work_of_references_is_what_pytorch_counts(bench, count, batch):
    shape = Shape(96, 64, 1, count)
    with FlopCounterMode(display=False) as counter:
        bench.generate(Point(shape, batch), output_type="pt")
    found = counter.get_flop_counts()
    flops = {name: sum(operators.values()) for name, operators in found.items()}
    architecture = bench.blueprint.architecture
    vectors = sum(flops[f"{DENOISER}.{part}"] for part in ONE_VECTOR_AN_IMAGE)
    assert denoise_step(architecture, shape, batch).matmul_flop == flops[DENOISER] - vectors
    # quant_conv is a child of the autoencoder, beside its encoder; post_quant_conv works on the
    # latents of the image made.
    latents, channels = 96 * 64 // 64, architecture.vae.latent_channels
    quantization = flops["Conv2d"] - 2 * batch * latents * channels**2
    assert reference_encode(architecture, shape).matmul_flop == flops["Encoder"] + quantization


def test_no_references_are_no_work(bench):
    work = reference_encode(bench.blueprint.architecture, Shape(96, 64, 1))
    assert (work.flop, work.traffic_bytes) == (0, 0)


def test_a_cell_keeps_its_references_and_their_stage(bench):
    protocol = Protocol(max_warmup_calls=2, min_samples=2, min_samples_slow=2, min_duration_s=0.01)
    with_one = measure_cell(
        bench, Point(Shape(64, 64, 1, 1), 1), protocol, run="r", order=0, suites=("editing",)
    )
    samples = with_one.samples
    assert samples is not None
    assert with_one.shape == Shape(64, 64, 1, 1)
    assert with_one.label == "64x64, 1 steps, 1 references, batch 1"
    assert len(samples.reference_encode_s) == len(samples.wall_s)
    assert all(each > 0 for each in (*samples.reference_encode_s, *samples.host_s))
    without = measure_cell(
        bench, Point(Shape(64, 64, 1), 1), protocol, run="r", order=0, suites=("editing",)
    )
    assert without.samples is not None
    assert without.samples.reference_encode_s == ()
    assert (
        JournalRow(cell=with_one).model_dump(exclude_defaults=True)["cell"]["reference_images"] == 1
    )


def test_the_suite_times_none_one_and_two_references_once_each():
    points = list(load_suite("editing").points())
    assert len(set(points)) == len(points)
    found = {each.shape.reference_images for each in points if each.shape.width == 512}
    assert found == {0, 1, 2}
    assert point((512, 512, 4, 1, 2)) == Point(Shape(512, 512, 4, 2), 1)
    assert point((512, 512, 4, 1)) == Point(Shape(512, 512, 4), 1)


def test_reference_pictures_are_the_same_every_time():
    first = noise_references(Shape(64, 48, 1, 2))
    noise_references.cache_clear()
    again = noise_references(Shape(64, 48, 1, 2))
    assert [each.size for each in first] == [(64, 48)] * 2
    assert [each.tobytes() for each in first] == [each.tobytes() for each in again]
    assert first[0].tobytes() != first[1].tobytes()


def test_a_model_that_takes_no_references_says_so(bench):
    pipeline = bench.blueprint.architecture.pipeline.model_copy(update={"takes_references": False})
    architecture = bench.blueprint.architecture.model_copy(update={"pipeline": pipeline})
    with pytest.raises(InputError, match="reference_images is 1; flux2-klein-tiny takes none"):
        architecture.tokens(Shape(64, 64, 1, 1))


def test_a_call_that_encodes_no_reference_is_refused(bench, monkeypatch):
    from measure.errors import MeasurementError

    monkeypatch.setattr(
        "measure.bench.noise_references", lambda _shape: noise_references(Shape(64, 64, 1, 1))
    )
    assert torch.is_grad_enabled()
    with pytest.raises(MeasurementError, match="2 reference images ran 1 encodes"):
        bench.time_call(Point(Shape(64, 64, 1, 2), 1))
