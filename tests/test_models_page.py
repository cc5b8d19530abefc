"""The page of other models says what the records say now."""

import json
import re
import statistics
from collections.abc import Iterable
from pathlib import Path

import pytest

from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.calibration.measured_cell import Samples
from fluxcost.performance.calibration.measuring_run import Stack
from fluxcost.performance.calibration.schema import Calibration
from fluxcost.performance.fit import fit
from scripts import models_page
from scripts.models.beside_sdxl import times_faster
from scripts.models.compared import COMPILED, EAGER
from scripts.models.comparison import comparison
from scripts.models.editing import editing
from scripts.models.sizes import sizes
from scripts.models_page import PAGE, page
from tests.synthetic import EDITS, make_calibration


@pytest.mark.long
def test_the_page_is_written_from_the_records_that_ship():
    assert PAGE.read_text("utf-8") == page()


def test_all_but_built_sizes_is_written_from_the_records_that_ship(
    monkeypatch: pytest.MonkeyPatch,
):
    """Networks of every model take long to build; those of one are counted below."""
    stands = PAGE.read_text("utf-8")
    section = stands[stands.index("## Model sizes") : stands.index("\n## Edits")]
    monkeypatch.setattr(models_page, "sizes", lambda _fits: [section])
    assert page() == stands


def test_a_model_s_size_is_counted_on_its_networks():
    counted = rows(sizes({"sdxl-1.0": fit(load_calibration(f"h100-sxm/sdxl-1.0/{EAGER}"))}))
    stand = rows(section_of("Model sizes"))
    assert len(counted) == 1
    assert counted[0] in stand


def twice_as_fast(record: Calibration) -> Calibration:
    """A record as the compiled stack would have made it, had it taken half of every stage."""

    def halved(samples: Samples) -> Samples:
        return Samples(
            wall_s=tuple(each / 2 for each in samples.wall_s),
            text_encode_s=tuple(each / 2 for each in samples.text_encode_s),
            denoise_step_s=tuple(
                tuple(step / 2 for step in steps) for steps in samples.denoise_step_s
            ),
            vae_decode_s=tuple(each / 2 for each in samples.vae_decode_s),
        )

    cells = tuple(
        cell.model_copy(update={"samples": halved(cell.samples)})
        for cell in record.ok_cells
        if cell.samples is not None and not cell.reference_images
    )
    return record.model_copy(update={"cells": cells, "stack": Stack(alias=COMPILED, settings={})})


