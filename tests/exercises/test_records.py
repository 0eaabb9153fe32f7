"""Progress in its small file: kept, forgiving, never written where it should not be."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pcvae.exercises import check, exercise, progress, records, reset
from pcvae.exercises.records import location, read

ID = "99.1"
DAMAGED = "is damaged, or from a newer version"


def judge(answer):
    assert answer() == 1


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Two exercises, which are there during these tests only."""
    monkeypatch.setattr("pcvae.exercises.registry._known", {})
    monkeypatch.setattr("pcvae.exercises.registry._modules", list)
    exercise(ID, "Give 1", difficulty=1, importance=1, minutes=2)(judge)
    exercise("98.1", "Give 1 again", difficulty=5, importance=4, minutes=30)(judge)


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The file, in a folder that stands for that of the notebooks."""
    monkeypatch.delenv("PCVAE_PROGRESS")
    monkeypatch.setattr(records, "NOTEBOOKS", tmp_path)
    return tmp_path / ".progress.json"


def right():
    return 1


def wrong():
    return 2


def stub():
    raise NotImplementedError


def test_tests_keep_no_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "NOTEBOOKS", tmp_path)
    assert location() is None
    assert check(ID, right).status == "done"
    assert list(tmp_path.iterdir()) == []
    assert "0 of 2" in repr(progress())
    assert "0 of 2" in repr(reset())


def test_a_variable_names_another_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_PROGRESS", str(tmp_path / "new folder" / "mine.json"))
    check(ID, right)
    assert read(tmp_path / "new folder" / "mine.json") == {ID: "done"}


def test_a_name_alone_lies_beside_the_notebooks(path, monkeypatch):
    monkeypatch.setenv("PCVAE_PROGRESS", "mine.json")
    assert location() == path.with_name("mine.json")


def test_it_is_beside_the_notebooks_of_the_course(monkeypatch):
    monkeypatch.delenv("PCVAE_PROGRESS")
    assert location() == Path(__file__).resolve().parents[2] / "notebooks" / ".progress.json"


def test_without_notebooks_it_is_in_the_home_folder(path, monkeypatch, tmp_path):
    monkeypatch.setattr(records, "NOTEBOOKS", tmp_path / "not there")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert location() == path


def test_it_is_found_from_any_working_folder_and_from_none(path, tmp_path, monkeypatch):
    check(ID, right)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert progress().done == 1
    gone.rmdir()
    assert check("98.1", right).status == "done"
    assert progress().done == 2


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


MERGED = b"""{
<<<<<<< mine
  "98.1": "tried",
=======
  "98.1": "done",
>>>>>>> theirs
  "01.1": "done"
}"""
DAMAGE = {
    "empty": (b"", {}),
    "cut": (b'{\n  "01.1": "done",\n  "98.1": "do', {"01.1": "done"}),
    "merged": (MERGED, {"01.1": "done", "98.1": "done"}),
    "of another encoding": ('{"01.1": "done"}'.encode("utf-16"), {"01.1": "done"}),
    "no text": (b"\xff\xfe\x00\x9f", {}),
    "another kind": (b"[]", {}),
    "null": (b"null", {}),
    "nested too deep": (b"[" * 100_000, {}),
    "unhashable": (b'{"99.1": {"state": "done"}}', {}),
    "a number": (b'{"99.1": 3, "01.1": "done"}', {"01.1": "done"}),
    "newer": (b'{"version": 2, "states": {"01.1": "done", "98.1": "mastered"}}', {"01.1": "done"}),
}


@pytest.mark.parametrize(("damage", "left"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_kept_aside_and_told_of(path, damage, left):
    path.write_bytes(damage)
    with pytest.warns(UserWarning, match=DAMAGED):
        progress()
    assert path.read_bytes() == damage
    with pytest.warns(UserWarning, match="It is kept as .progress.damaged-1.json"):
        assert check(ID, right).status == "done"
    assert path.with_name(".progress.damaged-1.json").read_bytes() == damage
    assert json.loads(path.read_text()) == {**left, ID: "done"}


def test_a_second_damaged_file_does_not_take_the_place_of_the_first(path):
    for damage in ("{", "{{"):
        path.write_text(damage)
        with pytest.warns(UserWarning, match=DAMAGED):
            check(ID, right)
    kept = [path.with_name(f".progress.damaged-{k}.json").read_text() for k in (1, 2)]
    assert kept == ["{", "{{"]


def test_reset_keeps_a_damaged_file_aside_too(path):
    path.write_bytes(MERGED)
    with pytest.warns(UserWarning, match=DAMAGED):
        reset("98.1")
    assert read(path) == {"01.1": "done"}
    assert path.with_name(".progress.damaged-1.json").read_bytes() == MERGED


def test_a_byte_order_mark_is_no_damage(path, recwarn):
    path.write_text(f'{{"{ID}": "done"}}', encoding="utf-8-sig")
    assert progress().done == 1
    assert len(recwarn) == 0


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


def test_a_file_in_place_of_the_folder_costs_the_record_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PCVAE_PROGRESS", str(tmp_path / "file" / "mine.json"))
    with pytest.warns(UserWarning, match="was not kept"):
        assert check(ID, right).status == "done"
    with pytest.warns(UserWarning, match="cannot be read"):
        assert progress().done == 0


def test_a_folder_in_place_of_the_file_stays_one(path):
    path.mkdir()
    with pytest.warns(UserWarning, match="was not kept"):
        assert check(ID, right).status == "done"
    assert path.is_dir()


def test_a_linked_file_stays_a_link(path, tmp_path):
    target = tmp_path / "elsewhere.json"
    path.symlink_to(target)
    check(ID, right)
    assert path.is_symlink()
    assert read(target) == {ID: "done"}


def test_a_kernel_that_never_lets_go_costs_the_record_only(path, monkeypatch):
    monkeypatch.setattr(records, "PATIENCE", 0.05)
    other = ThreadPoolExecutor()
    with records.FileLock(f"{path}.lock"), pytest.warns(UserWarning, match="was not kept"):
        card = other.submit(check, ID, right).result()
    assert card.status == "done"


KERNEL = """
import sys
from pcvae.exercises.records import record
for k in range(25):
    record(f"{sys.argv[1]}.{k}", "done")
"""


def test_two_kernels_lose_nothing(tmp_path):
    path = tmp_path / "both.json"
    environment = {**os.environ, "PCVAE_PROGRESS": str(path)}
    kernels = [
        subprocess.Popen([sys.executable, "-c", KERNEL, name], env=environment)
        for name in ("01", "02")
    ]
    assert [kernel.wait(timeout=120) for kernel in kernels] == [0, 0]
    assert len(read(path)) == 50


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
