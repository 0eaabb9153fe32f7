"""ShapeNetCore.v2.PC15k: small trees in PointFlow's layout."""

import logging

import numpy as np
import pytest

from pcvae.data.lazy import PointFiles
from pcvae.data.shapenet import NAMES, SYNSETS, open_shapenet

CHAIR, AIRPLANE = "03001627", "02691156"


def cloud(seed, count=15_000):
    return np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)


@pytest.fixture
def root(tmp_path):
    """Two categories; 4, 2 and 2 shapes in each."""
    seed = 0
    for synset in (CHAIR, AIRPLANE):
        for split, count in (("train", 4), ("val", 2), ("test", 2)):
            folder = tmp_path / "PC15k" / synset / split
            folder.mkdir(parents=True)
            for number in range(count):
                np.save(folder / f"{split}{number}.npy", cloud(seed))
                seed += 1
    return tmp_path / "PC15k"


def file(root, name="train0", split="train", synset=CHAIR):
    return root / synset / split / f"{name}.npy"


def test_there_are_55_categories():
    assert len(SYNSETS) == len(NAMES) == 55
    assert all(len(synset) == 8 and synset.isdigit() for synset in NAMES)
    assert (SYNSETS["chair"], SYNSETS["airplane"], SYNSETS["car"]) == (CHAIR, AIRPLANE, "02958343")


def test_a_tree_is_opened_by_split(root):
    sets = open_shapenet(root)
    assert {name: len(found) for name, found in sets.items()} == {"train": 8, "val": 4, "test": 4}
    train = sets["train"]
    assert train.classes == ("airplane",) * 4 + ("chair",) * 4
    assert train.ids[4] == "chair/train0"


def test_the_first_10000_points_are_for_training_and_the_rest_for_evaluation(root):
    sets = open_shapenet(root, ["chair"])
    whole = np.load(file(root))
    assert (sets["train"].points[0] == whole[:10_000]).all()
    assert sets["train"].points.shape == (4, 10_000, 3)
    evaluated = np.load(file(root, "val0", "val"))
    assert (sets["val"].points[0] == evaluated[10_000:]).all()
    assert (sets["train"].points.whole[0] == whole).all()


def test_categories_go_by_name_or_by_synset(root):
    assert set(open_shapenet(root, ["chair"])["train"].classes) == {"chair"}
    both = open_shapenet(root, [CHAIR, "airplane"])["train"]
    assert set(both.classes) == {"chair", "airplane"}


def test_opening_reads_no_points(root, monkeypatch):
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("a file was read"))
    monkeypatch.setattr(np, "fromfile", lambda *_, **__: pytest.fail("a file was read"))
    sets = open_shapenet(root)
    assert isinstance(sets["train"].subset([3, 1]).points, PointFiles)


def test_trees_of_fewer_points_serve_whole(tmp_path):
    for split in ("train", "test"):
        (tmp_path / CHAIR / split).mkdir(parents=True)
        np.save(file(tmp_path, "a" + split, split), cloud(0, 100))
    sets = open_shapenet(tmp_path)
    assert sorted(sets) == ["test", "train"]
    assert sets["train"].points.shape == sets["test"].points.shape == (1, 100, 3)


def spoil(path, how):
    content = {
        "cut": lambda: path.read_bytes()[:-100],
        "empty": lambda: b"",
        "text": lambda: b"no array",
    }
    if how in content:
        path.write_bytes(content[how]())
    elif how == "pickled":
        np.save(path, np.array([[{}] * 3] * 9, dtype=object))
    elif how == "rank":
        np.save(path, cloud(0)[None])
    elif how == "columns":
        np.save(path, cloud(0)[:, :2])
    elif how == "few":
        np.save(path, cloud(0, 9000))
    elif how == "duplicate":
        file(path.parents[2], "train0", "test").write_bytes(path.read_bytes())


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("cut", "cut short"),
        ("empty", "EOF"),
        ("text", "magic"),
        ("pickled", "pickled"),
        ("rank", r"got \(1, 15000, 3\)"),
        ("columns", r"got \(15000, 2\)"),
        ("few", "9000 points where most have 15000"),
        ("duplicate", "its id is also in train"),
    ],
)
def test_a_bad_file_among_good_ones_is_named_and_skipped(root, caplog, how, reason):
    spoil(file(root), how)
    with caplog.at_level(logging.WARNING):
        sets = open_shapenet(root)
    assert sum(map(len, sets.values())) == (16 if how == "duplicate" else 15)
    assert len(caplog.records) == 1
    assert "skipped 1 of" in caplog.text
    assert "train0.npy" in caplog.text
    assert "--strict" in caplog.text
    with pytest.raises(ValueError, match=rf"train0\.npy cannot be used: .*{reason}"):
        open_shapenet(root, strict=True)


def test_a_tree_of_nothing_but_bad_files_is_refused(root):
    for path in root.rglob("*.npy"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of its files can be used: .*and 15 more"):
        open_shapenet(root)


def test_what_is_not_there_is_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*synset id"):
        open_shapenet(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no category 'plane'.*airplane, bag"):
        open_shapenet(root, ["plane"])
    with pytest.raises(FileNotFoundError, match=r"lacks mug \(03797390\); it has airplane, chair"):
        open_shapenet(root, ["mug"])
    with pytest.raises(FileNotFoundError, match="lacks folders of categories"):
        open_shapenet(tmp_path)
    empty = tmp_path / "empty"
    (empty / CHAIR).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="holds no clouds"):
        open_shapenet(empty)


def test_usual_names_of_splits_count_and_hidden_files_do_not(root, caplog):
    (root / CHAIR / "val").rename(root / CHAIR / "Validation")
    for name in ("._train0.npy", ".DS_Store", "Thumbs.db"):
        (file(root).parent / name).write_bytes(b"hidden")
    sets = open_shapenet(root, ["chair"], strict=True)
    assert {name: len(found) for name, found in sets.items()} == {"train": 4, "val": 2, "test": 2}
    (file(root).parent / "train9.pts").write_text("1 2 3")
    open_shapenet(root, ["chair"])
    assert "chair/train/train9.pts (it is not a .npy file)" in caplog.text
