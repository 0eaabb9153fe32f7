"""Shapes from mesh and point files of every kind."""

import numpy as np
import pytest
import trimesh

from pcvae.data.reading import ENDINGS, read_shape

BOX = trimesh.creation.box((1, 2, 4))
AREA = BOX.area
POINTS = np.random.default_rng(0).normal(size=(9, 3))


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def area(shape):
    return trimesh.Trimesh(shape.vertices, shape.faces, process=False).area


@pytest.mark.parametrize("ending", ["obj", "off", "ply", "stl", "glb"])
def test_meshes_come_with_their_triangles(tmp_path, ending):
    path = write(tmp_path / f"box.{ending.upper()}", BOX.export(file_type=ending))
    shape = read_shape(path)
    assert area(shape) == pytest.approx(AREA, rel=1e-5)
    assert np.allclose(np.ptp(shape.vertices, axis=0), [1, 2, 4])


def test_glued_headers_of_modelnet_and_polygons_are_read(tmp_path):
    text = "OFF4 1 0\n0 0 0\n1 0 0\n1 0 1\n0 0 1\n4 0 1 2 3\n"
    assert area(read_shape(write(tmp_path / "square.off", text))) == pytest.approx(1)


def test_scenes_are_put_together(tmp_path):
    scene = trimesh.Scene([BOX])
    scene.add_geometry(BOX, transform=trimesh.transformations.translation_matrix([10, 0, 0]))
    shape = read_shape(write(tmp_path / "two.glb", scene.export(file_type="glb")))
    assert area(shape) == pytest.approx(2 * AREA, rel=1e-5)
    assert np.ptp(shape.vertices[:, 0]) == pytest.approx(11)


def as_text(points, header=""):
    return header + "\n".join(" ".join(map(str, point)) for point in points) + "\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xyz", as_text(POINTS)),
        ("a.xyz", as_text(POINTS, "# x y z\n\n").replace(" ", ", ").replace("#, ", "# ")),
        ("a.xyz", as_text(np.hstack([POINTS, POINTS]))),  # with normals
        ("a.pts", as_text(POINTS, "9\n")),
        ("a.ply", trimesh.PointCloud(POINTS).export(file_type="ply")),
        ("a.obj", "v " + as_text(POINTS).strip().replace("\n", "\nv ") + "\n"),
    ],
)
def test_points_come_without_triangles(tmp_path, name, content):
    shape = read_shape(write(tmp_path / name, content))
    assert shape.faces is None
    assert np.allclose(shape.vertices, POINTS, atol=1e-6)


def test_arrays_are_points_too(tmp_path):
    np.save(tmp_path / "a.npy", POINTS.astype(np.float32))
    np.savez(tmp_path / "a.npz", points=POINTS, normals=POINTS)
    for name in ("a.npy", "a.npz"):
        assert np.allclose(read_shape(tmp_path / name).vertices, POINTS, atol=1e-6)


def test_z_up_is_turned_to_y_up_and_what_faces_minus_y_to_the_front(tmp_path):
    path = write(tmp_path / "a.xyz", as_text([[1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, 0]]))
    assert read_shape(path, up="z").vertices.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0] * 3]
    assert read_shape(path, up="y").vertices[2].tolist() == [0, 0, 1]


def test_gltf_knows_its_axes(tmp_path):
    path = write(tmp_path / "box.glb", BOX.export(file_type="glb"))
    assert np.allclose(np.ptp(read_shape(path, up="z").vertices, axis=0), [1, 2, 4])


def test_no_other_file_is_opened(tmp_path):
    (tmp_path / "secret.mtl").write_text("newmtl a\nmap_Kd ../../secret.png\n")
    text = f"mtllib {tmp_path}/secret.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    assert len(read_shape(write(tmp_path / "a.obj", text)).faces) == 1


BAD = [
    (f"a{ending}", content, "cannot be read|neither|no points|could not|invalid")
    for ending in ENDINGS
    for content in (b"", b"\0\1\2\3 no shape \xff")
]
BAD += [
    ("a.ply", BOX.export(file_type="ply")[:-40], "cannot be read"),
    ("a.glb", BOX.export(file_type="glb")[:200], "cut short"),
    ("a.off", BOX.export(file_type="off")[:120], "cut short"),
    ("a.obj", "v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "NaN"),
    ("a.xyz", "1 2\n3 4\n", "column"),
    ("a.xyz", "1 2 inf\n", "infinite"),
    ("a.pts", "3\n", "no points"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
def test_bad_files_are_refused(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message):
        read_shape(write(tmp_path / name, content))


def test_sets_of_clouds_and_unknown_axes_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 9, 3)))
    with pytest.raises(ValueError, match=r"\(N, 3\), got \(2, 9, 3\)"):
        read_shape(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="y, z, got 'x'"):
        read_shape(tmp_path / "a.npy", up="x")
