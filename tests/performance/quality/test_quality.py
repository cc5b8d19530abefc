"""Records and figures against numbers worked by hand."""

import json

import numpy as np
import pytest
import yaml

from fluxcost.errors import (
    DocumentError,
    FormatVersionError,
    InputError,
    MissingDataError,
    UnknownNameError,
)
from fluxcost.estimate import Source, derive
from fluxcost.performance.quality.quality_figures import figure, figures
from fluxcost.performance.quality.quality_lookup import load_quality, quality, shipped_qualities
from fluxcost.performance.quality.quality_metrics import Metric
from fluxcost.performance.quality.quality_record import Quality, passes
from tests.performance.quality.made import measured, typed

ARTICLE = "inferencebench/flux2-klein-4b"


def test_the_mean_over_categories_counts_each_alike_and_each_prompt_alike():
    record = measured(
        {
            "color": {"a": [0.2, 0.4], "b": [0.5]},  # prompts 0.3 and 0.5, category 0.4
            "action": {"c": [0.1], "d": [0.3], "e": [0.2]},  # category 0.2
        }
    )
    assert figure(record, Metric.CLIP, 4, "color").value == pytest.approx(0.4)
    assert figure(record, Metric.CLIP, 4, "action").value == pytest.approx(0.2)
    assert figure(record, Metric.CLIP, 4).value == pytest.approx(0.3)


def test_draws_of_two_prompts_are_their_mean_and_each_alone_widened():
    # Two draws of {0.2, 0.4}: 0.2, 0.3, 0.3, 0.4; deviations widened by the root of 2/1.
    draws = figure(measured({"color": {"a": [0.2], "b": [0.4]}}), Metric.CLIP, 4).draws
    values, counts = np.unique(draws.round(9), return_counts=True)
    assert values == pytest.approx([0.3 - 0.1 * 2**0.5, 0.3, 0.3 + 0.1 * 2**0.5])
    assert counts / len(draws) == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_the_spread_of_draws_is_the_standard_error_of_the_mean():
    values = np.random.default_rng(1).normal(0.3, 0.05, 40)
    prompts = {f"p{i}": [float(value)] for i, value in enumerate(values)}
    draws = figure(measured({"color": prompts}), Metric.CLIP, 4).draws
    assert draws.std() == pytest.approx(values.std(ddof=1) / 40**0.5, rel=0.05)


def test_a_90_percent_interval_covers_the_true_mean_about_as_often():
    covered = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0.3, 0.05, 10)
        prompts = {f"{seed}-{i}": [float(value)] for i, value in enumerate(values)}
        found = figure(measured({"color": prompts}), Metric.CLIP, 4)
        covered += found.low <= 0.3 <= found.high
    assert 0.82 <= covered / 200 <= 0.95


def test_one_prompt_is_drawn_by_seed_and_one_picture_has_no_interval():
    draws = figure(measured({"color": {"a": [0.2, 0.4]}}), Metric.CLIP, 4).draws
    assert len(np.unique(draws.round(9))) == 3
    with pytest.raises(InputError, match="one picture says nothing of how far the next"):
        figures(measured({"color": {"a": [0.2]}}))


def test_the_difference_between_step_counts_is_paired_by_prompt():
    # Prompts differ by far more than step counts do; each loses exactly 0.01 at 8 steps.
    at_4 = {f"p{i}": [0.2 + 0.02 * i] for i in range(10)}
    at_8 = {name: [values[0] - 0.01] for name, values in at_4.items()}
    record = measured({"color": at_4}, later={"color": at_8}, metric=Metric.CLIP_BY_STEPS)
    four, eight = (figure(record, Metric.CLIP_BY_STEPS, steps) for steps in (4, 8))
    difference = derive(lambda a, b: a - b, four, eight, unit="cosine")
    assert four.high - four.low > 0.04
    assert difference.low == pytest.approx(0.01)
    assert difference.high == pytest.approx(0.01)


def test_the_distance_of_one_prompt_is_the_mean_over_pairs_drawn_by_seed():
    # Distances of seeds 0-1, 0-2, 1-2: 0.2, 0.4, 0.6.
    record = measured({"open": {"a": [0.2, 0.4, 0.6]}}, metric=Metric.LPIPS)
    found = figure(record, Metric.LPIPS, 4)
    assert found.value == pytest.approx(0.4)
    # A draw of three seeds holds one pair (say 0, 0, 1: the pair 0-1), or all three, or none.
    widened = {0.4 + (each - 0.4) * 1.5**0.5 for each in (0.2, 0.4, 0.6)}
    assert {round(each, 9) for each in np.unique(found.draws.round(9))} == {
        round(each, 9) for each in widened
    }


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [((0.3, 0.2, 0.1), 1.0), ((0.3, 0.3), 0.0), ((0.1, 0.2), 0.0), ((0.3,), 0.0)],
)
def test_a_binding_passes_only_above_every_foil(cosines, expected):
    assert passes(cosines) == expected


