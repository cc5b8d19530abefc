"""Uploads are data: hostile ones are refused in a sentence, good ones change answers."""

from pathlib import Path

import pytest

import fluxcost as fc
from dashboard import programs, show, uploads
from dashboard.uploads import Own
from tests.commands import WORKLOAD
from tests.dashboard.hostile import FILES, ROW, Hostile, _workload
from tests.dashboard.opened import numbers, opened, sentence, settled, shown, texts
from tests.synthetic import make_calibration


@pytest.mark.parametrize("sent", FILES, ids=lambda sent: sent.name)
def test_a_hostile_file_is_one_sentence_and_changes_nothing(sent: Hostile):
    page = opened(sent.page)
    before = numbers(page)
    page.file_uploader(key=f"upload {sent.kind}").set_value((sent.file, sent.data, "text/plain"))
    settled(page)
    assert show.plain(sent.said) in sentence(page)
    assert numbers(page) == before
    assert not Path("/tmp/fluxcost-was-here").exists()  # noqa: S108 - what the file would run


def test_a_name_is_escaped_and_cut():
    upload = uploads.made("..\\..\\<b>" + "x" * 500 + ".yaml", b"")
    assert upload.name.startswith("<b>x")
    assert len(upload.name) == 80
    assert show.plain(upload.where).startswith("the file \\<b\\>")


def test_uploads_are_small_by_setting_and_by_widget():
    page = opened("prices")
    assert page.file_uploader[0].proto.max_upload_size_mb == uploads.MOST_MB


def test_a_session_holds_only_so_many_files():
    page = opened("prices")
    for number in range(uploads.MOST_FILES + 1):
        text = ROW.replace("mine/h100", f"mine/h100-{number}").encode()
        page.file_uploader(key="upload prices").set_value((f"{number}.yaml", text, "text/plain"))
        settled(page)
    assert "the session holds 8 files already" in sentence(page)


def test_one_s_own_prices_win_and_can_be_forgotten():
    page = opened("prices", goods="h100-sxm")
    page.file_uploader(key="upload prices").set_value(("mine.yaml", ROW.encode(), "text/plain"))
    settled(page)
    frame = page.dataframe[0].value.set_index("id")
    assert frame.loc["mine/h100", "price"] == 1.25
    assert frame.loc["mine/h100", "yours"]
    assert "mine.yaml" in texts(page)
    page.button(key="forget prices").click()
    assert "mine/h100" not in set(settled(page).dataframe[0].value["id"])


def test_one_s_own_calibration_answers_under_its_own_name(tmp_path: Path):
    points = [(side, side, 4, batch) for side in (512, 768, 1024) for batch in (1, 2)]
    own = make_calibration(gpu="h100-sxm", seed=5, grid=points)
    own.save(tmp_path / "own.json")
    data = (tmp_path / "own.json").read_bytes()
    page = opened("calibration")
    page.file_uploader(key="upload calibrations").set_value(("own.json", data, "text/plain"))
    settled(page)
    name = f"yours: {own.alias} {own.content_hash[:8]}"
    page.selectbox(key="calibration").set_value(name)
    settled(page)
    latency = fc.fit(own).latency(fc.Shape(1024, 1024, 4))
    assert numbers(page)["Latency, median"] == shown(latency)
    assert own.content_hash[:12] in texts(page)


def test_a_workload_file_replaces_the_question():
    page = opened("what_if")
    data = _workload(constraints={"least_grade": "B"}, deadline={"images": 12_345, "hours": 3})
    page.file_uploader(key="upload workload").set_value(("w.yaml", data, "text/plain"))
    settled(page)
    best = fc.plan(fc.parse_workload(data, "a test")).best
    assert numbers(page)["Total, USD"] == shown(best.total)
    assert "12,345 images" in texts(page)
    page.button(key="forget workload").click()
    assert "200,000 images" in texts(settled(page))


def test_a_program_reads_one_s_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = make_calibration(gpu="h100-sxm", seed=5)
    made.save(tmp_path / "own.json")
    (tmp_path / "mine.yaml").write_text(ROW)
    files = {
        name: uploads.made(name, (tmp_path / name).read_bytes())
        for name in ("own.json", "mine.yaml")
    }
    own = Own((files["own.json"],), (files["mine.yaml"],))
    workload = fc.Workload.parse(
        WORKLOAD | {"constraints": {"allow_providers": ["mine"]}}, "a test"
    )
    monkeypatch.chdir(tmp_path)
    names: dict[str, fc.Plans] = {}
    exec(programs.plan(workload, fc.load_catalog().offers[0].as_of, own), names)  # noqa: S102 - the page wrote it
    assert {plan.option for plan in names["plans"]} == {"mine/h100"}
    assert made.alias in {plan.calibration for plan in names["plans"]}
