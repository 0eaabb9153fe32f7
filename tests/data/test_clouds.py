import numpy as np
import pytest

from pcvae.data.clouds import CloudSet, resembles_split, split_of


def make(count=4, num_points=6, **changes):
    values = {
        "name": "made",
        "points": np.random.default_rng(0).random((count, num_points, 3), dtype=np.float32),
        "ids": tuple(f"shape-{k}" for k in range(count)),
        "classes": tuple("chair" if k % 2 else "lamp" for k in range(count)),
    }
    return CloudSet(**(values | changes))


def test_a_subset_keeps_every_row_together():
    labels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    clouds = make(labels=labels, factors={"height": np.arange(4, dtype=np.float32)})
    chosen = clouds.subset([3, 0])
    assert len(chosen) == 2
    assert chosen.ids == ("shape-3", "shape-0")
    assert chosen.classes == ("chair", "lamp")
    assert (chosen.points == clouds.points[[3, 0]]).all()
    assert (chosen.labels == labels[[3, 0]]).all()
    assert chosen.factors["height"].tolist() == [3, 0]


@pytest.mark.parametrize(
    "rows", [[1, 3], [-3, -1], np.array([1, 3]), np.array([False, True, False, True])]
)
def test_rows_may_be_named_in_any_of_numpys_ways(rows):
    assert make().subset(rows).ids == ("shape-1", "shape-3")


def test_neighbors_in_a_memory_map_stay_one(tmp_path):
    np.save(tmp_path / "points.npy", make().points)
    clouds = make(points=np.load(tmp_path / "points.npy", mmap_mode="r"))
    assert isinstance(clouds.subset([1, 2, 3]).points, np.memmap)
    assert (clouds.subset([3, 1]).points == clouds.points[[3, 1]]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": np.zeros((4, 3), np.float32)}, r"\(shapes, points, 3\).*\(4, 3\)"),
        ({"points": np.zeros((4, 6, 2), np.float32)}, r"\(4, 6, 2\)"),
        ({"points": np.zeros((0, 6, 3), np.float32), "ids": (), "classes": ()}, r"\(0, 6, 3\)"),
        ({"points": np.zeros((4, 0, 3), np.float32)}, r"\(4, 0, 3\)"),
        ({"points": np.zeros((4, 6, 3))}, "float64"),
        ({"points": np.full((4, 6, 3), np.nan, np.float32)}, "NaN.*shape-0, shape-1"),
        ({"ids": ("a", "b", "c")}, "4 ids.*got 3"),
        ({"ids": ("a", "b", "a", "c")}, "differ.*'a'"),
        ({"classes": ("lamp",)}, "4 classes.*got 1"),
        ({"labels": np.zeros((4, 5), np.uint8)}, r"\(4, 6\).*\(4, 5\)"),
        ({"labels": np.ones((4, 6), np.int64)}, "int64"),
        ({"labels": np.ones((4, 6), np.uint8), "part_names": ("leg",)}, "below 1, got 1"),
        ({"factors": {"height": np.zeros(3, np.float32)}}, "'height'.*4 numbers"),
    ],
)
def test_sets_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_an_empty_choice_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        make().subset([])


@pytest.mark.parametrize(
    ("name", "split"), [("Train", "train"), (" valid ", "val"), ("DEV", "val")]
)
def test_usual_names_are_splits(name, split):
    assert split_of(name) == split
    assert not resembles_split(name)


@pytest.mark.parametrize("name", ["train_set", "tests", "trian", "validaton", "eval", "dev_set"])
def test_names_like_them_are_none_but_resemble_them(name):
    assert split_of(name) == ""
    assert resembles_split(name)


@pytest.mark.parametrize("name", ["", "chair", "device", "valve", "rest", "02691156"])
def test_other_names_do_not(name):
    assert split_of(name) == ""
    assert not resembles_split(name)