def rows(section: Iterable[str]) -> list[list[str]]:
    """Cells of a section's tables, headings left out."""
    lines = [line for line in section if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_where_both_were_measured_compiled_stands_beside_eager():
    eager = {
        name: load_calibration(f"h100-sxm/{name}/{EAGER}")
        for name in ("flux2-klein-4b", "sdxl-1.0")
    }
    fits = {EAGER: {name: fit(record) for name, record in eager.items()}}
    alone = rows(times_faster(fits | {COMPILED: {}}))
    fits[COMPILED] = {name: fit(twice_as_fast(record)) for name, record in eager.items()}
    both = rows(times_faster(fits))
    assert [row for row in both if row[2] == EAGER] == alone
    compiled = [row for row in both if row[2] == COMPILED]
    assert [row[:2] for row in compiled] == [row[:2] for row in alone]
    for slow, quick in zip(alone, compiled, strict=True):
        for seconds in (3, 4):  # each of SDXL and klein takes half, and klein is as much faster
            assert number(quick[seconds]) == pytest.approx(number(slow[seconds]) / 2, rel=0.02)
        assert number(quick[5]) == pytest.approx(number(slow[5]), rel=0.03)
    stacks = [(row[0], row[4]) for row in rows(comparison(fits))]
    klein, xl = "FLUX.2 [klein] 4B", "Stable Diffusion XL 1.0, base"
    assert stacks == [(klein, EAGER), (klein, COMPILED), *[(xl, EAGER), (xl, COMPILED)] * 2]


def number(cell: str) -> float:
    return float(cell.split(maxsplit=1)[0])


RECORDS = Path("fluxcost/data/calibrations/h100-sxm")
BESIDE = Path("benchmarks/records/h100-sxm/models-flux2-klein-4b.json")


def raw_median(path: Path, side: int, steps: int) -> float:
    """Median seconds of a record's calls that make one image, read from its file alone."""
    found: list[float] = [
        seconds
        for cell in json.loads(path.read_text("utf-8"))["cells"]
        if (cell["width"], cell["height"], cell["steps"], cell["batch"]) == (side, side, steps, 1)
        and not cell.get("reference_images")
        for seconds in cell["samples"]["wall_s"]
    ]
    return statistics.median(found)


def section_of(title: str) -> list[str]:
    """Lines of a section of the page as it stands."""
    (found,) = (each for each in PAGE.read_text("utf-8").split("\n## ") if each.startswith(title))
    return found.splitlines()


def raw_races() -> dict[tuple[int, int, str], tuple[float, float]]:
    """Seconds of SDXL and of klein by side, SDXL's steps and stack, from raw samples."""
    return {
        (side, steps, stack): (
            raw_median(RECORDS / "sdxl-1.0" / f"{stack}.json", side, steps),
            raw_median(klein, side, 4),
        )
        for side in (512, 1024)
        for steps in (20, 25)
        for stack, klein in (
            (EAGER, BESIDE),
            (COMPILED, RECORDS / "flux2-klein-4b" / f"{COMPILED}.json"),
        )
    }


def test_klein_beside_sdxl_is_the_ratio_of_raw_medians():
    raw = raw_races()
    stand = rows(section_of('"5 to 10 times'))
    assert len(stand) == len(raw)
    for size, steps, stack, theirs, ours, times, *_ in stand:
        slow, fast = raw[int(size.split("x")[0]), int(steps), stack]
        assert number(theirs) == pytest.approx(slow, abs=0.0006)
        assert number(ours) == pytest.approx(fast, rel=0.01)  # starts pooled, each by its calls
        assert number(times) == pytest.approx(slow / fast, rel=0.02)


@pytest.mark.parametrize(("stack", "inside"), [(EAGER, 2), (COMPILED, 0)])
def test_the_finding_counts_where_5_to_10_times_holds(stack: str, inside: int):
    times = [slow / fast for (*_, each), (slow, fast) in raw_races().items() if each == stack]
    assert sum(5 <= each <= 10 for each in times) == inside
    assert (
        f"- With `{stack}` klein is {min(times):.1f} to {max(times):.1f} times as fast: "
        f"5 to 10 in {inside} of 4 comparisons."
    ) in section_of('"5 to 10 times')


def test_times_eager_is_the_ratio_of_raw_medians_and_each_row_has_its_day():
    stand = rows(section_of("The article's comparison"))
    gains = {(row[0], int(row[1])): number(row[8]) for row in stand if row[4] == COMPILED}
    for title, name, steps in [
        ("FLUX.2 [klein] 9B", "flux2-klein-9b", 4),
        ("FLUX.1 [schnell]", "flux1-schnell", 4),
        ("Stable Diffusion XL 1.0, base", "sdxl-1.0", 25),
        ("Stable Diffusion 3.5 Large", "sd3.5-large", 28),
    ]:
        eager, compiled = (
            raw_median(RECORDS / name / f"{stack}.json", 1024, steps) for stack in (EAGER, COMPILED)
        )
        assert gains[title, steps] == pytest.approx(eager / compiled, abs=0.06)
    days = {(row[0], int(row[1]), row[4]): row[7] for row in stand}
    assert days["Stable Diffusion XL 1.0, base", 20, EAGER] == "2026-11-24"
    assert days["Stable Diffusion XL 1.0, base", 25, EAGER] == "2026-11-28"
    assert [row[4] for row in stand if row[0] == "Z-Image-Turbo"] == [EAGER]


def test_transfers_are_scored_with_both_stacks_against_raw_medians():
    section = section_of("Predicted before measuring")
    cells = [row for row in rows(section) if "1024x1024, 4 steps, batch 1" in row[1]]
    assert {row[0].rsplit("/", 1)[1] for row in cells} == {EAGER, COMPILED}
    for alias, _, measured, predicted, error, _ in cells:
        raw = raw_median(RECORDS.parent / f"{alias}.json", 1024, 4)
        assert number(measured) == pytest.approx(raw, abs=0.0006)
        assert float(error.rstrip("%")) / 100 == pytest.approx(
            number(predicted) / raw - 1, abs=0.002
        )
    for stack in (EAGER, COMPILED):
        assert any(f"sdxl-1.0/{stack} it refuses every cell" in line for line in section)


def test_edits_stand_beside_what_a_fit_without_them_says():
    """On the imagined machine an edit follows the tokens, so each is predicted within 5 %."""
    section = "\n".join(editing(fit(make_calibration(edits=EDITS))))
    rows = re.findall(r"^\| (\d+)x\d+ \| 1 \| (\d) \|.*\| ([+-][\d.]+)% \|$", section, re.MULTILINE)
    assert [(int(side), int(count)) for side, count, _ in rows] == [
        (side, count) for side, *_, count in EDITS
    ]
    assert max(abs(float(error)) for *_, error in rows) < 5


def test_without_timed_edits_there_is_no_such_section():
    assert not list(editing(fit(make_calibration())))
