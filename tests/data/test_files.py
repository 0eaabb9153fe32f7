"""Clouds from .npy and .npz files, good and bad."""

import numpy as np
import pytest

from pcvae.data import CloudSet, files
from pcvae.data.files import read_array, read_clouds, read_split_clouds, write_clouds
from pcvae.data.lazy import PointRows

CLOUDS = np.random.default_rng(0).normal(size=(5, 8, 3)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.npy"


def test_arrays_get_names(path):
    np.save(path, CLOUDS.astype(np.float64))
    clouds = read_clouds(path)
    assert np.allclose(clouds.points, CLOUDS)
    assert clouds.points.dtype == np.float32
    assert clouds.ids[4] == "mine-00004"
    assert set(clouds.classes) == {"mine"}


def test_archives_may_bring_their_own(tmp_path):
    path = tmp_path / "mine.npz"
    splits = np.array(["train", "val", "", "test", "train"])
    ids, classes = np.array(list("abcde")), np.array(["x", "y"])[[0, 1, 0, 1, 0]]
    np.savez(path, points=CLOUDS, ids=ids, classes=classes, splits=splits)
    clouds, found = read_split_clouds(path)
    assert (clouds.ids, clouds.classes) == (tuple("abcde"), tuple("xyxyx"))
    assert found == tuple(splits)


def test_what_is_written_is_read(tmp_path):
    clouds = CloudSet("mine", CLOUDS, tuple("abcde"), tuple("xyxyx"))
    path = write_clouds(tmp_path / "new" / "mine.npz", clouds, splits=np.array(["train"] * 5))
    found, splits = read_split_clouds(path)
    assert (found.points == CLOUDS).all()
    assert (found.ids, found.classes, splits) == (clouds.ids, clouds.classes, ("train",) * 5)


def test_an_interruption_while_writing_leaves_what_was_there(tmp_path, monkeypatch):
    clouds = CloudSet("mine", CLOUDS, tuple("abcde"), tuple("xyxyx"))
    path = write_clouds(tmp_path / "mine.npz", clouds)
    before = path.read_bytes()

    def half(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(files.np, "savez", half)
    with pytest.raises(KeyboardInterrupt):
        write_clouds(path, clouds)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_large_arrays_stay_on_the_disk(path, monkeypatch):
    monkeypatch.setattr(files, "IN_MEMORY", 100)
    np.save(path, CLOUDS)
    clouds = read_clouds(path).subset([4, 1])
    assert isinstance(clouds.points, PointRows)
    assert (clouds.points[:] == CLOUDS[[4, 1]]).all()


def spoil(path, how):
    np.save(path, CLOUDS)
    whole = path.read_bytes()
    if how == "cut":
        path.write_bytes(whole[:-20])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("1 2 3")
    elif how == "pickled":
        np.save(path, np.array([{}], dtype=object))
    elif how == "pickled archive":
        np.savez(path.open("wb"), points=np.array([{}], dtype=object))
    elif how == "cut archive":
        np.savez(path.open("wb"), points=CLOUDS)
        path.write_bytes(path.read_bytes()[:200])
    elif how == "flipped archive":
        np.savez_compressed(path.open("wb"), points=CLOUDS)
        content = bytearray(path.read_bytes())
        content[150:170] = bytes(20)
        path.write_bytes(content)


@pytest.mark.parametrize(
    "how", ["cut", "empty", "text", "pickled", "pickled archive", "cut archive", "flipped archive"]
)
@pytest.mark.parametrize("read", [read_clouds, read_array])
def test_damaged_files_are_refused(path, how, read):
    spoil(path, how)
    with pytest.raises(ValueError, match=r"mine\.npy cannot be read.*numpy\.save"):
        read(path)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (CLOUDS[0], r"got shape \(8, 3\)"),
        (CLOUDS[..., :2], r"got shape \(5, 8, 2\)"),
        (CLOUDS.astype(complex), "complex"),
        (CLOUDS[:0], "one shape"),
        (np.where(CLOUDS > 2, np.nan, CLOUDS), "NaN or infinity"),
        (np.full_like(CLOUDS, np.inf), r"5 shapes, e\.g\. \['mine-00000'"),
    ],
)
def test_arrays_that_are_no_clouds_are_refused(path, points, message):
    np.save(path, points)
    with pytest.raises(ValueError, match=message):
        read_clouds(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"clouds": CLOUDS}, r"no array named 'points' \(found: clouds\)"),
        ({"points": CLOUDS, "ids": np.array(list("abcda"))}, r"repeat, e\.g\. \['a'\]"),
        ({"points": CLOUDS, "ids": np.array(list("abc"))}, "5 ids, one a shape; got 3"),
        ({"points": CLOUDS, "splits": np.array(["dev"] * 5)}, "train, val, test.*got 5 of dev"),
        ({"points": CLOUDS, "splits": np.array(["val"] * 2)}, "for each of 5 clouds, got 2"),
    ],
)
def test_archives_that_do_not_fit_together_are_refused(tmp_path, arrays, message):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message):
        read_clouds(path)


def test_an_array_alone_needs_no_name(tmp_path):
    path = tmp_path / "one.npz"
    np.savez(path, anything=CLOUDS[0])
    assert (read_array(path) == CLOUDS[0]).all()
    np.savez(path, one=CLOUDS[0], other=CLOUDS[1])
    with pytest.raises(ValueError, match="found: one, other"):
        read_array(path)
