"""The page of other models says what the records say now."""

import re
import runpy
from pathlib import Path

from fluxcost.performance.fit import fit
from tests.synthetic import EDITS, make_calibration

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "scripts" / "models_page.py"))


def test_the_page_is_written_from_the_records_that_ship():
    assert SCRIPT["PAGE"].read_text("utf-8") == SCRIPT["page"]()


def test_edits_stand_beside_what_a_fit_without_them_says():
    """On the imagined machine an edit follows the tokens, so each is predicted within 5 %."""
    section = "\n".join(SCRIPT["editing"](fit(make_calibration(edits=EDITS))))
    rows = re.findall(r"^\| (\d+)x\d+ \| 1 \| (\d) \|.*\| ([+-][\d.]+)% \|$", section, re.MULTILINE)
    assert [(int(side), int(count)) for side, count, _ in rows] == [
        (side, count) for side, *_, count in EDITS
    ]
    assert max(abs(float(error)) for *_, error in rows) < 5


def test_without_timed_edits_there_is_no_such_section():
    assert not list(SCRIPT["editing"](fit(make_calibration())))
