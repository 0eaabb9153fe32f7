"""Progress in its small file: kept, forgiving, never written where it should not be."""

import json
import threading

import pytest

from pcvae.exercises import check, exercise, progress, reset
from pcvae.exercises.records import location, read

ID = "99.1"


def judge(answer):
    assert answer() == 1


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """One exercise, which is there during these tests only."""
    monkeypatch.setattr("pcvae.exercises.registry._known", {})
    monkeypatch.setattr("pcvae.exercises.registry._modules", list)
    exercise(ID, "Give 1", difficulty=1, importance=1, minutes=2)(judge)
    exercise("98.1", "Give 1 again", difficulty=5, importance=4, minutes=30)(judge)


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The file, in a folder that is the current one."""
    monkeypatch.delenv("PCVAE_PROGRESS")
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".progress.json"


def right():
    return 1


def wrong():
    return 2


def stub():
    raise NotImplementedError


def test_tests_keep_no_progress(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert location() is None
    assert check(ID, right).status == "done"
    assert list(tmp_path.iterdir()) == []
    assert "0 of 2" in repr(progress())
    assert "0 of 2" in repr(reset())


def test_a_variable_names_another_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_PROGRESS", str(tmp_path / "mine.json"))
    check(ID, right)
    assert read(tmp_path / "mine.json") == {ID: "done"}


def test_a_stub_writes_nothing(path):
    check(ID, stub)
    assert list(path.parent.iterdir()) == []


def test_tried_then_done_and_done_stays(path):
    check(ID, wrong)
    assert read(path) == {ID: "tried"}
    assert "… tried" in repr(progress())
    check(ID, right)
    check(ID, wrong)
    check(ID, stub)
    assert read(path) == {ID: "done"}
    assert progress().done == 1
    assert progress().summary == "1 of 2 exercises done, about 30 minutes left."
    assert "✓ done" in progress()._repr_html_()


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"\xff\xfe\x00", b'{"99.1": 3}', b"null"], ids=repr
)
def test_a_damaged_file_is_as_good_as_none(path, damage):
    path.write_bytes(damage)
    assert progress().done == 0
    check(ID, right)
    assert json.loads(path.read_text()) == {ID: "done"}


def test_what_is_unknown_is_kept_but_not_shown(path):
    path.write_text('{"77.7": "done"}')
    check(ID, right)
    assert read(path) == {"77.7": "done", ID: "done"}
    assert progress().done == 1


@pytest.mark.parametrize(
    ("which", "left"),
    [("", {}), ("99", {"98.1": "done"}), ("98.1", {ID: "done"})],
)
def test_reset_forgets_what_it_is_told_to(path, which, left):
    check(ID, right)
    check("98.1", right)
    assert reset(which).done == len(left)
    assert read(path) == left


def test_reset_of_something_unknown_names_what_there_is(path):
    with pytest.raises(ValueError, match=r"no chapter or exercise '12'; there are 98.1, 99.1"):
        reset("12")


def test_a_folder_without_permission_costs_the_record_only(path, monkeypatch):
    def refuse(path, text):
        raise PermissionError("read-only")

    monkeypatch.setattr("pcvae.exercises.records.write_atomically", refuse)
    with pytest.warns(UserWarning, match="not kept: read-only"):
        assert check(ID, right).status == "done"


def test_readers_never_see_half_a_file(path):
    check(ID, right)
    seen, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            seen.append(path.read_text())

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(50):
        reset("98.1")
        check("98.1", right)
    stop.set()
    reader.join()
    assert all(ID in json.loads(text) for text in seen)
