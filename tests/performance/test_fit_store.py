"""Fits kept on disk: equal bit for bit to fits made anew, and never from a file not theirs."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fluxcost.performance import fit_store
from fluxcost.performance.architecture import load_architecture
from fluxcost.performance.calibration.library import load_calibration
from fluxcost.performance.fit import fit
from fluxcost.performance.fit_store import KEPT_S, VARIABLE, KeptFit, fit_key, store_folder
from fluxcost.performance.gaussian_process import GaussianProcess
from fluxcost.workload.shape import Shape

SEVERAL_STARTS = "h200-sxm/flux2-klein-4b/compiled-bf16"
ONE_START = "h200-sxm/flux2-klein-4b/compiled-fp8"
ASKED = Shape(896, 640, 4)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path / "fits"


def answers(alias: str) -> list[Any]:
    """Return what a new fit of a record answers, every draw of it."""
    fitted = fit(load_calibration(alias))
    asked = [fitted.latency(ASKED, 2, statistic) for statistic in ("median", "mean", "p95")]
    asked += fitted.stages(ASKED, 3).values()
    own = fitted.for_run(fitted.runs[0])
    asked += [own.latency(ASKED, 2), fitted.memory(ASKED, 2), fitted.energy(ASKED, 2)]
    return [(each.value, each.evidence, each.draws.tolist()) for each in asked]


def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by one entry each time parameters are searched for."""
    counted: list[int] = []
    search = GaussianProcess._fit

    def counting(self: GaussianProcess) -> Any:
        counted.append(1)
        return search(self)

    monkeypatch.setattr(GaussianProcess, "_fit", counting)
    return counted


@pytest.mark.parametrize("alias", [SEVERAL_STARTS, ONE_START])
def test_answers_are_equal_bit_for_bit_with_and_without_the_store(
    alias: str, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    counted = searches(monkeypatch)
    written = answers(alias)
    first = len(counted)
    read = answers(alias)
    memory_alone = 2 * 3  # the search of either fit for memory, in 3 rounds, which is not kept
    assert len(counted) - first == memory_alone < first
    monkeypatch.setenv(VARIABLE, "")
    assert answers(alias) == written == read


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("not a fit")


def pickled(path: Path) -> None:
    np.savez(path, header=np.array([{"format": "fluxcost-fit"}], dtype=object))


def bare(path: Path) -> None:
    np.savez(path, values=np.zeros(3))


def changed(path: Path) -> None:
    """Change an array and leave the header as it was: whole as a file, and not what was kept."""
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | {"values": arrays["values"] + 1}))


def anothers(path: Path) -> None:
    """Put the file of another part in this one's place."""
    KeptFit("k").arrays("other", lambda: {"values": np.zeros(3)})
    (path.parent / "k-other.npz").replace(path)


@pytest.mark.parametrize("spoil", [damaged, cut, emptied, text, pickled, bare, changed, anothers])
def test_a_file_not_whole_or_not_this_fits_is_ignored_and_written_anew(
    spoil: Callable[[Path], None], folder: Path
):
    values = np.arange(1000.0) / 7
    kept, path = KeptFit("k"), folder / "k-part.npz"
    kept.arrays("part", lambda: {"values": values})
    spoil(path)
    made = kept.arrays("part", lambda: {"values": values})
    assert np.array_equal(made["values"], values)
    again = kept.arrays("part", lambda: pytest.fail("made once more"))
    assert np.array_equal(again["values"], values)
    assert [each.name for each in folder.iterdir() if each.name != "k-other.npz"] == [path.name]


def test_kept_arrays_have_the_type_shape_and_bits_they_had(folder: Path):
    arrays = {
        "whole": np.array([3, -1]),
        "bits": np.array([0.1 + 0.2, -0.0, 5e-324]),
        "empty": np.zeros((4, 0)),
        "one": np.array(1.25),
    }
    kept = KeptFit("k")
    kept.arrays("part", lambda: arrays)
    found = kept.arrays("part", lambda: pytest.fail("not kept"))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def test_a_key_tells_records_models_rates_and_code_apart(monkeypatch: pytest.MonkeyPatch):
    model = load_architecture("flux2-klein-4b").model_dump_json()
    keys = {fit_key("a", model, "rates"), fit_key("b", model, "rates")}
    keys |= {fit_key("a", model + " ", "rates"), fit_key("a", model, "faster")}
    monkeypatch.setattr(fit_store, "_code", lambda: "changed")
    keys.add(fit_key("a", model, "rates"))
    assert len(keys) == 5
    assert fit_key("a", model, "rates") in keys


def test_the_code_is_that_of_every_file_of_the_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fit_store._code.cache_clear()
    before = fit_store._code()
    seen: list[Path] = []
    read = Path.read_bytes

    def edited(path: Path) -> bytes:
        seen.append(path)
        return read(path) + (b"#" if path.name == "gaussian_process.py" else b"")

    monkeypatch.setattr(Path, "read_bytes", edited)
    fit_store._code.cache_clear()
    after = fit_store._code()
    monkeypatch.undo()
    fit_store._code.cache_clear()
    assert before != after
    room = Path(fit_store.__file__).parent
    assert set(room.rglob("*.py")) < set(seen)
    assert fit_store._code() == before


def test_old_files_are_removed_when_one_is_written(folder: Path):
    folder.mkdir()
    old, new = folder / "old-part.npz", folder / "new-part.npz"
    for path, age_s in ((old, KEPT_S + 60), (new, KEPT_S - 3600)):
        path.write_bytes(b"kept by another version")
        os.utime(path, (time.time() - age_s,) * 2)
    KeptFit("k").arrays("part", lambda: {"values": np.zeros(3)})
    assert sorted(path.name for path in folder.iterdir()) == ["k-part.npz", "new-part.npz"]


def test_set_to_nothing_it_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "")
    assert store_folder() is None
    found = KeptFit("k").arrays("part", lambda: {"values": np.ones(2)})
    assert found["values"].tolist() == [1, 1]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_keeps_nothing_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    found = KeptFit("k").arrays("part", lambda: {"values": np.ones(2)})
    assert found["values"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", None, "home/.cache/fluxcost/fits"),
        ("linux", "XDG_CACHE_HOME", "given/fluxcost/fits"),
        ("darwin", None, "home/Library/Caches/fluxcost/fits"),
        ("win32", "LOCALAPPDATA", "given/fluxcost/fits"),
    ],
)
def test_unset_it_is_the_users_cache_folder(
    platform: str,
    variable: str | None,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    for name in (VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if variable is not None:
        monkeypatch.setenv(variable, str(tmp_path / "given"))
    assert store_folder() == tmp_path / expected


def test_a_header_says_what_the_file_is(folder: Path):
    KeptFit("k").arrays("part", lambda: {"values": np.zeros(3)})
    with np.load(folder / "k-part.npz", allow_pickle=False) as archive:
        header = json.loads(archive["header"].tobytes())
    assert header.pop("sha256") == fit_store._digest({"values": np.zeros(3)})
    assert header == {"format": "fluxcost-fit", "version": 1, "key": "k", "part": "part"}
