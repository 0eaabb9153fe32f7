"""Clouds from .npy and .npz files, good and bad."""

import numpy as np
import pytest
import trimesh

from pcvae.commands import main
from pcvae.data import CloudSet, cloud_files
from pcvae.data.cloud_files import (
    export_clouds,
    read_clouds,
    read_split_clouds,
    write_ply,
    write_set,
)
from pcvae.data.lazy import PointRows
from pcvae.data.reading.arrays import read_array
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
    elif how == "long":
        path.write_bytes(whole[:8] + (60_000).to_bytes(2, "little") + b"(" * 60_000)
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
    "how",
    [
        "cut",
        "empty",
        "text",
        "long",
        "pickled",
        "pickled archive",
        "cut archive",
        "flipped archive",
    ],
)
@pytest.mark.parametrize("read", [read_clouds, read_array])
def test_damaged_files_are_refused(path, how, read):
    spoil(path, how)
    with pytest.raises(ValueError, match=r"mine\.npy cannot be read.*numpy\.save") as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


def test_an_archive_that_does_not_fit_into_memory_is_named(tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "mine.npz", points=CLOUDS)

    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(np, "load", fail)
    assert main(["train", "--data", str(tmp_path / "mine.npz")]) == 2
    assert "not enough memory. It was to hold" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (CLOUDS[0], r"got shape \(8, 3\)"),
        (CLOUDS[..., :2], r"got shape \(5, 8, 2\)"),
        (CLOUDS.astype(complex), "complex"),
        (CLOUDS[:0], "one shape"),
        (np.where(CLOUDS > 2, np.nan, CLOUDS), "NaN or infinity"),
        (np.full_like(CLOUDS, np.inf), "in mine-00000, mine-00001, "),
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
        (
            {"points": CLOUDS, "ids": np.array(list("abc"))},
            r"`ids` to hold .* each of 5 clouds, got <U1 of shape \(3,\)",
        ),
        ({"points": CLOUDS, "splits": np.array(["old"] * 5)}, "train, val or test.*got 'old'"),
        (
            {"points": CLOUDS, "splits": np.array(["val"] * 2)},
            r"`splits` .*each of 5 clouds, got .*\(2,\)",
        ),
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


# What people bring


