import os
from pathlib import Path

import pytest

from fluxcost import documents
from fluxcost.documents import read_json, read_yaml, write_atomically
from fluxcost.errors import DocumentError

BOMB = "\n".join(
    ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "document"


def test_yaml_comes_back_as_plain_values(path: Path):
    path.write_text("a: 1\nb: [x, 2.5, null]\nc: {d: true}\n")
    assert read_yaml(path) == {"a": 1, "b": ["x", 2.5, None], "c": {"d": True}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "line 2 has an alias; write the value out"),
        ("a: 1\nb: 2\na: 3\n", "line 3 has the key 'a' twice; keep one"),
        ("a: {b: 1, b: 2}\n", "line 1 has the key 'b' twice; keep one"),
        ("[" * 10_000, "line 1 has nesting deeper than 40 levels"),
        ("? [a, b]\n: 1\n", "a key that is not a plain value"),
        ("!!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("a: 1:30\n", "line 1 has 1:30, which YAML reads in base 60; write one number"),
        ("a: [1, 2\n", "expected"),
        ("a: 1\n--- \nb: 2\n", "but found another document"),
        ("\ttab: 1\n", "cannot start any token"),
        ("day: 2026-02-30\n", "day"),
    ],
)
def test_unusable_yaml_is_refused_in_one_sentence(path: Path, text: str, reason: str):
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        read_yaml(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: not usable as YAML: ")
    assert reason in message
    assert "\n" not in message


def test_a_merge_of_an_anchor_is_an_alias_too(path: Path):
    path.write_text("base: &base {a: 1}\nother:\n  <<: *base\n")
    with pytest.raises(DocumentError, match="line 3 has an alias"):
        read_yaml(path)


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": -Infinity}', '{"a": 1', "", "{'a': 1}", "[" * 100_000]
)
def test_unusable_json_is_refused(path: Path, text: str):
    path.write_text(text)
    with pytest.raises(DocumentError, match="not a whole JSON file"):
        read_json(path)


def test_text_that_is_not_utf8_is_refused(path: Path):
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(DocumentError, match=r"not UTF-8 text \(byte 9\)"):
        read_yaml(path)


def test_a_missing_file_is_named(path: Path):
    with pytest.raises(DocumentError, match="No such file or directory; give the path of a"):
        read_yaml(path)


def test_a_folder_is_not_a_document(tmp_path: Path):
    with pytest.raises(DocumentError, match="Is a directory"):
        read_yaml(tmp_path)


def test_a_file_that_is_too_large_is_refused_before_reading(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    path.write_text("a: 1\n")
    monkeypatch.setattr(documents, "MAX_BYTES", 4)
    with pytest.raises(DocumentError, match="5 bytes; expected at most 4"):
        read_yaml(path)


def test_writing_replaces_the_whole_file(path: Path):
    path.write_text("old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch):
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(DocumentError, match="could not be written: No space left on device"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_writing_into_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(DocumentError, match="could not be written: No such file"):
        write_atomically(tmp_path / "missing" / "file", "text")
