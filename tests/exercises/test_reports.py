"""Reports: what is done and nothing else, collected without trust in what others wrote."""

import json

import pytest

from pcvae.exercises import collect, exercises, report
from pcvae.exercises.records import location


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    """A file of progress: two exercises done, one tried."""
    path = tmp_path / "progress.json"
    monkeypatch.setenv("PCVAE_PROGRESS", str(path))
    path.write_text(json.dumps({"01.1": "done", "02.2": "done", "02.3": "tried"}))
    return path


def test_a_report_says_what_is_done(tmp_path):
    path = report("Ada Lovelace", tmp_path)
    assert path.name == "Ada Lovelace.report.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["name"] == "Ada Lovelace"
    assert list(content["exercises"]) == [exercise.id for exercise in exercises()]
    done = {id for id, state in content["exercises"].items() if state == "done"}
    assert done == {"01.1", "02.2"}
    assert content["exercises"]["02.3"] == "tried"


def test_reports_of_a_class_become_a_table(tmp_path, progress):
    report("Zoë", tmp_path)
    progress.write_text("{}")
    report("ada", tmp_path)
    found = collect(tmp_path)
    assert [name for name, _ in found.rows] == ["Zoë", "ada"]
    counts = dict(zip(found.chapters, found.rows[0][1], strict=True))
    assert (counts["01"], counts["02"], counts["03"]) == (1, 1, 0)
    assert sum(found.rows[1][1]) == 0
    assert found.left_out == []
    head, zoe, _ = str(found).splitlines()
    assert head.split() == ["name", *found.chapters]
    assert zoe.split()[:3] == ["Zoë", "1", "1"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"exercises": 3}', "\x00\x01"])
def test_what_is_no_report_is_named_and_left_out(tmp_path, text):
    report("ada", tmp_path)
    (tmp_path / "bad.report.json").write_text(text)
    (tmp_path / "notes.txt").write_text("hello")
    found = collect(tmp_path)
    assert [name for name, _ in found.rows] == ["ada"]
    (reason,) = found.left_out
    assert reason.startswith("bad.report.json: no ")


def test_unknown_exercises_do_not_count(tmp_path):
    content = {"name": "eve", "exercises": {"99.9": "done", "01.1": "finished"}}
    (tmp_path / "eve.report.json").write_text(json.dumps(content))
    assert sum(collect(tmp_path).rows[0][1]) == 0


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", "a:b", "nul\0"])
def test_a_name_must_be_fit_for_a_file(tmp_path, name):
    with pytest.raises(ValueError, match="Expected a name that can be a file's"):
        report(name, tmp_path)
    assert not list(tmp_path.glob("*.report.json"))


def test_without_progress_there_is_no_report(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_PROGRESS", "off")
    assert location() is None
    with pytest.raises(ValueError, match="Progress is not kept here"):
        report("ada", tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(NotADirectoryError, match="There is no folder"):
        collect(tmp_path / "nowhere")
