"""The page of several GPUs says what the records say now."""

import runpy
from pathlib import Path

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "scripts" / "scaling_page.py"))


def test_the_page_is_written_from_the_records_that_ship():
    assert SCRIPT["PAGE"].read_text("utf-8") == SCRIPT["page"]()
