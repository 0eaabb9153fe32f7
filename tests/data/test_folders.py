"""Folders of meshes and point files: layouts, the cache, and what cannot be used."""

import logging
from pathlib import Path

import numpy as np
import pytest
import trimesh

from pcvae.commands import main
from pcvae.data import folders
from pcvae.data.cloud_files import read_split_clouds
from pcvae.data.folders import open_folder, prepare_meshes
from pcvae.data.sources import open_splits


def box(path, size=(0.5, 1.0, 0.4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    trimesh.creation.box(size).export(path)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    """ModelNet's layout: two classes, two training shapes and a test shape in each."""
    root = tmp_path / "shapes"
    for kind, depth in (("chair", 0.4), ("lamp", 0.2)):
        for split, names in (("train", "ab"), ("test", "c")):
            for name in names:
                box(root / kind / split / f"{kind}_{name}.off", (0.5, 1.0, depth))
    return root


def small(folder, **more):
    return open_folder(folder, num_points=32, **more)


def test_modelnets_layout_gives_classes_and_splits(folder):
    clouds, splits = small(folder)
    assert clouds.ids[:2] == ("chair/test/chair_c", "chair/train/chair_a")
    assert clouds.classes == ("chair",) * 3 + ("lamp",) * 3
    assert splits == ("test", "train", "train") * 2


def test_other_layouts(tmp_path):
    box(tmp_path / "flat" / "a.obj")
    assert small(tmp_path / "flat")[0].classes == ("flat",)
    box(tmp_path / "split" / "val" / "mug" / "a.stl")
    clouds, splits = small(tmp_path / "split")
    assert (clouds.classes, splits) == (("mug",), ("val",))


def test_shapes_come_in_the_frame_of_all_shapes(folder):
    points = small(folder)[0].points
    assert points.shape == (6, 32, 3)
    assert np.allclose(np.linalg.norm(points, axis=2).max(axis=1), 1, atol=1e-5)
    assert np.allclose(points.max(axis=1), -points.min(axis=1), atol=1e-5)
    assert (np.ptp(points, axis=1).argmax(axis=1) == 1).all()  # as high as Y is up
    turned = small(folder, up="z")[0].points
    assert (np.ptp(turned, axis=1).argmax(axis=1) == 2).all()


def test_a_folder_is_sampled_once(folder, cache, monkeypatch):
    first, _ = small(folder)
    monkeypatch.setattr(folders, "read_shape", lambda *_: pytest.fail("sampled again"))
    assert (small(folder)[0].points == first.points).all()
    assert len(list(cache.iterdir())) == 1


def test_it_is_sampled_again_when_a_file_changes_but_not_when_only_its_date_does(folder, cache):
    first, _ = small(folder)
    path = folder / "chair/train/chair_a.off"
    path.write_bytes(path.read_bytes())
    small(folder)
    assert len(list(cache.iterdir())) == 1
    box(path, (1.0, 0.2, 1.0))
    second, _ = small(folder)
    assert len(list(cache.iterdir())) == 2
    changed = (first.points != second.points).any(axis=(1, 2))
    assert [name for name, new in zip(first.ids, changed, strict=True) if new] == [first.ids[1]]


def test_a_damaged_cache_is_made_again(folder, cache, caplog):
    first, _ = small(folder)
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    assert (small(folder)[0].points == first.points).all()
    assert "Making it again" in caplog.text


def test_points_hang_on_the_seed_and_the_shape_alone(folder):
    first, _ = small(folder)
    (folder / "chair/test/chair_c.off").unlink()
    rest, _ = small(folder)
    assert (rest.points == first.points[1:]).all()
    assert (small(folder, seed=1)[0].points != rest.points).any(axis=(1, 2)).all()


# The command


def test_prepared_files_hold_what_the_folder_holds(folder, tmp_path, capsys):
    out = tmp_path / "out.npz"
    assert main(["prepare", "meshes", str(folder), "--out", str(out), "--num_points", "32"]) == 0
    assert str(out) in capsys.readouterr().out
    clouds, splits = read_split_clouds(out)
    expected, expected_splits = small(folder)
    assert (clouds.points == expected.points).all()
    assert (clouds.ids, splits) == (expected.ids, expected_splits)


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(folder, tmp_path):
    files = [
        prepare_meshes(folder, tmp_path / f"{workers}.npz", num_points=16, workers=workers)
        for workers in (1, 2)
    ]
    one, two = (read_split_clouds(path)[0] for path in files)
    assert (one.points == two.points).all()


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interruption_leaves_nothing_half_written(folder, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(folders.np, "stack", fail)  # all shapes are sampled, none is written
    with pytest.raises(type(error)):
        prepare_meshes(folder, tmp_path / "out" / "out.npz", num_points=16)
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    "arguments",
    [{"num_points": 0}, {"seed": -1}, {"up": "x"}],
)
def test_impossible_arguments_are_refused(folder, tmp_path, arguments):
    with pytest.raises(ValueError, match=r"Expected num_points.*y, z"):
        prepare_meshes(folder, tmp_path / "out.npz", **arguments)
    with pytest.raises(ValueError, match=r"a \.npz file, got .*out\.npy"):
        prepare_meshes(folder, tmp_path / "out.npy")


# What cannot be used


def test_empty_and_missing_folders_are_named(tmp_path):
    (tmp_path / "notes.md").write_text("no shape")
    with pytest.raises(FileNotFoundError, match=r"holds no shapes.*\.obj, \.off"):
        open_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        open_folder(tmp_path / "nowhere")


FLAT = "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("flat.obj", FLAT, "no surface to sample"),
        ("point.xyz", "1 2 3\n", "lie at"),
        ("same.xyz", "1 2 3\n1 2 3\n", "lie at"),
        ("nan.xyz", "1 2 3\n1 nan 3\n", "NaN"),
        ("broken.ply", "ply\nformat", "cannot be read"),
        ("cut.npy", "\x93NUMPY", "cannot be read"),
        ("chair_a.stl", "", "cannot be read|neither"),
    ],
)
def test_a_bad_file_among_good_ones_is_named_and_skipped(folder, caplog, name, content, reason):
    (folder / "chair" / "train" / name).write_text(content, encoding="latin-1")
    with caplog.at_level(logging.WARNING):
        clouds, _ = small(folder)
        assert len(clouds) == 6
        assert len(caplog.records) == 1
        small(folder)  # from the cache: it is said again
    assert len(caplog.records) == 2
    assert f"skipped 1 of 7 files: chair/train/{name}" in caplog.text
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"(?s){name} cannot be used: .*({reason})"):
            small(folder, strict=True)