def test_a_binding_that_contradicts_its_cosines_is_refused():
    document = measured({"color": {"a": [0.2, 0.4]}}).to_dict()
    score = document["scores"][0] | {"metric": "binding", "value": 1.0, "cosines": [0.1, 0.2]}
    with pytest.raises(InputError, match="1 where the caption's cosine is above every foil's"):
        Quality.parse(document | {"scores": [score]}, "a record")


def test_a_measured_record_comes_back_and_an_edited_one_is_refused(tmp_path):
    record = measured({"color": {"a": [0.2, 0.4]}})
    path = tmp_path / "quality.json"
    record.save(path)
    assert load_quality(path) == record
    with pytest.raises(InputError, match="exists"):
        record.save(path)
    document = json.loads(path.read_text())
    document["scores"][0]["value"] = 0.9
    path.write_text(json.dumps(document))
    with pytest.raises(DocumentError, match="edited or damaged"):
        load_quality(path)


def test_figures_of_one_s_own_are_yaml_and_say_whose_they_are(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(typed("tiny", accepted={4: 0.8}, half_width=0.1).to_dict()))
    found = quality("tiny", "accepted", 4, records=[load_quality(path)])
    assert (found.value, found.source) == (0.8, Source.ASSUMED)
    assert (found.low, found.high) == pytest.approx((0.71, 0.89), abs=0.01)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reference": None}, "a reference that says whose"),
        ({"source": "measured"}, "scores and a maker in a measured record"),
        ({"judges": {}}, "a judge for every metric"),
        ({"model": ""}, "model is ''"),
        (
            {"reported": [{"metric": "accepted", "value": 1.2, "half_width": 0}]},
            "a share from 0 to 1",
        ),
    ],
)
def test_what_a_record_cannot_say_is_refused(tmp_path, change, sentence):
    document = typed("tiny", accepted={4: 0.8}).to_dict() | change
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(InputError, match=sentence):
        load_quality(path)


def test_newer_and_other_formats_are_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    document = typed("tiny", accepted={4: 0.8}).to_dict()
    path.write_text(yaml.safe_dump(document | {"version": 2}))
    with pytest.raises(FormatVersionError, match="version is 2; expected at most 1"):
        load_quality(path)
    path.write_text("format: something-else\n")
    with pytest.raises(DocumentError, match="not a fluxcost-quality file"):
        load_quality(path)


def test_the_article_s_tables_ship_as_published_and_agree_with_themselves():
    record = load_quality(ARTICLE)
    assert record in shipped_qualities()
    assert record.source is Source.PUBLISHED
    for metric, overall in ((Metric.CLIP, 0.335), (Metric.BINDING, 0.265)):
        rows = [row.value for row in record.reported if row.metric is metric and row.category]
        # Its averages are the means of its categories, as printed: 0.3354 and 0.2670.
        assert np.mean(rows) == pytest.approx(overall, abs=0.0025)
    assert quality("flux2-klein-4b", "clip_by_steps", 2).value == 0.375


def test_nothing_is_guessed_where_no_record_holds_it():
    with pytest.raises(MissingDataError, match="no quality record of flux1-schnell holds clip"):
        quality("flux1-schnell", "clip", 4)
    with pytest.raises(MissingDataError, match="no clip of all at 4 steps; it has steps unstated"):
        quality("flux2-klein-4b", "clip", 4)
    with pytest.raises(MissingDataError, match="has steps 12, 2, 4, 8"):
        quality("flux2-klein-4b", "clip_by_steps", 6)
    with pytest.raises(UnknownNameError, match="metric 'clop'"):
        quality("flux2-klein-4b", "clop", 4)
    with pytest.raises(UnknownNameError, match="quality record 'klein'"):
        load_quality("klein")


def test_the_stronger_source_answers_and_of_equals_the_last():
    published = load_quality(ARTICLE)
    mine = typed("flux2-klein-4b", clip_by_steps={4: 0.5})
    both = quality("flux2-klein-4b", "clip_by_steps", 4, records=[mine, published])
    assert both.value == 0.373
    other = typed("flux2-klein-4b", clip_by_steps={4: 0.6})
    last = quality("flux2-klein-4b", "clip_by_steps", 4, records=[mine, other])
    assert last.value == 0.6
