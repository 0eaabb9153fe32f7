"""What `--data` may name."""

import numpy as np
import pytest

from pcvae.data import CloudSet, cloud_files, load_furniture, open_splits
from pcvae.data.cloud_files import write_set
from pcvae.data.clouds import complete
from pcvae.data.lazy import PointFiles
from pcvae.shapes import families


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def clouds(count=20, classes=("chair", "mug")):
    points = np.random.default_rng(0).normal(size=(count, 16, 3)).astype(np.float32)
    ids = tuple(f"shape{row}" for row in range(count))
    return CloudSet("mine", points, ids, tuple(classes[row % len(classes)] for row in range(count)))


def ids(splits):
    return [set(part.ids) for part in (splits.train, splits.val, splits.test)]


def sizes(splits):
    return [len(part) for part in ids(splits)]


def assert_parted(splits):
    train, val, test = ids(splits)
    assert not train & val
    assert not train & test
    assert not val & test


def test_furniture_has_its_own_splits():
    assert ids(open_splits("furniture", seed=1))[0] == set(load_furniture("train").ids)
    lamps = open_splits("furniture", categories=["lamp"])
    assert set(lamps.test.classes) == {"lamp"}


def test_procedural_shapes_are_of_all_families_or_of_those_named(cache):
    every = open_splits("procedural", num_shapes=40)
    assert set(every.train.classes) == set(families())
    assert sizes(every) == [28, 4, 8]
    assert_parted(every)
    for splits in (
        open_splits("procedural:chair, mug", num_shapes=20),
        open_splits("procedural", categories=["chair", "mug"], num_shapes=20),
    ):
        assert set(splits.train.classes) == {"chair", "mug"}
    assert len(list(cache.iterdir())) == 6  # each split of all, and of two


def test_no_seed_trains_on_procedural_shapes_that_another_keeps(cache):
    def surfaces(clouds):
        return {cloud.tobytes() for cloud in clouds.points}

    every = [open_splits("procedural:mug", seed, num_shapes=300) for seed in range(6)]
    trained = set.union(*(surfaces(splits.train) for splits in every))
    assert len(trained) == 6 * 210
    for splits in every:
        kept = surfaces(splits.val) | surfaces(splits.test)
        assert len(kept) == 90
        assert not kept & trained


def test_too_few_procedural_shapes_are_refused():
    with pytest.raises(ValueError, match="--num_shapes 2: expected 3 or more"):
        open_splits("procedural", num_shapes=2)


def test_more_points_are_drawn_of_procedural_shapes_if_more_are_used():
    assert open_splits("procedural:mug", num_shapes=3).train.points.shape[1] == 2048
    more = open_splits("procedural:mug", num_shapes=3, num_points=2500)
    assert more.train.points.shape[1] == 2500


def test_shapenet_is_named_with_its_folder(tmp_path):
    for split in ("train", "val", "test"):
        folder = tmp_path / "PC15k" / "03797390" / split
        folder.mkdir(parents=True)
        np.save(folder / f"{split}.npy", clouds(1).points[0])
    splits = open_splits(f"shapenet:{tmp_path / 'PC15k'}", categories=["mug"])
    assert isinstance(splits.train.points, PointFiles)
    assert splits.val.ids == ("mug/val",)
    with pytest.raises(FileNotFoundError, match="lacks chair"):
        open_splits(f"shapenet:{tmp_path / 'PC15k'}", categories=["chair"])


def test_folders_and_files_are_named_by_their_paths(tmp_path):
    (tmp_path / "shapes").mkdir()
    for row, cloud in enumerate(clouds(10).points):
        np.save(tmp_path / "shapes" / f"{row}.npy", cloud)
    np.save(tmp_path / "all.npy", clouds(10).points)
    for name in ("shapes", "all.npy"):
        splits = open_splits(str(tmp_path / name))
        assert sizes(splits) == [7, 1, 2]
        assert_parted(splits)


def test_shapes_of_folders_get_as_many_points_as_are_used(tmp_path):
    for row in range(3):
        text = f"v 0 0 0\nv 1 0 0\nv 0 {row + 1} 0\nf 1 2 3\n"
        (tmp_path / f"{row}.obj").write_text(text)
    assert open_splits(str(tmp_path)).train.points.shape[1] == 2048
    assert open_splits(str(tmp_path), num_points=2100).train.points.shape[1] == 2100


def test_a_file_may_bring_its_splits(tmp_path):
    named = np.array(["train"] * 8 + ["val"] * 4 + ["test"] * 8)
    path = write_set(tmp_path / "mine.npz", clouds(), splits=named)
    assert sizes(open_splits(str(path))) == [8, 4, 8]
    mugs = open_splits(str(path), categories=["mug"])
    assert sizes(mugs) == [4, 2, 4]
    assert set(mugs.train.classes) == {"mug"}


def test_a_missing_split_is_taken_from_the_training_shapes(tmp_path):
    named = np.array(["train"] * 12 + ["test"] * 8)
    path = write_set(tmp_path / "mine.npz", clouds(), splits=named)
    splits = open_splits(str(path))
    assert sizes(splits) == [11, 1, 8]
    assert_parted(splits)
    assert ids(splits)[1] != ids(open_splits(str(path), seed=3))[1]


def test_unnamed_shapes_beside_named_ones_are_trained_on(tmp_path):
    named = np.array([""] * 12 + ["test"] * 8)
    path = write_set(tmp_path / "mine.npz", clouds(), splits=named)
    assert sizes(open_splits(str(path))) == [11, 1, 8]


