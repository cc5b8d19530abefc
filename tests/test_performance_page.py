"""The page of measured speed says what the records say now."""

import runpy
from pathlib import Path

from fluxcost.performance.calibration.measuring_run import ColdStartRecord, FirstCalls, ProcessStart
from fluxcost.performance.calibration.schema import read_calibration

ROOT = Path(__file__).parent.parent
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "performance_page.py"))


def test_the_page_is_written_from_the_records_that_ship():
    assert SCRIPT["PAGE"].read_text("utf-8") == SCRIPT["page"]()


def started(*calls: tuple[float, float]) -> ColdStartRecord:
    shapes = tuple(
        FirstCalls(width=64 * k, height=64, steps=1, batch=1, wall_s=each)
        for k, each in enumerate(calls, 1)
    )
    start = ProcessStart(
        page_cache="empty",
        compile_cache="empty",
        import_s=7.0,
        load_s=12.0,
        prepare_s=0.5,
        calls=shapes,
        compile_cache_mib=40.0,
    )
    return ColdStartRecord(build_s=19.5, first_call_s=calls[0][0], starts=(start,))


def test_kernels_that_take_any_shape_are_ready_sooner_from_so_many_shapes():
    """By hand: 40 + 30 (n - 1) against 95 + 4 (n - 1) seconds: equal at n = 3.1, so 4 shapes."""
    apart = started((40.0, 0.280), (30.0, 0.100))
    together = started((95.0, 0.294), (4.0, 0.099))
    lines = SCRIPT["cold_starts"]({"compiled-bf16": apart, "compiled-bf16-dynamic": together})
    assert "| compiled-bf16 | empty | 7.0 | 12.0 | 0.5 | 128x64 | 30.0 | 0.100 |" in lines
    slower = "+5.0% at 64x64, -1.0% at 128x64"
    assert lines[-1] == f"| empty | 40.0 | 30.0 | 95.0 | 4.0 | 4 shapes | {slower} |"


def test_it_takes_more_shapes_than_the_equal_number_and_none_help_where_each_takes_longer():
    until = SCRIPT["_shapes_until"]
    assert until((40.0, 30.0), (66.0, 4.0)) == 3  # 70 s both at two shapes
    assert until((40.0, 30.0), (39.0, 31.0)) == 1
    assert until((40.0, 30.0), (41.0, 30.0)) is None


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
