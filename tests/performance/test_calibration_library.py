"""Finding calibrations, and the published table that ships."""

from pathlib import Path

import pytest

from fluxcost.errors import DocumentError, MissingDataError, UnknownNameError
from fluxcost.estimate import Source
from fluxcost.performance.calibration.library import load_calibration, shipped_calibrations
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.exact_cells import PUBLISHED_SIGMA
from fluxcost.performance.fit import fit
from fluxcost.workload.shape import Shape

ARTICLE = "published/h100-sxm/flux2-klein-4b/diffusers-bf16"


def test_every_shipped_calibration_loads_by_alias_hash_and_path():
    shipped = shipped_calibrations()
    assert ARTICLE in {entry.alias for entry in shipped}
    for entry in shipped:
        by_alias = load_calibration(entry.alias)
        assert load_calibration(entry.content_hash[:8]) == by_alias
        assert load_calibration(entry.path) == by_alias
        assert entry.alias.removeprefix("published/") == by_alias.alias
        assert entry.source is by_alias.source


def test_a_file_is_loaded_by_its_path(calibration: Calibration, tmp_path: Path):
    path = tmp_path / "mine.json"
    calibration.save(path)
    assert load_calibration(str(path)) == calibration


def test_a_misspelled_alias_names_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        load_calibration("published/h100-sxm/flux2-klein-4b/difusers-bf16")
    assert caught.value.nearest[0] == ARTICLE


@pytest.mark.parametrize(
    "name", ["", "../../pyproject", "deadbeef", "deadbee", "a/b/c/../../x", "a" * 5000]
)
def test_other_names_are_unknown(name: str):
    with pytest.raises(UnknownNameError):
        load_calibration(name)


def test_a_missing_file_is_said():
    with pytest.raises(DocumentError, match=r"nowhere\.json"):
        load_calibration("nowhere.json")


def test_the_article_answers_its_own_cells_only():
    article = fit(load_calibration(ARTICLE))
    shape = Shape(1024, 1024, 4)
    printed = article.latency(shape)
    assert printed.value == 0.57
    assert printed.source is Source.PUBLISHED
    half_width = (printed.high - printed.low) / 2
    assert half_width == pytest.approx(0.57 * 1.645 * PUBLISHED_SIGMA, rel=0.05)
    assert "inferencebench.io" in printed.evidence[0]
    assert article.throughput(shape, 8).value == pytest.approx(1.91, abs=1e-5)
    assert article.best_batch(shape) == 8
    with pytest.raises(MissingDataError, match="answers only the latency of the cells it gives"):
        article.latency(shape, 3)
    with pytest.raises(MissingDataError, match="does not show the p99"):
        article.latency(shape, 1, "p99")
    for ask in (article.memory, article.energy, article.stages):
        with pytest.raises(MissingDataError):
            ask(shape)
