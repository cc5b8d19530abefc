"""The page of measured speed says what the records say now."""

import runpy
from pathlib import Path

from fluxcost.performance.calibration import read_calibration
from fluxcost.performance.cold_start import ColdStart, FirstCalls, Start

ROOT = Path(__file__).parent.parent
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "performance_page.py"))


def test_the_page_is_written_from_the_records_that_ship():
    assert SCRIPT["PAGE"].read_text("utf-8") == SCRIPT["page"]()


def started(*calls: tuple[float, float]) -> ColdStart:
    shapes = tuple(
        FirstCalls(width=64 * k, height=64, steps=1, batch=1, wall_s=each)
        for k, each in enumerate(calls, 1)
    )
    start = Start(
        page_cache="empty",
        compile_cache="empty",
        import_s=7.0,
        load_s=12.0,
        prepare_s=0.5,
        calls=shapes,
        compile_cache_mib=40.0,
    )
    return ColdStart(build_s=19.5, first_call_s=calls[0][0], starts=(start,))


def test_a_shape_compiled_apart_has_paid_after_so_many_calls():
    """26 s more and 10 ms less a call: 2,600 calls. No gain: never. Sooner and faster: at once."""
    apart = started((40.0, 0.280), (30.0, 0.090), (5.0, 0.3))
    together = started((60.0, 0.295), (4.0, 0.100), (4.0, 0.3))
    lines = SCRIPT["cold_starts"]({"compiled-bf16": apart, "compiled-bf16-dynamic": together})
    assert "| compiled-bf16 | empty | 7.0 | 12.0 | 0.5 | 128x64 | 30.0 | 0.090 |" in lines
    assert lines[-3:] == [
        "| 64x64 | -20.0 | 15.0 | at once |",
        "| 128x64 | 26.0 | 10.0 | 2600 |",
        "| 192x64 | 1.0 | 0.0 | never |",
    ]


def test_variants_in_a_run_of_their_own_are_rows_of_the_same_table():
    record = read_calibration(SCRIPT["RECORDS"] / "compiled-bf16.json")
    small = record.model_copy(update={"model": "flux2-klein-4b-small-decoder"})
    text, heads, *rows = SCRIPT["in_turn"]("a part", [record, small])
    assert (text, heads) == ("a part", SCRIPT["ROWS"])
    known = SCRIPT["page"]().splitlines()
    assert rows[0] in known
    assert rows[2] in known
    named = rows[0].replace("| compiled-bf16", "| flux2-klein-4b-small-decoder, compiled-bf16")
    assert rows[1] == named
