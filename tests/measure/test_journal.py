"""The journal survives what kills a campaign, and refuses what would spoil it."""

import pytest

from fluxcost.errors import DocumentError, InputError
from fluxcost.performance.calibration.measured_cell import Cell, Samples
from fluxcost.performance.calibration.measuring_run import GpuIdentity, Stack
from fluxcost.workload.shape import Shape
from measure.journal import SYNTHETIC, Journal, JournalHeader, JournalRow
from measure.json_lines import JOURNAL_FILE

HEADER = JournalHeader(
    gpu=GpuIdentity(key="cpu", name="a CPU", memory_gib=8.0),
    model="tiny",
    architecture_hash="abc",
    stack=Stack(alias="eager-bf16", settings={"dtype": "bfloat16"}),
    weights=SYNTHETIC,
    seed=0,
)


def a_cell(steps):
    samples = Samples(
        wall_s=(1.0, 1.1),
        text_encode_s=(0.1, 0.1),
        denoise_step_s=((0.1,) * steps,) * 2,
        vae_decode_s=(0.1, 0.1),
    )
    return Cell(width=64, height=64, steps=steps, batch=1, run="r", samples=samples)


def write(folder, *steps):
    journal = Journal.open(folder, HEADER)
    for each in steps:
        journal.append(JournalRow(cell=a_cell(each)))
    journal.close()


def test_rows_come_back_as_written(tmp_path):
    write(tmp_path, 1, 2)
    journal = Journal.open(tmp_path, HEADER)
    assert journal.cells == {(Shape(64, 64, n), 1): a_cell(n) for n in (1, 2)}
    assert journal.calibration().cells == (a_cell(1), a_cell(2))
    journal.close()


@pytest.mark.parametrize("torn", [1, 20, 60])
def test_a_row_torn_by_a_kill_is_dropped_and_the_rest_kept(tmp_path, torn):
    write(tmp_path, 1, 2)
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[:-torn])
    journal = Journal.open(tmp_path, HEADER)
    assert list(journal.cells) == [(Shape(64, 64, 1), 1)]
    journal.append(JournalRow(cell=a_cell(2)))
    journal.close()
    again = Journal.open(tmp_path, HEADER)
    assert list(again.cells) == [(Shape(64, 64, n), 1) for n in (1, 2)]
    again.close()


def test_a_torn_header_starts_anew(tmp_path):
    write(tmp_path)
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[:30])
    journal = Journal.open(tmp_path, HEADER)
    assert journal.rows == []
    journal.close()


def test_another_stack_gpu_or_seed_is_refused(tmp_path):
    write(tmp_path, 1)
    other = HEADER.model_copy(update={"seed": 7, "model": "other"})
    with pytest.raises(
        InputError, match=r"model 'tiny', not 'other'; seed 0, not 7; choose another"
    ):
        Journal.open(tmp_path, other)


def test_a_second_campaign_on_one_journal_is_refused(tmp_path):
    journal = Journal.open(tmp_path, HEADER)
    with pytest.raises(InputError, match="in use by another campaign"):
        Journal.open(tmp_path, HEADER)
    journal.close()
    Journal.open(tmp_path, HEADER).close()


def test_damage_in_the_middle_names_the_line_and_changes_nothing(tmp_path):
    write(tmp_path, 1, 2)
    path = tmp_path / JOURNAL_FILE
    lines = path.read_text().splitlines()
    lines[1] = lines[1][:40]
    path.write_text("\n".join(lines) + "\n")
    before = path.read_bytes()
    with pytest.raises(DocumentError, match="line 2: damaged"):
        Journal.open(tmp_path, HEADER)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DocumentError, match="give a folder to write to"):
        Journal.open(tmp_path / "file" / "sub", HEADER)
