"""Files are written whole or not at all; what can be made again has a folder."""

import errno
import os

import pytest

from pcvae.files import CACHE_VARIABLE, atomic_path, cache_folder, check_writable, write_atomically


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interruption_leaves_what_was_there(tmp_path, error):
    write_atomically(tmp_path / "new" / "a.txt", "whole")

    def fail():
        with atomic_path(tmp_path / "new" / "a.txt") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert [path.read_text() for path in (tmp_path / "new").iterdir()] == ["whole"]


def test_a_place_that_cannot_be_written_to_is_named_by_the_file_and_not_by_a_temporary_one(
    tmp_path, monkeypatch
):
    def refuse(path, *_):
        raise OSError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr(os, "open", refuse)
    path = tmp_path / "scores.json"
    for write in (check_writable, lambda path: write_atomically(path, "")):
        with pytest.raises(OSError, match="Read-only") as caught:
            write(path)
        assert caught.value.filename == str(path)


def test_the_cache_is_where_one_says_or_where_the_system_keeps_such_things(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(CACHE_VARIABLE, "~/mine")
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "cache" / "pcvae"


def test_a_cache_that_cannot_be_written_is_worked_around_and_told_of_once(
    tmp_path, monkeypatch, caplog
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    found = cache_folder()
    write_atomically(found / "a.txt", "kept")
    assert cache_folder() == found
    (record,) = caplog.records
    assert str(tmp_path / "file") in record.message
    assert CACHE_VARIABLE in record.message


def test_what_could_not_be_written_is_told_beforehand(tmp_path):
    check_writable(None, tmp_path / "new" / "scores.json")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "scores.json"):
        with pytest.raises(OSError, match=str(path if path == tmp_path else path.parent)):
            check_writable(path)
