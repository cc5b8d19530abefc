"""The whole path: a checkpoint draws, judges score, a record stands, and nothing is done twice."""

import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from fluxcost.errors import DocumentError, InputError, UnknownNameError
from fluxcost.performance.quality.quality_figures import figure
from fluxcost.performance.quality.quality_lookup import load_quality
from fluxcost.performance.quality.quality_metrics import Metric
from measure.cli import app
from measure.pipelines.blueprint import load_blueprint
from measure.pipelines.families import call_arguments
from measure.quality import quality_run
from measure.quality.checkpoint import revision_of
from measure.quality.clip import ClipJudge
from measure.quality.lpips import LpipsJudge
from measure.quality.quality_run import QualityRequest, generate_picture, run_quality
from tests.measure.conftest import TINY_MODEL
from tests.measure.quality.conftest import PROMPTS, save_clip

QUIET = Console(quiet=True)


@pytest.fixture
def request_(tmp_path, checkpoint, clip, lpips, prompts):
    return QualityRequest(
        suite="clip",
        out=tmp_path / "out",
        model=TINY_MODEL,
        stack="eager-bf16",
        weights=str(checkpoint),
        clip=str(clip),
        lpips=str(lpips),
        device="cpu",
        seed=5,
        size=(64, 48),
        seeds=2,
        steps=None,
        prompts=str(prompts),
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, checkpoint, clip):
    """A folder in which the suite has run, and its record."""
    folder = tmp_path_factory.mktemp("finished")
    prompts = folder / "few.yaml"
    prompts.write_text(PROMPTS)
    request = QualityRequest(
        suite="clip",
        out=folder / "out",
        model=TINY_MODEL,
        stack="eager-bf16",
        weights=str(checkpoint),
        clip=str(clip),
        lpips=None,
        device="cpu",
        seed=5,
        size=(64, 48),
        seeds=2,
        steps=None,
        prompts=str(prompts),
    )
    return request.out, run_quality(request, QUIET)


@pytest.fixture
def record(finished, request_):
    """The record of a run that was finished, in a copy of its folder."""
    shutil.copytree(finished[0], request_.out)
    return finished[1]


def test_clip_scores_are_the_judge_s_on_the_kept_pictures(record, request_, clip):
    assert len(record.pictures) == 4 * 2
    assert {picture.seed for picture in record.pictures} == {5, 6}
    # The tiny model was made for two steps (tests/data/tiny.yaml).
    assert {(each.width, each.height, each.steps) for each in record.pictures} == {(64, 48, 2)}
    assert record.model == "flux2-klein-tiny"
    assert record.maker is not None
    assert record.maker.revision == revision_of(str(request_.weights))
    assert record.judges[Metric.CLIP].revision == revision_of(str(clip))

    judge = ClipJudge(str(clip), torch.device("cpu"))
    texts = {each.id: each.text for each in record.prompts}
    files = {each.id: each for each in record.pictures}
    for score in record.scores:
        picture = files[score.pictures[0]]
        path = request_.out / picture.file
        assert hashlib.sha256(path.read_bytes()).hexdigest() == picture.sha256
        with Image.open(path) as image:
            assert image.size == (64, 48)
            (cosine,) = judge.cosines(image.convert("RGB"), [texts[picture.prompt]])
        assert score.value == pytest.approx(cosine, abs=1e-6)
    overall = figure(record, Metric.CLIP, steps=2)
    assert overall.value == pytest.approx(np.mean([score.value for score in record.scores]))
    assert overall.low < overall.value < overall.high


def test_a_picture_is_the_checkpoint_s_own_for_prompt_and_seed(record, request_, checkpoint):
    from diffusers import Flux2KleinPipeline

    pipeline = Flux2KleinPipeline.from_pretrained(checkpoint, dtype=torch.bfloat16)
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline(
        prompt=record.prompts[0].text,
        width=64,
        height=48,
        num_inference_steps=2,
        **call_arguments(load_blueprint(TINY_MODEL).document),
        generator=torch.Generator().manual_seed(5),
    ).images[0]
    with Image.open(request_.out / record.pictures[0].file) as kept:
        assert np.array_equal(np.array(kept), np.array(image))


def test_the_saved_record_comes_back_whole(record, request_):
    (path,) = request_.out.glob("quality-*.json")
    assert load_quality(path) == record


@pytest.mark.usefixtures("record")
def test_binding_passes_where_the_caption_is_closest(request_):
    both = run_quality(replace(request_, suite="binding"), QUIET)
    scores = [score for score in both.scores if score.metric is Metric.BINDING]
    assert len(scores) == 8
    assert {len(score.cosines) for score in scores} == {3}
    for score in scores:
        assert score.value == (1.0 if score.cosines[0] > max(score.cosines[1:]) else 0.0)
    share = np.mean([score.value for score in scores])
    assert figure(both, Metric.BINDING, steps=2).value == pytest.approx(share)


def test_lpips_is_the_mean_over_pairs_of_seeds_of_a_prompt(request_, lpips):
    record = run_quality(replace(request_, suite="lpips", seeds=3), QUIET)
    assert len(record.scores) == 4 * 3  # three pairs of three seeds, for each of four prompts
    judge = LpipsJudge(str(lpips), torch.device("cpu"))
    files = {each.id: each for each in record.pictures}
    score = record.scores[0]
    images = [Image.open(request_.out / files[name].file) for name in score.pictures]
    assert score.value == pytest.approx(judge.distance(*images), rel=1e-6)
    for image in images:
        image.close()
    assert {files[name].prompt for name in score.pictures} == {record.prompts[0].id}
    mean = np.mean([each.value for each in record.scores])
    assert figure(record, Metric.LPIPS, steps=2).value == pytest.approx(mean)