def test_splits_cannot_be_made_of_nothing():
    with pytest.raises(ValueError, match=r"^\w+: expected training shapes.*; got test: 20"):
        complete({"test": clouds()}, 0)
    with pytest.raises(ValueError, match="one or more beside them for each of val, test"):
        complete({"train": clouds(2)}, 0)


def test_unknown_names_are_refused_with_those_there_are(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'furnitur' is neither.*'shapenet:FOLDER'"):
        open_splits("furnitur")
    with pytest.raises(ValueError, match=r"chair.*'spoon'"):
        open_splits("furniture", categories=["spoon"])
    with pytest.raises(ValueError, match=r"spoon.*chair"):
        open_splits("procedural:spoon")
    path = write_set(tmp_path / "mine.npz", clouds())
    with pytest.raises(ValueError, match=r"mine has no 'spoon'; its categories are chair, mug"):
        open_splits(str(path), categories=["spoon"])


def test_two_shapes_are_too_few(tmp_path):
    np.save(tmp_path / "two.npy", clouds(2).points)
    with pytest.raises(ValueError, match=r"beside them for each of val, test; got .*2"):
        open_splits(str(tmp_path / "two.npy"))


def test_missing_splits_are_as_large_as_those_of_a_source_without_any():
    filled = complete({"train": clouds(40)}, 0)
    assert [len(part) for part in (filled.train, filled.val, filled.test)] == [28, 4, 8]
    only_test = complete({"train": clouds(36), "val": clouds(4)}, 0)
    assert [len(part) for part in (only_test.train, only_test.val, only_test.test)] == [29, 4, 7]


@pytest.mark.parametrize(("name", "warned"), [("03001627", True), ("chair", False)])
def test_shapenet_without_its_prefix_is_read_with_a_hint(name, warned, tmp_path, caplog):
    folder = tmp_path / name / "train"
    folder.mkdir(parents=True)
    for row in range(4):
        np.save(folder / f"{row}.npy", clouds(4).points[row])
    open_splits(str(tmp_path))
    assert (f"--data shapenet:{tmp_path}" in caplog.text) == warned


# What people bring


def test_the_order_of_points_in_a_file_means_nothing(tmp_path):
    ordered = np.sort(np.random.default_rng(0).uniform(-1, 1, (10, 256, 3)), axis=1)
    np.savez(tmp_path / "set.npz", points=ordered)
    train = open_splits(str(tmp_path / "set.npz")).train
    first, rest = train.points[:, :64].mean(axis=(0, 1)), train.points[:, 64:].mean(axis=(0, 1))
    assert np.abs(first - rest).max() < 0.15
    rows = [int(name[-5:]) for name in train.ids]
    assert np.allclose(np.sort(train.points, axis=1), ordered[rows], atol=1e-6)
    again = open_splits(str(tmp_path / "set.npz")).train
    assert (again.points == train.points).all()
    orders = {tuple(cloud[:, 1].argsort()) for cloud in train.points}
    assert len(orders) == len(train)  # each shape has its own


@pytest.mark.parametrize("in_memory", [2**29, 10])
def test_sets_of_clouds_are_turned_to_y_up(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr(cloud_files, "IN_MEMORY", in_memory)
    np.save(tmp_path / "set.npy", clouds(10).points * np.float32([1, 1, 5]))
    turned = open_splits(str(tmp_path / "set.npy"), up="z").train.points
    assert (np.ptp(turned[:], axis=1).argmax(axis=1) == 1).all()
    assert isinstance(turned, np.ndarray) == (in_memory > 10)
    upright = open_splits(str(tmp_path / "set.npy")).train.points
    assert np.allclose(turned[:], upright[:][..., [0, 2, 1]] * [1, 1, -1])


@pytest.mark.parametrize(
    ("source", "more", "flag"),
    [
        ("furniture", {"up": "z"}, "--up z"),
        ("procedural:mug", {"up": "z"}, "--up z"),
        ("shapenet:nowhere", {"up": "z"}, "--up z"),
        ("furniture", {"up": "x"}, "--up must be"),
        ("furniture", {"num_shapes": 40}, "--num_shapes 40"),
        ("procedural:chair,mug", {"categories": "lamp"}, "--categories lamp"),
    ],
)
def test_a_flag_without_effect_is_refused_by_name(source, more, flag):
    with pytest.raises(ValueError, match=flag):
        open_splits(source, **more)


def test_categories_come_one_by_one_or_joined_by_commas():
    for categories in ("lamp, car", ["lamp", "car"]):
        assert set(open_splits("furniture", categories=categories).train.classes) == {"lamp", "car"}
    named = open_splits("procedural:chair,mug", categories="mug", num_shapes=10)
    assert set(named.train.classes) == {"mug"}


def test_a_folder_named_like_a_shipped_set_is_told_of(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "furniture").mkdir()
    for row, cloud in enumerate(clouds(5).points):
        np.save(tmp_path / "furniture" / f"{row}.npy", cloud)
    assert "chair" in open_splits("furniture").train.classes
    assert "--data ./furniture" in caplog.text
    assert set(open_splits("./furniture").train.classes) == {"furniture"}


def test_the_home_folder_may_be_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "all.npy", clouds(10).points)
    assert sizes(open_splits("~/all.npy")) == [7, 1, 2]


def test_the_same_shape_in_two_splits_is_told_of(tmp_path, caplog):
    double = clouds(10)
    double.points[9] = double.points[0]
    named = np.array(["train"] * 7 + ["val"] + ["test"] * 2)
    open_splits(str(write_set(tmp_path / "mine.npz", double, splits=named)))
    (record,) = caplog.records
    assert "1 shapes are in two splits" in record.message
    assert "shape9 in test is shape0 in train" in record.message