def test_a_shape_in_two_formats_is_taken_once(folder, caplog):
    box(folder / "chair/train/chair_a.stl")
    assert len(small(folder)[0]) == 6
    assert "chair_a.off beside it has the same name" in caplog.text


def test_a_folder_of_nothing_but_bad_files_is_refused(tmp_path):
    (tmp_path / "a.xyz").write_text("1 2 3")
    with pytest.raises(ValueError, match=r"none of its files can be used: a\.xyz"):
        small(tmp_path)


def test_fewer_points_than_asked_are_drawn_again_and_that_is_said(tmp_path, caplog):
    points = np.random.default_rng(0).normal(size=(10, 3))
    (tmp_path / "few").mkdir()
    for name in ("a", "b", "c"):
        np.save(tmp_path / "few" / f"{name}.npy", points)
    clouds, _ = small(tmp_path / "few")
    assert len(np.unique(clouds.points[0], axis=0)) <= 10
    (record,) = caplog.records
    assert "a.npy and 2 more (fewer than 32 points, drawn with replacement)" in record.message
    small(tmp_path / "few")  # from the cache: it is said again
    assert caplog.records[1].message == record.message


def test_shapes_that_lie_are_noted(tmp_path, caplog):
    for number in range(8):
        size = (0.5, 1.0 + 0.05 * number, 0.2)
        box(tmp_path / "lamp" / f"{number}.off", size if number else (0.5, 0.2, 1.0))
    small(tmp_path)
    (record,) = caplog.records
    assert "1 of 8 shapes seem to lie on their sides" in record.message
    assert "lamp/0" in record.message
    assert "--up" in record.message


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"/annex/objects/SHA256E-s9--0.off\n", "git annex get"),
    ],
)
def test_pointers_are_named_with_what_fetches_the_file(folder, caplog, content, cure):
    (folder / "chair" / "train" / "pointer.off").write_bytes(content)
    assert len(small(folder)[0]) == 6
    assert "chair/train/pointer.off" in caplog.text
    assert cure in caplog.text
    with pytest.raises(ValueError, match=cure):
        small(folder, strict=True)


def test_other_kinds_are_said_to_be_left_out_every_time(folder, caplog):
    (folder / "chair" / "a.blend").write_text("")
    for _ in range(2):
        small(folder)
    assert [r.message.count("chair/a.blend (.blend is not read)") for r in caplog.records] == [1, 1]


def test_the_order_of_points_means_nothing(tmp_path):
    """Farthest points come with the outermost first: the first k would be no fair draw."""
    box(tmp_path / "a.off")
    clouds, _ = open_folder(tmp_path, num_points=512)
    reach = np.abs(clouds.points[0] / np.abs(clouds.points[0]).max(axis=0)).max(axis=1)
    outermost = np.linalg.norm(clouds.points[0], axis=1) > 0.9
    assert reach.min() > 0.9  # on the surface of the box
    assert abs(outermost[:128].mean() - outermost.mean()) < 0.1


def test_equal_files_give_equal_clouds_so_that_leaks_show(tmp_path, caplog):
    for split in ("train", "val", "test"):
        for number in range(3):
            box(tmp_path / "set" / split / f"{split}{number}.off", (1.0, 1.0 + number, len(split)))
    content = (tmp_path / "set" / "train" / "train1.off").read_bytes()
    (tmp_path / "set" / "val" / "copy.off").write_bytes(content)
    open_splits(str(tmp_path / "set"))
    (record,) = caplog.records
    assert "set: 1 shapes are in two splits" in record.message
    assert "val/copy in val is train/train1 in train" in record.message


def test_the_home_folder_may_be_a_tilde(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    out = prepare_meshes(Path("~/shapes"), Path("~/new/out.npz"), num_points=16)
    assert out == tmp_path / "new" / "out.npz"
    assert len(read_split_clouds(out)[0]) == 6


def test_a_gltf_file_is_sampled_again_when_its_buffer_changes(tmp_path, cache):
    scene = trimesh.Scene([trimesh.creation.box()])
    for name, content in scene.export(file_type="gltf").items():
        if name == "model.gltf":
            content = content.replace(b"gltf_buffer_0.bin", b"model.bin").replace(
                b"gltf_buffer_1.bin", b"more.bin"
            )
        name = name.replace("gltf_buffer_0", "model").replace("gltf_buffer_1", "more")
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / name).write_bytes(content)
    first, _ = small(tmp_path / "set", strict=True)
    assert first.ids == ("model",)
    assert len(list(cache.iterdir())) == 1
    buffer = tmp_path / "set" / "more.bin"
    corners = np.frombuffer(buffer.read_bytes(), "<f4").reshape(-1, 3)
    buffer.write_bytes((corners * [1, 2, 3]).astype("<f4").tobytes())
    small(tmp_path / "set")
    assert len(list(cache.iterdir())) == 2
