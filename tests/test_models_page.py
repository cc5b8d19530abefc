"""The page of other models says what the records say now."""

import re
from collections.abc import Iterable

import pytest

from fluxcost.performance.calibration import Calibration
from fluxcost.performance.fit import fit
from fluxcost.performance.library import load_calibration
from fluxcost.performance.measured.identity import Stack
from fluxcost.performance.measured.samples import Samples
from scripts.models.beside_sdxl import times_faster
from scripts.models.compared import COMPILED, EAGER
from scripts.models.comparison import comparison
from scripts.models.editing import editing
from scripts.models_page import PAGE, page
from tests.synthetic import EDITS, make_calibration


def test_the_page_is_written_from_the_records_that_ship():
    assert PAGE.read_text("utf-8") == page()


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