def test_steps_draw_the_same_seeds_at_each_count(request_):
    record = run_quality(replace(request_, suite="steps", steps=(1, 3), seeds=1), QUIET)
    drawn = {(each.prompt, each.seed, each.steps) for each in record.pictures}
    assert drawn == {(each.id, 5, steps) for each in record.prompts for steps in (1, 3)}
    assert {figure(record, Metric.CLIP_BY_STEPS, steps=each).unit for each in (1, 3)} == {"cosine"}


class Counted:
    """Calls a function, counts the calls, and is interrupted after some."""

    def __init__(self, function, most) -> None:
        self.function, self.most, self.calls = function, most, 0

    def call(self, *arguments):
        if self.calls == self.most:
            raise KeyboardInterrupt
        self.calls += 1
        return self.function(*arguments)

    @property
    def method(self):
        """The call as a plain function, which binds to an instance."""

        def call(judge, *arguments):
            return self.call(judge, *arguments)

        return call


def test_interrupted_while_drawing_nothing_is_drawn_twice(request_, monkeypatch):
    first, second = Counted(generate_picture, most=3), Counted(generate_picture, most=99)
    monkeypatch.setattr(quality_run, "generate_picture", first.call)
    with pytest.raises(KeyboardInterrupt):
        run_quality(request_, QUIET)
    monkeypatch.setattr(quality_run, "generate_picture", second.call)
    record = run_quality(request_, QUIET)
    assert (first.calls, second.calls) == (3, 5)
    assert len(record.scores) == 8


def test_interrupted_while_scoring_nothing_is_scored_twice(request_, monkeypatch):
    first, second = Counted(ClipJudge.cosines, most=3), Counted(ClipJudge.cosines, most=99)
    monkeypatch.setattr(ClipJudge, "cosines", first.method)
    with pytest.raises(KeyboardInterrupt):
        run_quality(request_, QUIET)
    monkeypatch.setattr(ClipJudge, "cosines", second.method)
    record = run_quality(request_, QUIET)
    assert (first.calls, second.calls) == (3, 5)
    assert run_quality(request_, QUIET) == record
    assert second.calls == 5


@pytest.mark.usefixtures("record")
def test_suites_share_a_folder_and_its_pictures(request_, monkeypatch):
    counted = Counted(generate_picture, most=0)
    monkeypatch.setattr(quality_run, "generate_picture", counted.call)
    both = run_quality(replace(request_, suite="binding"), QUIET)
    assert both.metrics == (Metric.CLIP, Metric.BINDING)


@pytest.mark.parametrize("weights", [None, "synthetic"])
def test_pictures_from_synthetic_weights_cannot_be_scored(request_, synthetic, weights):
    given = str(synthetic) if weights else None
    with pytest.raises(InputError, match="pictures from synthetic weights cannot be scored"):
        run_quality(replace(request_, weights=given), QUIET)
    assert not request_.out.exists()


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"clip": None}, InputError, "suite clip needs a judge; give --clip FOLDER"),
        ({"suite": "lpips", "lpips": None}, InputError, "give --lpips FOLDER"),
        ({"suite": "lpips"}, InputError, "--seeds is 2; suite lpips needs 3"),
        ({"suite": "clips"}, UnknownNameError, "quality suite 'clips' is not known"),
        ({"suite": "binding", "prompts": "diversity"}, InputError, "a prompt has no foils"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(request_, change, error, sentence):
    with pytest.raises(error, match=sentence):
        run_quality(replace(request_, **change), QUIET)


@pytest.mark.usefixtures("record")
def test_a_folder_keeps_to_one_checkpoint_judge_and_text(request_, tmp_path, prompts):
    with pytest.raises(InputError, match="size '64x48', not '64x64'; choose another folder"):
        run_quality(replace(request_, size=(64, 64)), QUIET)
    other = save_clip(tmp_path / "clip", seed=1)
    with pytest.raises(InputError, match="scores of two judges cannot be compared"):
        run_quality(replace(request_, clip=str(other)), QUIET)
    prompts.write_text(prompts.read_text().replace("two apples", "two pears"))
    with pytest.raises(InputError, match="'two pears' and was 'two apples' when its pictures"):
        run_quality(request_, QUIET)


def test_a_picture_changed_after_it_was_drawn_is_not_scored(record, request_):
    Image.new("RGB", (64, 48)).save(request_.out / record.pictures[0].file)
    with pytest.raises(DocumentError, match="gone or changed since it was generated"):
        run_quality(replace(request_, suite="binding"), QUIET)


def test_the_command_prints_figures_with_intervals(request_):
    options = {
        "--suite": "clip",
        "--model": request_.model,
        "--weights": request_.weights,
        "--clip": request_.clip,
        "--device": "cpu",
        "--size": "64x48",
        "--seeds": "2",
        "--prompts": request_.prompts,
        "--out": str(request_.out),
    }
    arguments = [each for option in options.items() for each in option]
    result = CliRunner().invoke(app, ["quality", *arguments])
    assert result.exit_code == 0, result.output
    assert "8 scores of 8 pictures" in result.output
    for word in ("counting", "color", "all"):
        assert word in result.output


def test_a_hub_name_s_revision_is_the_commit_downloaded(tmp_path, monkeypatch):
    repository = tmp_path / "models--someone--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    (repository / "snapshots" / "c0ffee").mkdir(parents=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert revision_of("someone/model") == "c0ffee"
    with pytest.raises(DocumentError, match="neither a folder nor a checkpoint"):
        revision_of("someone/other")
