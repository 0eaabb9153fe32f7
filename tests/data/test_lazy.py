"""Clouds on the disk: read when asked for, as if they were an array."""

import numpy as np
import pytest

from pcvae.data import CloudSet
from pcvae.data.lazy import ChangedPoints, PointFiles, PointRows, read_header

CLOUDS = np.random.default_rng(0).normal(size=(6, 20, 3)).astype(np.float32)


@pytest.fixture
def paths(tmp_path):
    found = [tmp_path / f"{row}.npy" for row in range(len(CLOUDS))]
    for path, cloud in zip(found, CLOUDS, strict=True):
        np.save(path, cloud)
    return found


@pytest.fixture(params=["files", "rows"])
def lazy(request, paths, tmp_path):
    if request.param == "files":
        return PointFiles(paths, 20)
    np.save(tmp_path / "all.npy", CLOUDS)
    return PointRows(np.load(tmp_path / "all.npy", mmap_mode="r"))


@pytest.mark.parametrize(
    "rows", [0, -1, np.int64(3), slice(1, 4), [4, 0, 0], np.array([5, 1]), CLOUDS[:, 0, 0] > 0]
)
def test_rows_are_those_of_an_array(lazy, rows):
    assert (lazy[rows] == CLOUDS[rows]).all()
    assert lazy[rows].dtype == np.float32


def test_it_looks_like_an_array(lazy):
    assert (lazy.shape, lazy.dtype, lazy.ndim, len(lazy)) == ((6, 20, 3), np.float32, 3, 6)
    assert (np.asarray(lazy) == CLOUDS).all()
    assert all((a == b).all() for a, b in zip(lazy, CLOUDS, strict=True))
    with pytest.raises(IndexError):
        lazy[6]


def test_chosen_clouds_stay_on_the_disk(lazy):
    chosen = lazy.select([4, 2]).select(np.array([1]))
    assert type(chosen) is type(lazy)
    assert (chosen[:] == CLOUDS[[2]]).all()


def test_a_part_of_the_points_can_be_used(paths):
    files = PointFiles(paths, 20, 5, 15)
    assert files.shape == (6, 10, 3)
    assert (files.select([1])[0] == CLOUDS[1, 5:15]).all()
    assert (files.whole[:] == CLOUDS).all()


def test_sets_of_them_stay_unread(paths):
    ids = tuple("abcdef")
    clouds = CloudSet("lazy", PointFiles(paths, 20), ids, ("chair", "mug") * 3)
    for path in paths:
        path.write_bytes(b"no longer what it was")
    mugs = clouds.subset([1, 3, 5])
    assert isinstance(mugs.points, PointFiles)
    with pytest.raises(ValueError, match=r"1\.npy cannot be read any more"):
        mugs.points[0]


def test_files_that_change_their_shape_are_refused(paths):
    files = PointFiles(paths, 20)
    np.save(paths[2], CLOUDS[2, :7])
    with pytest.raises(ValueError, match=r"2\.npy: expected \(20, 3\).*\(7, 3\)"):
        files[2]


def test_headers_are_read_without_the_array(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, CLOUDS[0].astype(np.float64))
    assert read_header(path) == ((20, 3), np.float64)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut short: 607 bytes of 608"):
        read_header(path)
    path.write_bytes(b"\x93NUMPY\x09\x00")
    with pytest.raises(ValueError, match="version"):
        read_header(path)
    np.save(path, np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="pickled"):
        read_header(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="EOF"):
        read_header(path)


def test_clouds_may_be_changed_as_they_are_read(lazy):
    changed = ChangedPoints(lazy, list("abcdef"), lambda name, cloud: cloud[::-1] + ord(name))
    assert changed.shape == lazy.shape
    assert (changed[2] == CLOUDS[2, ::-1] + ord("c")).all()
    some = changed.select([4, 1])
    assert (some[1] == CLOUDS[1, ::-1] + ord("b")).all()
    assert some.shape == (2, 20, 3)
