"""The page of measured speed says what the records say now."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_page_is_written_from_the_records_that_ship():
    script = runpy.run_path(str(ROOT / "scripts" / "performance_page.py"))
    assert script["PAGE"].read_text("utf-8") == script["page"]()
