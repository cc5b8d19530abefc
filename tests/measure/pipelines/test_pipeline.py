"""The pipeline as built: the real network's sizes, the tiny one's activations and step counts."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fluxcost.workload.shape import Shape
from measure.errors import MeasurementError
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.synthetic_weights import check_activations, fill_synthetic
from measure.stage_timing import Clock, SpanRecorder
from measure.suites import Point


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_klein_4b_has_the_published_parameter_counts():
    from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel

    document = load_blueprint("flux2-klein-4b").document
    with torch.device("meta"):
        transformer = Flux2Transformer2DModel(**document.transformer)
        vae = AutoencoderKLFlux2(**document.vae)
    assert parameters(transformer) == pytest.approx(3.876e9, rel=1e-3)
    assert parameters(vae.decoder) == pytest.approx(49.6e6, rel=1e-3)


@pytest.mark.parametrize(
    ("tokens", "sigmas"),
    [
        (1024, (1, 0.9581, 0.8840, 0.7175)),
        (2304, (1, 0.9622, 0.8947, 0.7390)),
        (3600, (1, 0.9660, 0.9046, 0.7596)),
        (4096, (1, 0.9674, 0.9081, 0.7672)),
        (16384, (1, 0.9870, 0.9619, 0.8939)),
    ],
)
def test_the_scheduler_gives_the_golden_noise_levels(bench, tokens, sigmas):
    from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu

    scheduler = bench.pipeline.scheduler
    mu = compute_empirical_mu(image_seq_len=tokens, num_steps=4)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / 4, 4), mu=mu)
    assert scheduler.sigmas[:4].tolist() == pytest.approx(sigmas, abs=1e-4)


@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (4, 1), (3, 2)])
def test_stages_partition_the_call_and_every_step_is_one_forward(bench, steps, batch):
    sample = bench.time_call(Point(Shape(64, 64, steps), batch))
    spans = sample.spans
    assert len(spans.denoise_step_s) == steps
    covered = spans.text_encode_s + sum(spans.denoise_step_s) + spans.vae_decode_s
    assert 0 < covered <= sample.wall_s


def test_a_pipeline_that_runs_two_forwards_a_step_is_refused(bench):
    recorder = SpanRecorder(forwards_per_step=1)
    pipeline = bench.pipeline
    asked = {"prompt": "x", "guidance_scale": 4.0, "max_sequence_length": 96}
    pipeline.register_to_config(is_distilled=False)
    try:
        with recorder.attached(pipeline, Clock(torch.device("cpu"))):
            pipeline(**asked, width=64, height=64, num_inference_steps=2)
        with pytest.raises(
            MeasurementError, match="2 steps ran 4 transformer forwards; expected 2"
        ):
            recorder.read(steps=2)
    finally:
        pipeline.register_to_config(is_distilled=True)


def test_hooks_are_gone_after_a_call(bench):
    bench.time_call(Point(Shape(64, 64, 1), 1))
    assert not bench.pipeline.transformer._forward_pre_hooks
    assert "decode" not in vars(bench.pipeline.vae)


def test_the_same_seed_gives_the_same_image_and_another_call_another(bench):
    point = Point(Shape(64, 64, 1), 1)
    bench.calls = 0
    first, second = (bench.generate(point, output_type="pt") for _ in range(2))
    bench.calls = 0
    again = bench.generate(point, output_type="pt")
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_synthetic_weights_repeat_and_scale():
    a, b, c = (torch.nn.Linear(64, 64) for _ in range(3))
    fill_synthetic(a, seed=1, scale=1.0)
    fill_synthetic(b, seed=1, scale=1.0)
    fill_synthetic(c, seed=1, scale=10.0)
    assert torch.equal(a.weight, b.weight)
    assert torch.allclose(c.weight, 10 * a.weight)
    assert float(a.weight.detach().std()) == pytest.approx(64**-0.5, rel=0.05)
    assert not a.bias.any()


def test_live_activations_pass_and_dead_ones_are_refused(bench):
    bench.check(Point(Shape(64, 64, 1), 1))
    with pytest.raises(
        MeasurementError, match=r"the transformer's output has standard deviation 0"
    ):
        check_activations({"transformer": torch.zeros(4, 4)})
    with pytest.raises(MeasurementError, match="the decoder put out values that are not finite"):
        check_activations({"decoder": torch.tensor([1.0, float("nan")])})


def test_zeroed_weights_are_noticed(bench):
    pipeline = SimpleNamespace(transformer=torch.nn.Linear(8, 8))
    fill_synthetic(pipeline.transformer, seed=0, scale=0.0)
    out = pipeline.transformer(torch.randn(4, 8)).detach()
    with pytest.raises(MeasurementError, match="standard deviation"):
        check_activations({"transformer": out})
