"""Clouds from .npy and .npz files, good and bad."""

import numpy as np
import pytest
import trimesh

from pcvae.data import CloudSet, cloud_files
from pcvae.data.cloud_files import (
    export_clouds,
    read_array,
    read_clouds,
    read_split_clouds,
    write_ply,
    write_set,
)
from pcvae.data.lazy import PointRows
from pcvae.data.sources import open_splits

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
    path = write_set(tmp_path / "new" / "mine.npz", clouds, splits=np.array(["train"] * 5))
    found, splits = read_split_clouds(path)
    assert (found.points == CLOUDS).all()
    assert (found.ids, found.classes, splits) == (clouds.ids, clouds.classes, ("train",) * 5)


def test_an_interruption_while_writing_leaves_what_was_there(tmp_path, monkeypatch):
    clouds = CloudSet("mine", CLOUDS, tuple("abcde"), tuple("xyxyx"))
    path = write_set(tmp_path / "mine.npz", clouds)
    before = path.read_bytes()

    def half(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(cloud_files.np, "savez", half)
    with pytest.raises(KeyboardInterrupt):
        write_set(path, clouds)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_large_arrays_stay_on_the_disk(path, monkeypatch):
    monkeypatch.setattr(cloud_files, "IN_MEMORY", 100)
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


# Clouds to files and back, by NumPy and by another program's reader


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(3, 10, 3)).astype(np.float32)


def test_npz_holds_the_points_and_opens_as_data(points, tmp_path):
    (path,) = export_clouds(points, tmp_path / "new" / "shapes.npz")
    with np.load(path, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["points"], points)
    assert len(open_splits(str(path)).train) == 1


def test_ply_of_several_clouds_are_numbered(points, tmp_path):
    paths = export_clouds(points, tmp_path / "chair.ply")
    assert [path.name for path in paths] == [f"chair-000{k}.ply" for k in range(3)]
    for path, cloud in zip(paths, points, strict=True):
        np.testing.assert_allclose(trimesh.load(path).vertices, cloud, rtol=1e-6)


def test_ply_of_one_cloud_has_the_name_given(points, tmp_path):
    assert export_clouds(points[:1], tmp_path / "chair.ply") == [tmp_path / "chair.ply"]


def test_ply_keeps_colors(points, tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (10, 3), dtype=np.uint8)
    cloud = trimesh.load(write_ply(tmp_path / "a.ply", points[0], rgb))
    np.testing.assert_array_equal(np.asarray(cloud.colors)[:, :3], rgb)


def test_other_endings_are_refused(points, tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.npz or \.ply"):
        export_clouds(points, tmp_path / "shapes.obj")
    assert list(tmp_path.iterdir()) == []
