"""Prompts encoded once: the same pictures, a text stage that is a look-up, and no miss unseen."""

import functools
from pathlib import Path

import pytest
import torch
import yaml

from fluxcost.documents import read_yaml
from fluxcost.workload.shape import Shape
from measure.bench import Bench, open_bench
from measure.errors import MeasurementError
from measure.pipelines.blueprint import Blueprint, load_blueprint
from measure.prompts import PROMPTS
from measure.stacks import cached_prompts, eager_bf16, recipe
from measure.suites import Point
from measure.telemetry import NullTelemetry
from tests.measure.conftest import TINY_MODEL

CPU = torch.device("cpu")
KEPT = "compiled-bf16-cached-prompts"
POINT = Point(Shape(64, 64, 1), 1)


@pytest.fixture(scope="module")
def blueprint(tmp_path_factory: pytest.TempPathFactory) -> Blueprint:
    """The tiny model, called with as many text tokens as klein's pipeline takes by default.

    The stack encodes the prompts of measurements by those defaults.
    """
    document = read_yaml(Path(TINY_MODEL))
    del document["pipeline"]["call"]
    document["pipeline"]["max_sequence_length"] = 512
    path = tmp_path_factory.mktemp("model") / "tiny.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_blueprint(str(path))


@pytest.fixture(scope="module")
def bench(blueprint: Blueprint) -> Bench:
    made = eager_bf16.recipe(CPU)
    return open_bench(blueprint, made, CPU, NullTelemetry(), weights=None, seed=0)


@pytest.fixture(scope="module")
def cached(blueprint: Blueprint) -> Bench:
    made = cached_prompts.recipe(CPU, base=eager_bf16.recipe)
    return open_bench(blueprint, made, CPU, NullTelemetry(), weights=None, seed=0)


def test_the_first_call_of_all_finds_its_prompts(cached: Bench):
    cached.time_call(Point(Shape(64, 64, 1), len(PROMPTS)))  # or it is refused


def test_the_picture_is_that_of_the_stack_without_bit_for_bit(bench: Bench, cached: Bench):
    bench.calls = cached.calls = 0
    for point in (POINT, Point(Shape(64, 64, 1), 2)):
        one, two = (each.generate(point, output_type="pt") for each in (bench, cached))
        assert torch.equal(one, two)


def test_the_text_stage_is_a_look_up(bench: Bench, cached: Bench):
    encoded, found = (each.time_call(POINT).spans for each in (bench, cached))
    assert 0 < found.text_encode_s < encoded.text_encode_s / 2
    assert len(found.denoise_step_s) == 1


def test_a_call_that_encodes_is_refused(cached: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("measure.bench.PROMPTS", ("a prompt nobody gave before",))
    with pytest.raises(MeasurementError, match="encoded a prompt that was to be known"):
        cached.time_call(POINT)
    cached.time_call(POINT)  # by now it came before


def test_each_prompt_is_encoded_once_and_the_least_used_given_up(
    bench: Bench, cached: Bench, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    encode = bench.pipeline.encode_prompt

    @functools.wraps(encode)
    def counting(prompt: str, **options: object) -> object:
        asked.append(prompt)
        return encode(prompt=prompt, **options)

    monkeypatch.setattr(cached_prompts, "MOST_PROMPTS", 2)
    monkeypatch.setattr(bench.pipeline, "encode_prompt", counting)
    cached_prompts.keep_prompts(bench.pipeline)
    ask = bench.pipeline.encode_prompt
    for prompts in (["a", "b"], ["b"], ["a"], ["c"], ["a"], ["b"]):
        embeddings, ids = ask(prompt=prompts, device=CPU)
        assert len(embeddings) == len(ids) == len(prompts)
    singles = [each for each in asked if isinstance(each, str)]
    assert singles == ["a", "b", "c", "b"]  # b was the least recently used when c came
    shallow, _ = ask(prompt="a", text_encoder_out_layers=(9, 18, 26))
    deep, _ = ask(prompt="a")
    assert not torch.equal(shallow, deep)


def test_it_is_a_stack_of_its_own():
    plain, kept = (recipe(name, CPU).stack for name in ("compiled-bf16", KEPT))
    assert kept.alias == KEPT
    assert kept.keeps_prompts
    assert not plain.keeps_prompts
    assert kept.settings == plain.settings | {"prompt_embeddings": "cached"}
    assert len(PROMPTS) < cached_prompts.MOST_PROMPTS
