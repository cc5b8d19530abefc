"""The prompt sets that ship, and what a set of one's own must hold."""

import pytest
import yaml

from fluxcost.errors import InputError, UnknownNameError
from fluxcost.performance.quality.quality_lookup import load_quality
from fluxcost.performance.quality.quality_metrics import Metric
from measure.quality.prompts import load_prompts
from measure.quality.quality_suites import SUITES

SHIPPED = ("categories", "diversity", "binding")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_category_has_ten_prompts_and_no_prompt_stands_twice(name):
    found = load_prompts(name)
    assert {len(row) for row in found.categories.values()} == {10}
    texts = [each.text for each in found.prompts()]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("metric", "name"), [(Metric.CLIP, "categories"), (Metric.BINDING, "binding")]
)
def test_the_categories_are_those_of_the_published_table(metric, name):
    published = load_quality("inferencebench/flux2-klein-4b")
    table = {row.category for row in published.reported if row.metric is metric and row.category}
    assert set(load_prompts(name).categories) == table


def test_every_binding_has_a_stated_check_and_three_foils_of_its_own():
    found = load_prompts("binding")
    assert found.has_foils
    assert set(found.checks) == set(found.categories)
    assert {len(each.foils) for each in found.prompts()} == {3}


@pytest.mark.parametrize("category", ["color", "material"])
def test_foils_of_swapped_attributes_use_the_same_words(category):
    for each in load_prompts("binding").prompts():
        if each.category == category:
            words = set(each.text.replace("an ", "a ").split())
            for foil in each.foils:
                assert set(foil.replace("an ", "a ").split()) <= words, foil


def test_captions_are_short_enough_for_clip_s_77_tokens():
    # No English word takes more tokens than letters; at four letters a token this is far under.
    for name in SHIPPED:
        for each in load_prompts(name).prompts():
            assert all(len(text.split()) <= 30 for text in (each.text, *each.foils))


def test_every_suite_draws_a_shipped_set():
    assert {suite.prompts for suite in SUITES.values()} == set(SHIPPED)


DOCUMENT = {
    "format": "fluxcost-prompts",
    "version": 1,
    "name": "mine",
    "description": "mine",
    "categories": {"color": [{"text": "a red cup", "foils": ["a blue cup"]}]},
}


@pytest.mark.parametrize(
    ("prompts", "sentence"),
    [
        ([{"text": "a", "foils": ["a"]}], "foils that differ from the text"),
        ([{"text": "a", "foils": ["b", "b"]}], "and from each other"),
        ([{"foils": ["b"]}], "text is missing"),
        (["a", "a"], "'a' occurs twice"),
    ],
)
def test_a_set_of_one_s_own_is_checked(tmp_path, prompts, sentence):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(DOCUMENT | {"categories": {"color": prompts}}))
    with pytest.raises(InputError, match=sentence):
        load_prompts(str(path))


def test_an_unknown_set_names_the_nearest():
    with pytest.raises(UnknownNameError, match="nearest: binding"):
        load_prompts("bindings")
