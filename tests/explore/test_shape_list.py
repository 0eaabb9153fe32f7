"""The shapes of a set, and what is added to them."""

import numpy as np
import pytest

from pcvae.explore.shape_list import ShapeList, as_clouds


@pytest.fixture
def shapes(boxes) -> ShapeList:
    return ShapeList(boxes)


def test_files_are_read_and_scaled_to_the_unit_sphere(shapes, tmp_path, rng):
    points = (rng.normal(size=(500, 3)) * 7 + 3).astype(np.float32)
    np.save(tmp_path / "mine.npy", points)
    number = shapes.add_file("mine.npy", (tmp_path / "mine.npy").read_bytes(), num_points=300)
    read = shapes[number].points.value
    assert number == 8
    assert read.shape == (300, 3)
    assert np.linalg.norm(read, axis=1).max() == pytest.approx(1.0, abs=1e-5)
    assert shapes.names()[8] == "your mine.npy"


def test_of_many_clouds_the_first_is_taken(shapes, tmp_path, rng):
    np.savez(tmp_path / "many.npz", points=rng.normal(size=(3, 40, 3)).astype(np.float32))
    number = shapes.add_file("many.npz", (tmp_path / "many.npz").read_bytes(), num_points=40)
    assert shapes[number].points.value.shape == (40, 3)


def test_meshes_with_z_up_are_turned(shapes):
    text = b"v 0 0 0\nv 1 0 0\nv 0 0 5\nf 1 2 3\n"
    tall = shapes[shapes.add_file("a.obj", text, up="z")].points.value
    flat = shapes[shapes.add_file("b.obj", text, up="y")].points.value
    assert np.ptp(tall[:, 1]) > 3 * np.ptp(tall[:, 2])
    assert np.ptp(flat[:, 2]) > 3 * np.ptp(flat[:, 1])


@pytest.mark.parametrize("name", ["x.txt", "x.npy", "x.obj", "x.npz"])
def test_what_cannot_be_read_is_named(shapes, name):
    with pytest.raises(ValueError, match=name):
        shapes.add_file(name, b"not a shape at all")
    assert len(shapes) == 8


def test_the_same_shape_is_added_once(shapes):
    assert shapes.add_procedural("chair", 3, 64) == shapes.add_procedural("chair", 3, 64)
    assert shapes.add_sample(1) != shapes.add_sample(2)
    assert len(shapes) == len(shapes.names()) == 11


def test_arrays_become_sets(boxes):
    assert as_clouds(boxes) is boxes
    assert len(as_clouds(boxes.points[0])) == 1
    assert as_clouds(boxes.points).ids[-1] == "cloud 7"
    with pytest.raises(ValueError, match="Expected a CloudSet"):
        as_clouds(np.zeros((3, 2)))
