import csv
import re
from collections import Counter

import numpy as np
import pytest
from making import sweethome

from pcvae.data import furniture
from pcvae.data.furniture import CLASSES, data_folder, load_furniture, read_furniture

ALL = {"chair": 57, "table": 42, "vessel": 35, "sofa": 31, "lamp": 25, "car": 13}


@pytest.fixture(scope="module")
def shipped():
    return read_furniture(data_folder() / "furniture.npz")


@pytest.fixture(scope="module")
def attribution():
    with (data_folder() / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# The shipped file


def test_the_shipped_shapes_are_in_their_frame():
    clouds = load_furniture()
    assert Counter(clouds.classes) == ALL
    assert clouds.points.shape == (203, 2048, 3)
    assert clouds.points.dtype == np.float32
    # Within the steps of int16.
    assert np.allclose(np.linalg.norm(clouds.points, axis=2).max(axis=1), 1, atol=1e-4)
    assert np.allclose(clouds.points.max(axis=1), -clouds.points.min(axis=1), atol=1e-4)


def test_the_shipped_shapes_have_their_catalogues_proportions(shipped):
    clouds = load_furniture()
    extent = np.ptp(clouds.points, axis=1)[:, [0, 2, 1]] * shipped["scale"][:, None]
    # A few meshes are stretched by the catalogue; a shape turned the wrong way is further off.
    assert (np.abs(np.log(extent / shipped["sizes"])) < 0.2).all()


def test_backs_of_chairs_and_sofas_are_at_minus_z():
    clouds = load_furniture(classes=["chair", "sofa"])
    upper = clouds.points[..., 1] > 0.6 * clouds.points[..., 1].max(axis=1, keepdims=True)
    leaning = np.array(
        [points[top, 2].mean() for points, top in zip(clouds.points, upper, strict=True)]
    )
    # Stools, benches and beds have no back: their tops are level.
    assert (leaning < 0.06).all()
    assert (leaning < -0.1).mean() > 0.7


def test_farthest_points_are_even():
    from scipy.spatial import cKDTree

    for points in load_furniture("val").points:
        apart = cKDTree(points).query(points, k=2)[0][:, 1]
        assert apart.min() > 0.3 * np.median(apart)


def test_splits_part_the_shapes():
    parts = [load_furniture(split) for split in ("train", "val", "test")]
    ids = [name for part in parts for name in part.ids]
    assert sorted(ids) == sorted(load_furniture().ids)
    for part, share in zip(parts, (0.7, 0.1, 0.2), strict=True):
        for kind, total in ALL.items():
            assert abs(part.classes.count(kind) - share * total) <= 2


def test_classes_can_be_chosen():
    clouds = load_furniture("test", classes=["lamp", "car"])
    assert set(clouds.classes) == {"lamp", "car"}
    assert set(clouds.ids) < set(load_furniture("test").ids)


def test_the_attribution_is_that_of_the_shapes(shipped, attribution):
    assert [row["id"] for row in attribution] == shipped["ids"].tolist()
    for column, name in (("class", "classes"), ("name", "names"), ("split", "splits")):
        assert [row[column] for row in attribution] == shipped[name].tolist()
    for row in attribution:
        assert all(row.values()), row
        assert row["license_url"].startswith("https://creativecommons.org/")
        assert row["source_url"].startswith("http")
        assert "sampled" in row["changes"]
        if row["library"] == "Scopia":
            assert "eTeks and Scopia Visual Interfaces Systems, s.l." in row["attribution"]


def test_the_data_card_tells_the_truth(shipped):
    card = (data_folder() / "README.md").read_text(encoding="utf-8")
    counts = Counter(zip(shipped["classes"].tolist(), shipped["splits"].tolist(), strict=True))
    rows = dict(re.findall(r"^\| (\w+) \| (\d+ \| \d+ \| \d+ \| \d+) \|", card, re.MULTILINE))
    assert set(rows) == {*CLASSES, "all"}
    for kind in CLASSES:
        told = [int(number) for number in rows[kind].split(" | ")]
        split = [counts[kind, name] for name in ("train", "val", "test")]
        assert told == [*split, sum(split)]
    assert sum(counts.values()) == int(rows["all"].split(" | ")[-1])
    assert f"{len(set(shipped['groups'].tolist()))} groups" in card
    assert sweethome.SHA256 in card
    size = (data_folder() / "furniture.npz").stat().st_size
    assert f"{size / 1e6:.1f} MB" in card


# Bad input


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="train, val, test or None, got 'dev'"):
        load_furniture("dev")
    with pytest.raises(ValueError, match=r"chair, table.*'plane'"):
        load_furniture(classes=["chair", "plane"])
    with pytest.raises(ValueError, match="classes must be some of"):
        load_furniture(classes=[])


def damaged(shipped, how, path):
    if how == "pickled":
        np.savez(path, **(shipped | {"names": shipped["names"].astype(object)}))
    elif how == "an array":
        np.save(path.open("wb"), shipped["points"])
    elif how == "text":
        path.write_text("oops")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        content = (data_folder() / "furniture.npz").read_bytes()
        path.write_bytes(content[: len(content) // 2])
    elif how == "flipped":
        content = bytearray((data_folder() / "furniture.npz").read_bytes())
        content[100_000:100_100] = bytes(100)
        path.write_bytes(content)
    elif how == "lacking":
        np.savez(path, **{k: v for k, v in shipped.items() if k != "splits"})
    elif how == "uneven":
        np.savez(path, **(shipped | {"ids": shipped["ids"][:5]}))
    elif how == "split":
        np.savez(path, **(shipped | {"splits": np.array(["dev"] * 203)}))
    elif how == "float":
        np.savez(path, **(shipped | {"points": shipped["points"] / 2.0}))


HOWS = ["pickled", "an array", "text", "empty", "cut", "flipped", "lacking", "uneven", "split"]


@pytest.mark.parametrize("how", [*HOWS, "float"])
def test_a_damaged_file_is_refused(shipped, tmp_path, how):
    path = tmp_path / "furniture.npz"
    damaged(shipped, how, path)
    with pytest.raises(ValueError, match=r"furniture\.npz.*git checkout data"):
        load_furniture(path=path)


def test_missing_files_are_missed(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"data/make_furniture\.py"):
        load_furniture(path=tmp_path / "furniture.npz")
    monkeypatch.setattr(furniture, "shipped_folder", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"git checkout data.*wheel"):
        furniture.data_folder()


# Making the file
