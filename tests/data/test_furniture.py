import csv
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pcvae.data import furniture, sweethome
from pcvae.data.furniture import (
    CLASSES,
    data_folder,
    load_furniture,
    prepare_furniture,
    read_furniture,
)
from pcvae.data.splits import near_duplicates, same_series

ALL = {"chair": 57, "table": 42, "vessel": 35, "sofa": 31, "lamp": 25, "car": 13}


@pytest.fixture(scope="module")
def shipped():
    return read_furniture(data_folder() / "furniture.npz")


@pytest.fixture(scope="module")
def attribution():
    with (data_folder() / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def deb(write_package, stand_in):
    return write_package(stand_in.package(stand_in.libraries()))


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


def test_no_series_straddles_splits(shipped, attribution):
    groups, splits = shipped["groups"], shipped["splits"]
    assert all(len(set(splits[groups == group].tolist())) == 1 for group in groups)
    models = [(row["id"], row["creator"]) for row in attribution]
    for k, model in enumerate(models):
        for j in range(k):
            if same_series(model, models[j]):
                assert groups[k] == groups[j], (model, models[j])


@pytest.mark.slow
def test_no_near_duplicates_straddle_splits(shipped):
    pairs = near_duplicates(load_furniture().points)
    assert len(pairs) > 0
    for first, second in pairs:
        assert shipped["splits"][first] == shipped["splits"][second]


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
    with pytest.raises(FileNotFoundError, match="pcvae prepare furniture"):
        load_furniture(path=tmp_path / "furniture.npz")
    monkeypatch.setattr(furniture, "__file__", str(tmp_path / "pcvae" / "data" / "furniture.py"))
    with pytest.raises(FileNotFoundError, match=r"pip install -e \."):
        furniture.data_folder()


# Making the file


def test_prepared_shapes_can_be_loaded(deb, project):
    path = prepare_furniture(deb, num_points=64)
    assert path == project / "furniture.npz"
    clouds = load_furniture(path=path)
    assert clouds.points.shape == (12, 64, 3)
    assert clouds.classes == ("chair",) * 8 + ("lamp",) * 4
    lying, upright = (clouds.points[clouds.ids.index(f"Scopia#stand{k}")] for k in (3, 0))
    assert np.allclose(np.ptp(lying, axis=0), np.ptp(upright, axis=0), atol=0.1)
    content = read_furniture(path)
    sizes = dict(zip(content["ids"].tolist(), content["sizes"].tolist(), strict=True))
    assert sizes["Scopia#stand0"] == [80, 20, 40]
    assert set(content["groups"].tolist()) >= {"Scopia#stand0"}


def test_the_scale_brings_back_centimeters(deb, project):
    content = read_furniture(prepare_furniture(deb, num_points=256))
    row = content["ids"].tolist().index("Scopia#stand0")
    extent = np.ptp(content["points"][row] / 32767, axis=0) * content["scale"][row]
    assert np.allclose(extent, [80, 40, 20], rtol=0.06)


def test_the_list_it_writes_can_be_used_again(deb, project):
    prepare_furniture(deb, num_points=16)
    first = (project / "ATTRIBUTION.csv").read_bytes(), (project / "furniture.npz").read_bytes()
    prepare_furniture(deb, num_points=16)
    assert first == (
        (project / "ATTRIBUTION.csv").read_bytes(),
        (project / "furniture.npz").read_bytes(),
    )


def test_the_order_of_models_does_not_matter(stand_in, write_package, project, tmp_path):
    libraries = stand_in.libraries()
    contents = []
    for name, order in (("one", libraries), ("two", dict(reversed(libraries.items())))):
        deb = write_package(stand_in.package(order))
        contents.append(prepare_furniture(deb, tmp_path / name, num_points=16).read_bytes())
    assert contents[0] == contents[1]


def test_another_seed_draws_other_points(deb, project, tmp_path):
    first, second = (
        read_furniture(prepare_furniture(deb, tmp_path / str(seed), seed, 16)) for seed in (0, 1)
    )
    assert (first["ids"] == second["ids"]).all()
    assert (first["points"] != second["points"]).any()


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interruption_leaves_what_was_there(deb, project, monkeypatch, error):
    before = (project / "ATTRIBUTION.csv").read_bytes()

    def fail(*_):
        raise error

    monkeypatch.setattr(furniture, "_write_attribution", fail)  # comes after the clouds
    with pytest.raises(type(error)):
        prepare_furniture(deb, num_points=16)
    assert [path.name for path in project.iterdir()] == ["ATTRIBUTION.csv"]
    assert (project / "ATTRIBUTION.csv").read_bytes() == before


def test_a_shape_without_area_is_named(stand_in, write_package, project):
    flat = stand_in.library([stand_in.entry(1, "Scopia#flat")], {1: (1.0, 0.0, 0.0)})
    deb = write_package(stand_in.package({"Scopia": flat}))
    (project / "ATTRIBUTION.csv").write_text("class,id\nlamp,Scopia#flat\n")
    with pytest.raises(ValueError, match="Scopia#flat: The mesh has no surface"):
        prepare_furniture(deb, num_points=16)


@pytest.mark.parametrize(
    "table", ["", "class,id\n", "a,b\n1,2\n", "class,id\nlamp,x\nlamp,x\n", "class,id\nufo,x\n"]
)
def test_a_list_of_models_that_is_none_is_refused(deb, project, table):
    (project / "ATTRIBUTION.csv").write_text(table)
    with pytest.raises(ValueError, match="git checkout data"):
        prepare_furniture(deb)


def test_impossible_numbers_are_refused(deb, project):
    with pytest.raises(ValueError, match="num_points"):
        prepare_furniture(deb, num_points=0)
    with pytest.raises(ValueError, match="seed"):
        prepare_furniture(deb, seed=-1)


def test_without_a_package_it_is_downloaded(deb, project, monkeypatch):
    def download(folder):
        return Path(shutil.copy(deb, folder))

    monkeypatch.setattr(sweethome, "download_package", download)
    assert len(load_furniture(path=prepare_furniture(num_points=16))) == 12
