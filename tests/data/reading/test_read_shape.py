"""One shape from one file: what holds of every format."""

import io
import json
import logging
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pcvae.data import read_shape
from pcvae.data.reading import ENDINGS

SLOW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def rows(values, start=""):
    return "".join(f"{start}{' '.join(map(repr, row))}\n" for row in values.tolist())


def write_obj(points, faces):
    return (rows(points, "v ") + rows(faces + 1, "f ")).encode()


def write_off(points, faces):
    return f"OFF\n{len(points)} {len(faces)} 0\n{rows(points)}{rows(faces, '3 ')}".encode()


def ply_header(points, faces, kind):
    axes = "".join(f"property double {axis}\n" for axis in "xyz")
    more = f"element face {len(faces)}\nproperty list uchar int vertex_indices\n"
    start = f"ply\nformat {kind} 1.0\nelement vertex {len(points)}\n{axes}"
    return (start + more * bool(len(faces)) + "end_header\n").encode()


def write_ply(points, faces):
    return ply_header(points, faces, "ascii") + (rows(points) + rows(faces, "3 ")).encode()


def write_binary_ply(points, faces):
    table = np.zeros(len(faces), [("size", "u1"), ("corners", ">i4", 3)])
    table["size"], table["corners"] = 3, faces
    return (
        ply_header(points, faces, "binary_big_endian")
        + points.astype(">f8").tobytes()
        + table.tobytes()
    )


