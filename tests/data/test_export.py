"""Clouds to files and back, by NumPy and by another program's reader."""

import numpy as np
import pytest
import trimesh

from pcvae.data.export import write_clouds, write_ply
from pcvae.data.sources import open_splits


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(3, 10, 3)).astype(np.float32)


def test_npz_holds_the_points_and_opens_as_data(points, tmp_path):
    (path,) = write_clouds(points, tmp_path / "new" / "shapes.npz")
    with np.load(path, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["points"], points)
    assert len(open_splits(str(path)).train) == 1


def test_ply_of_several_clouds_are_numbered(points, tmp_path):
    paths = write_clouds(points, tmp_path / "chair.ply")
    assert [path.name for path in paths] == [f"chair-000{k}.ply" for k in range(3)]
    for path, cloud in zip(paths, points, strict=True):
        np.testing.assert_allclose(trimesh.load(path).vertices, cloud, rtol=1e-6)


def test_ply_of_one_cloud_has_the_name_given(points, tmp_path):
    assert write_clouds(points[:1], tmp_path / "chair.ply") == [tmp_path / "chair.ply"]


def test_ply_keeps_colors(points, tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (10, 3), dtype=np.uint8)
    cloud = trimesh.load(write_ply(tmp_path / "a.ply", points[0], rgb))
    np.testing.assert_array_equal(np.asarray(cloud.colors)[:, :3], rgb)


def test_other_endings_are_refused(points, tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.npz or \.ply"):
        write_clouds(points, tmp_path / "shapes.obj")
    assert list(tmp_path.iterdir()) == []