@pytest.mark.parametrize(
    "classes",
    [
        np.array([b"chair", b"lamp", b"chair", b"lamp", b"caf\xc3\xa9"]),
        np.array(["chair", "lamp", "chair", "lamp", "caf\xe9"]).reshape(5, 1),
        np.array([b"chair  ", b"lamp   ", b"chair  ", b"lamp   ", b"caf\xc3\xa9  "]),
    ],
)
def test_names_from_hdf5_are_text(tmp_path, classes):
    splits = np.array([b"Train", b"training", b"dev", b"validation", b"Test"]).reshape(5, 1)
    np.savez(tmp_path / "set.npz", points=CLOUDS, classes=classes, splits=splits)
    clouds, found = read_split_clouds(tmp_path / "set.npz")
    assert clouds.classes == ("chair", "lamp", "chair", "lamp", "caf\xe9")
    assert found == ("train", "train", "val", "val", "test")


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32])
def test_whole_numbers_are_names(tmp_path, dtype):
    np.savez(
        tmp_path / "set.npz", points=CLOUDS, classes=np.array([[0], [1], [0], [1], [2]], dtype)
    )
    assert read_clouds(tmp_path / "set.npz").classes == ("0", "1", "0", "1", "2")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"classes": np.array([0, 1, np.nan, 1, 0])}, "`classes` .* float64"),
        ({"classes": np.array([0, 1, 0.5, 1, 0])}, "`classes` .* float64"),
        ({"classes": np.zeros((5, 2))}, r"`classes` .* shape \(5, 2\)"),
        ({"classes": np.array("chair")}, r"`classes` .* shape \(\)"),
        ({"classes": np.array([b"\xff"] * 5)}, "`classes` .*no UTF-8"),
        ({"ids": np.array([1, 2, 3, 4, 4])}, r"repeat, e\.g\. \['4'\]"),
        (
            {"ids": np.array(list("abcda")), "splits": np.array(["train"] * 4 + ["test"])},
            "id 'a' is in two splits, train and test",
        ),
        ({"splits": np.array([0, 1, 2, 0, 0])}, "train, val or test .*got '0', '1', '2'"),
        ({"points": CLOUDS.transpose(0, 2, 1)}, r"Are they points\.transpose\(0, 2, 1\)\?"),
    ],
)
def test_names_that_are_none_are_refused_in_a_line(tmp_path, more, message):
    np.savez(tmp_path / "set.npz", **({"points": CLOUDS} | more))
    with pytest.raises(ValueError, match=message) as caught:
        read_clouds(tmp_path / "set.npz")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.obj", b"v 0 0 0\n", r"ends in \.obj: shapes in files of their own go by their folder"),
        ("a.txt", b"0 0 0\n", r"ends in \.txt"),
        ("a.h5", b"\x89HDF\r\n\x1a\n", "is HDF5, which is not read"),
        ("a.bin", b"\x89HDF\r\n\x1a\n", "is HDF5, which is not read"),
        ("a.zip", b"PK\3\4", "is packed: unpack it"),
        ("a", b"", "Expected an array"),
        (
            "a.npz",
            b"version https://git-lfs.github.com/spec/v1\n",
            "Git LFS.*git lfs pull",
        ),
    ],
)
def test_files_of_other_kinds_are_called_what_they_are(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_clouds(tmp_path / name)
    assert "damaged" not in str(caught.value)


def test_a_file_that_is_not_there_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nothere\.npz"):
        read_clouds(tmp_path / "nothere.npz")


def test_clouds_far_from_the_origin_keep_their_digits(tmp_path, caplog):
    """In float32, map coordinates are steps of half a meter."""
    near = np.random.default_rng(0).normal(size=(5, 64, 3))
    np.savez(tmp_path / "map.npz", points=near + np.array([691000.0, 5334000.0, 510.0]))
    found = read_clouds(tmp_path / "map.npz").points
    shift = (found - near).reshape(-1, 3)
    assert np.ptp(shift, axis=0).max() < 1e-5
    (record,) = caplog.records
    assert "5.334e+06 from the origin" in record.message
    assert "moved to it" in record.message


def test_clouds_that_float32_can_hold_stay_where_they_are(tmp_path, caplog):
    given = CLOUDS.astype(np.float64) + np.array([0, 0, 100])
    np.savez(tmp_path / "near.npz", points=given)
    assert np.allclose(read_clouds(tmp_path / "near.npz").points, given, atol=1e-4)
    assert not caplog.records


def test_clouds_each_in_a_far_place_of_its_own_keep_their_digits(tmp_path, caplog):
    """As scanned rooms in one map: their common middle is of no help."""
    near = np.random.default_rng(0).normal(size=(5, 64, 3))
    places = np.random.default_rng(1).uniform(0, 1e7, size=(5, 1, 3))
    np.savez(tmp_path / "map.npz", points=near + places)
    found = read_clouds(tmp_path / "map.npz").points
    assert np.abs(np.ptp(found, axis=1) - np.ptp(near, axis=1)).max() < 1e-5
    assert np.abs(found.max(axis=1) + found.min(axis=1)).max() < 1e-5
    (record,) = caplog.records
    assert "5 of 5 clouds stand so far" in record.message


@pytest.mark.parametrize(("kind", "place"), [("f4", 5e6), ("f2", 300)])
def test_digits_that_a_file_has_lost_are_told_of(tmp_path, caplog, kind, place):
    near = np.random.default_rng(0).normal(size=(5, 64, 3))
    near[2:] -= place  # these three are all right
    np.savez(tmp_path / "map.npz", points=(near + place).astype(kind))
    read_clouds(tmp_path / "map.npz")
    kinds = {"f4": "float32", "f2": "float16"}
    assert "2 of 5 clouds that were looked at stand so far" in caplog.text
    assert f"written in {kinds[kind]}" in caplog.text


def test_digits_that_clouds_on_the_disk_would_lose_are_told_of(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(cloud_files, "IN_MEMORY", 0)
    np.save(tmp_path / "map.npy", CLOUDS.astype(np.float64) + 5e7)
    read_clouds(tmp_path / "map.npy")
    assert "5 of 5 clouds that were looked at" in caplog.text


@pytest.mark.parametrize("kind", ["f2", ">f4", ">f8", "f4", "i2"])
def test_any_type_and_order_of_numbers_opens_as_data(tmp_path, kind):
    points = (np.random.default_rng(0).normal(size=(12, 40, 3)) * 9).astype(kind)
    np.savez(tmp_path / "c.npz", points=points)
    np.savez(tmp_path / "f.npz", points=np.asfortranarray(points))
    plain, turned = (open_splits(str(tmp_path / f"{name}.npz")).train.points for name in "cf")
    assert len(plain) == len(turned) == 9
    assert np.allclose(np.sort(plain, axis=1), np.sort(turned, axis=1))


def test_clouds_that_were_filled_up_with_zeros_are_told_of(tmp_path, caplog):
    padded = np.concatenate([CLOUDS, np.zeros((5, 4, 3), np.float32)], axis=1)
    padded[0] = 1 + np.arange(36).reshape(12, 3)
    np.savez(tmp_path / "set.npz", points=padded)
    read_clouds(tmp_path / "set.npz")
    assert "in 4 of 5 clouds, many points lie at 0, 0, 0" in caplog.text


def test_clouds_that_were_filled_up_with_their_last_point_are_told_of(tmp_path, caplog):
    padded = np.concatenate([CLOUDS, np.repeat(CLOUDS[:, -1:], 4, axis=1)], axis=1)
    np.savez(tmp_path / "set.npz", points=padded)
    read_clouds(tmp_path / "set.npz")
    assert "in 5 of 5 clouds, many points lie where the last one does" in caplog.text


def test_arrays_that_are_not_read_are_named(tmp_path, caplog):
    np.savez(tmp_path / "set.npz", points=CLOUDS, split=np.array(["train"] * 5))
    read_clouds(tmp_path / "set.npz")
    assert "not read: split. Names, classes and splits" in caplog.text
    caplog.clear()
    np.savez(tmp_path / "set.npz", points=CLOUDS, splits=np.array(["train"] * 5))
    read_clouds(tmp_path / "set.npz")
    assert not caplog.text