def write_stl(points, faces):
    table = np.zeros(
        len(faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")]
    )
    table["corners"] = points[faces]
    return bytes(80) + struct.pack("<I", len(faces)) + table.tobytes()


def write_text_stl(points, faces):
    facets = (
        "facet normal 0 0 1\nouter loop\n" + rows(corners, "vertex ") + "endloop\nendfacet\n"
        for corners in points[faces]
    )
    return f"solid a\n{''.join(facets)}endsolid a\n".encode()


def write_glb(points, faces):
    blob = points.astype("<f4").tobytes() + faces.astype("<u4").tobytes()
    split = 12 * len(points)
    part = (
        {"attributes": {"POSITION": 0}, "indices": 1}
        if len(faces)
        else {"attributes": {"POSITION": 0}, "mode": 0}
    )
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [part]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(points), "type": "VEC3"},
            {"bufferView": 1, "componentType": 5125, "count": faces.size, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": split},
            {"buffer": 0, "byteOffset": split, "byteLength": len(blob) - split},
        ],
        "buffers": [{"byteLength": len(blob)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(blob), b"BIN\0") + blob
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def write_npy(points, faces, save=np.save):
    file = io.BytesIO()
    save(file, points)
    return file.getvalue()


def write_npz(points, faces):
    return write_npy(points, faces, np.savez_compressed)


def write_columns(points, faces):
    return f"x y z\n{len(points)}\n{rows(points)}".encode()


def write_pcd(points, faces, kind="ascii"):
    sizes = f"SIZE 8 8 8\nTYPE F F F\nWIDTH {len(points)}\nHEIGHT 1\nDATA {kind}\n"
    body = rows(points).encode() if kind == "ascii" else points.astype("<f8").tobytes()
    return f"FIELDS x y z\n{sizes}".encode() + body


def write_binary_pcd(points, faces):
    return write_pcd(points, faces, "binary")


MESHES = {
    "obj": write_obj, "off": write_off, "text.ply": write_ply, "binary.ply": write_binary_ply,
    "binary.stl": write_stl, "text.stl": write_text_stl, "glb": write_glb,
}  # fmt: skip
CLOUDS = {
    "off": write_off, "text.ply": write_ply, "binary.ply": write_binary_ply, "glb": write_glb,
    "npy": write_npy, "npz": write_npz, "xyz": write_columns, "csv": write_columns,
    "text.pcd": write_pcd, "binary.pcd": write_binary_pcd,
}  # fmt: skip
# Formats that hold their length, so that no part of a file is a file.
COUNTED = {name: write for name, write in (CLOUDS | MESHES).items() if name != "obj"}

COORDINATES = st.floats(-100, 100, width=32)
POINTS = arrays.arrays(np.float64, st.tuples(st.integers(4, 30), st.just(3)), elements=COORDINATES)
NO_FACES = np.empty((0, 3), int)
BALL = np.random.default_rng(0).normal(size=(12, 3))
SOME_FACES = np.random.default_rng(1).permuted(np.tile(np.arange(12), (20, 1)), axis=1)[:, :3]


def measure(points, faces):
    first, second, third = points[faces.T]
    return np.linalg.norm(np.cross(second - first, third - first), axis=1).sum() / 2


@pytest.mark.parametrize("name", MESHES)
@SLOW
@given(points=POINTS, seed=st.integers(0, 99))
def test_meshes_come_back_with_their_area_and_bounds(read, name, points, seed):
    rng = np.random.default_rng(seed)
    faces = np.array([rng.permutation(len(points))[:3] for _ in range(rng.integers(1, 30))])
    if measure(points.astype("f4"), faces) < 1e-3:
        return
    shape = read(f"a.{name}", MESHES[name](points, faces), warn=False)
    assert measure(*shape[:2]) == pytest.approx(measure(points, faces), rel=1e-4, abs=1e-3)
    used, wanted = shape.vertices[shape.faces].reshape(-1, 3), points[faces].reshape(-1, 3)
    assert np.allclose(used.min(axis=0), wanted.min(axis=0), rtol=1e-6)
    assert np.allclose(used.max(axis=0), wanted.max(axis=0), rtol=1e-6)


@pytest.mark.parametrize("name", CLOUDS)
@SLOW
@given(points=POINTS)
def test_clouds_come_back_as_they_are(read, name, points):
    shape = read(f"a.{name}", CLOUDS[name](points, NO_FACES), warn=False)
    assert shape.faces is None
    assert np.allclose(shape.vertices, points, rtol=1e-6)


@pytest.mark.parametrize("name", COUNTED)
def test_no_part_of_a_file_is_taken_for_the_whole(read, name):
    faces = SOME_FACES if name in MESHES else NO_FACES
    whole = COUNTED[name](BALL, faces)
    last_word = len(whole.rstrip()) - max(whole.rstrip().rfind(mark) for mark in (b" ", b"\n"))
    text = name in ("off", "text.ply", "text.stl", "xyz", "csv", "text.pcd")
    # Of a text, less than its last word is missed: no program could tell.
    for length in range(len(whole) - (last_word + 1 if text else 1)):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            read(f"a.{name}", whole[:length], warn=False)
    assert len(read(f"a.{name}", whole).vertices) >= 12


def one_line_or(read, name, content):
    """Return a shape, or nothing if it is refused in one line; any other error is a failure."""
    try:
        return read(name, content, warn=False)
    except ValueError as error:
        message = str(error)
    assert message
    assert "\n" not in message
    return None


def test_parts_of_an_obj_file_have_no_other_faces(read):
    whole = write_obj(BALL, SOME_FACES)
    for length in range(0, len(whole), 7):
        shape = one_line_or(read, "a.obj", whole[:length])
        if shape:  # the last line of it may have been cut
            assert np.allclose(shape.vertices[:-1], BALL[: len(shape.vertices) - 1])


@pytest.mark.parametrize("name", dict.fromkeys([*CLOUDS, *MESHES, *(end[1:] for end in ENDINGS)]))
@SLOW
@given(data=st.data())
def test_damage_gives_one_line_and_nothing_else(read, name, data):
    write = (CLOUDS | MESHES).get(name)
    content = bytearray(write(BALL, SOME_FACES if name in MESHES else NO_FACES) if write else b"")
    if content and data.draw(st.booleans()):
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    else:
        content = content[:40] + data.draw(st.binary(max_size=200))
    shape = one_line_or(read, f"a.{name}", bytes(content))
    if shape:
        assert np.isfinite(shape.vertices).all()
        assert shape.faces is None or shape.faces.max() < len(shape.vertices)


def test_z_up_is_turned_to_y_up_and_what_faces_minus_y_to_the_front(read):
    content = rows(np.array([[1.0, 0, 0], [0, -1.5, 0], [0, 0, 1], [0, 0, 0]]))
    turned = [[1, 0, 0], [0, 0, 1.5], [0, 1, 0], [0, 0, 0]]
    assert read("a.xyz", content, up="z").vertices.tolist() == turned
    assert read("a.xyz", content, up="y").vertices[2].tolist() == [0, 0, 1]


def test_gltf_knows_its_axes(read):
    content = write_glb(BALL, SOME_FACES)
    assert np.allclose(read("a.glb", content, up="z").vertices, BALL, atol=1e-6)


def test_endings_may_be_capitals(read):
    assert len(read("a.OFF", write_off(BALL, SOME_FACES)).faces) == 20


def test_what_is_doubtful_is_said_unless_the_caller_says_it(read, caplog):
    content = rows(BALL.round())
    with caplog.at_level(logging.WARNING):
        assert read("a.xyz", content, warn=False).notes
        assert not caplog.records
        read("a.xyz", content)
    (record,) = caplog.records
    assert record.message.endswith("a.xyz: all its coordinates are whole numbers.")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", [b"", b"\n", b"\0\1\2\3 no shape \xff", b"<!DOCTYPE html>\n"])
def test_files_of_another_kind_are_refused_in_a_line(read, ending, content):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        read(f"a{ending}", content)


def test_unknown_endings_axes_and_places_are_refused(read, tmp_path):
    with pytest.raises(ValueError, match=r"a\.doc is of no known kind: expected \.obj"):
        read("a.doc", b"")
    with pytest.raises(ValueError, match="y, z, got 'x'"):
        read("a.xyz", b"1 2 3\n", up="x")
    with pytest.raises(FileNotFoundError):
        read_shape(tmp_path / "nothing.off")


def test_no_other_file_is_opened(read, tmp_path):
    (tmp_path / "secret.mtl").write_text("newmtl a\nmap_Kd ../../secret.png\n")
    text = f"mtllib {tmp_path}/secret.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    assert len(read("a.obj", text).faces) == 1
