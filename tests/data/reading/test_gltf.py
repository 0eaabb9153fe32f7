"""glTF files: what is shown, where it is shown, and what must be refused by name."""

import base64
import json
import struct

import DracoPy
import numpy as np
import pytest

from pcvae.data.reading import gltf
from pcvae.data.reading.gltf import OTHER_SCENES
from pcvae.data.reading.shape import FEW_CORNERS, ROUNDED

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], "<f4")
FACES = np.array([0, 1, 2, 0, 2, 3], "<u2")
TYPES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}


class Made:
    """A document that is put together array by array.

    Args:
        changes: what stands in it beside a scene with one node that shows the first mesh.
    """

    def __init__(self, **changes):
        self.blob = b""
        self.json = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": []}],
            "accessors": [],
            "bufferViews": [],
            **changes,
        }

    def view(self, content, **more):
        """Add bytes, and return the number of their view."""
        self.blob += bytes(-len(self.blob) % 4)
        view = {"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(content)}
        self.json["bufferViews"].append(view | more)
        self.blob += content
        return len(self.json["bufferViews"]) - 1

    def array(self, values, stride=None, **more):
        """Add an array, and return the number of its accessor."""
        content = values.tobytes()
        if stride:
            rows = values.reshape(len(values), -1)
            content = b"".join(row.tobytes().ljust(stride, b"\0") for row in rows)
        view = self.view(content, **({"byteStride": stride} if stride else {}))
        return self.accessor(values, bufferView=view, **more)

    def accessor(self, values, **more):
        """Describe an array, and return the number of its accessor."""
        kinds = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
        kind = kinds[1 if values.ndim == 1 else values.shape[1]]
        component = TYPES[values.dtype.str[1:]]
        self.json["accessors"].append(
            {"componentType": component, "count": len(values), "type": kind} | more
        )
        return len(self.json["accessors"]) - 1

    def part(self, points=SQUARE, faces=FACES, mode=None, **more):
        """Add a primitive to the first mesh, and return the document."""
        part = {
            "attributes": {"POSITION": points if isinstance(points, int) else self.array(points)}
        }
        if faces is not None:
            part["indices"] = faces if isinstance(faces, int) else self.array(faces)
        if mode is not None:
            part["mode"] = mode
        self.json["meshes"][0]["primitives"].append(part | more)
        return self

    def glb(self):
        blob = self.blob + bytes(-len(self.blob) % 4)
        document = {"buffers": [{"byteLength": len(blob)}], **self.json}
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(blob), b"BIN\0") + blob
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def gltf(self, uri=None):
        uri = uri or "data:application/octet-stream;base64," + base64.b64encode(self.blob).decode()
        return json.dumps({"buffers": [{"byteLength": len(self.blob), "uri": uri}], **self.json})


def bounds(shape):
    return np.array([shape.vertices.min(axis=0), shape.vertices.max(axis=0)])


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_indices_of_any_type(read, area, kind):
    assert area(read("a.glb", Made().part(faces=FACES.astype(kind)).glb())) == 1


STRIP, FAN = SQUARE[[0, 1, 3, 2]], SQUARE


@pytest.mark.parametrize(
    ("points", "faces", "mode"),
    [
        (SQUARE[FACES], None, None),
        (SQUARE[FACES], None, 4),
        (STRIP, None, 5),
        (SQUARE, np.array([0, 1, 3, 2], "<u2"), 5),
        (FAN, None, 6),
        (SQUARE, np.array([1, 2, 3, 0], "<u1"), 6),
    ],
)
def test_triangles_strips_and_fans(read, area, points, faces, mode):
    assert area(read("a.glb", Made().part(points, faces, mode).glb())) == 1


def test_points_and_lines(read):
    shape = read("a.glb", Made().part(SQUARE, None, 0).glb())
    assert (shape.faces, len(shape.vertices), shape.notes) == (None, 4, ())
    for mode in (0, 1, 2, 3):
        shape = read("a.glb", Made().part().part(SQUARE + 9, None, mode).glb())
        assert (len(shape.faces), len(shape.vertices), shape.notes) == (2, 4, (FEW_CORNERS,))
        assert np.ptp(shape.vertices[:, 0]) == 1


def test_transforms_go_from_node_to_node(read, area):
    half = np.sqrt(0.5)
    nodes = [
        {"children": [1], "translation": [10, 0, 0], "camera": 0},
        {"children": [2], "rotation": [0, 0, half, half], "scale": [2, 3, 4]},
        {"mesh": 0, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 5, 0, 0, 1]},
    ]
    shape = read("a.glb", Made(nodes=nodes).part().glb())
    assert area(shape) == pytest.approx(6)
    assert np.allclose(bounds(shape), [[7, 10, 0], [10, 12, 0]])


def test_a_mesh_that_several_nodes_show_is_read_as_often(read, area):
    nodes = [{"mesh": 0}, {"mesh": 0, "translation": [10, 0, 0]}, {"mesh": 0}]
    scenes = [{"nodes": [0, 1]}, {"nodes": [2]}]
    shape = read("a.glb", Made(nodes=nodes, scenes=scenes).part().glb())
    assert (area(shape), np.ptp(shape.vertices[:, 0])) == (2, 11)
    assert shape.notes == (OTHER_SCENES,)


def test_instances_are_refused_by_name_required_or_not(read):
    extension = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 0}}}
    nodes = [{"mesh": 0, "extensions": extension}]
    for required in ([], ["EXT_mesh_gpu_instancing"]):
        with pytest.raises(ValueError, match="EXT_mesh_gpu_instancing, which is not read"):
            read("a.glb", Made(nodes=nodes, extensionsRequired=required).part().glb())


@pytest.mark.parametrize(
    ("kind", "scale", "normalized"),
    [
        ("i1", 127, True),
        ("u1", 255, True),
        ("i2", 32767, True),
        ("u2", 65535, True),
        ("i2", 9, False),
    ],
)
def test_quantized_points(read, area, kind, scale, normalized):
    made = Made(extensionsRequired=["KHR_mesh_quantization"])
    made.json["nodes"] = [{"mesh": 0, "scale": [1 if normalized else 1 / scale] * 3}]
    points = made.array((SQUARE * scale).astype(kind), stride=8, normalized=normalized)
    assert area(read("a.glb", made.part(points).glb())) == pytest.approx(1)


@pytest.mark.parametrize("base", [{}, {"bufferView": 0}])
def test_sparse_points_are_refused_by_name(read, base):
    made = Made()
    made.accessor(SQUARE, sparse={"count": 2}, **base)
    with pytest.raises(ValueError, match="accessor 0 is sparse"):
        read("a.glb", made.part(0).glb())


def test_draco(read, area):
    made = Made(extensionsRequired=["KHR_draco_mesh_compression"])
    packed = made.view(
        DracoPy.encode(SQUARE, FACES.reshape(-1, 3).astype("u4"), quantization_bits=14)
    )
    extension = {
        "KHR_draco_mesh_compression": {"bufferView": packed, "attributes": {"POSITION": 0}}
    }
    part = made.part(made.accessor(SQUARE), made.accessor(FACES), extensions=extension)
    assert area(read("a.glb", part.glb())) == pytest.approx(1, rel=1e-3)
    made.blob = bytes(len(made.blob))
    with pytest.raises(ValueError, match="Draco compression cannot be read"):
        read("a.glb", made.glb())


def test_text_with_buffers_within_and_beside(read, area, tmp_path):
    made = Made().part()
    assert area(read("a.gltf", made.gltf())) == 1
    assert area(read("a.gltf", "\ufeff" + made.gltf())) == 1
    (tmp_path / "my buffers").mkdir()
    (tmp_path / "my buffers" / "a.bin").write_bytes(made.blob)
    assert area(read("a.gltf", made.gltf("my%20buffers/a.bin"))) == 1
    with pytest.raises(ValueError, match=r"the file 'b\.bin' belongs to it, but"):
        read("a.gltf", made.gltf("b.bin"))


@pytest.mark.parametrize(
    "uri",
    [
        "../a.bin",
        "x/../../a.bin",
        "/etc/passwd",
        "file:///etc/passwd",
        "..%2Fa.bin",
        "..\\a.bin",
        "C:\\a.bin",
        "https://example.org/a.bin",
    ],
)
def test_no_path_leads_out_of_the_folder(read, tmp_path, uri):
    made = Made().part()
    (tmp_path.parent / "a.bin").write_bytes(made.blob)
    with pytest.raises(ValueError, match="a file outside of its folder"):
        read("a.gltf", made.gltf(uri))


@pytest.mark.parametrize("name", ["EXT_meshopt_compression", "KHR_meshopt_compression", "VENDOR_x"])
def test_required_extensions_that_are_not_read_are_named(read, name):
    with pytest.raises(ValueError, match=f"requires the extension {name}"):
        read("a.glb", Made(extensionsRequired=["KHR_materials_unlit", name]).part().glb())


def test_extensions_of_looks_change_nothing(read, area):
    looks = ["KHR_materials_unlit", "KHR_texture_transform", "EXT_texture_webp"]
    assert area(read("a.glb", Made(extensionsRequired=looks).part().glb())) == 1


def test_hidden_nodes_and_what_hangs_on_them_are_not_read(read, area):
    hidden = {"KHR_node_visibility": {"visible": False}}
    nodes = [
        {"children": [1, 2]},
        {"mesh": 0, "extensions": {"KHR_node_visibility": {"visible": True}}},
        {"mesh": 0, "extensions": hidden, "children": [3]},
        {"mesh": 0},
    ]
    made = Made(nodes=nodes, extensionsRequired=["KHR_node_visibility"]).part()
    assert area(read("a.glb", made.glb())) == 1


def test_a_library_of_meshes_without_a_scene_is_not_called_damaged(read):
    made = Made().part()
    del made.json["scenes"]
    with pytest.raises(ValueError, match="it has no scene"):
        read("a.glb", made.glb())


def test_meshopt_with_an_empty_fallback_is_named(read):
    made = Made(extensionsUsed=["EXT_meshopt_compression"]).part()
    made.json["buffers"] = [{"byteLength": 9}, {"byteLength": len(made.blob)}]
    for view in made.json["bufferViews"]:
        view["buffer"] = 1
    with pytest.raises(ValueError, match="it uses EXT_meshopt_compression"):
        read("a.glb", made.glb())


def test_places_that_float32_cannot_tell_apart_are_noted_but_not_those_of_nodes(read):
    far = Made().part(SQUARE + np.float32(5.4e6))
    assert read("a.glb", far.glb()).notes == (ROUNDED,)
    moved = Made(nodes=[{"mesh": 0, "translation": [5.4e6, 0, 0]}]).part()
    assert read("a.glb", moved.glb()).notes == ()


def changed(path, value):
    """A good document with one value of its description changed."""
    document = Made().part()
    place = document.json
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return document.glb()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(["asset", "version"], "1.0"), "version 1.0"),
        (changed(["accessors", 0, "count"], 5), "5 values are not there"),
        (changed(["accessors", 0, "count"], 10**10), "10000000000 values are not there"),
        (changed(["accessors", 0, "count"], -1), "-1 values"),
        (changed(["accessors", 0, "count"], "4"), "description is damaged"),
        (changed(["accessors", 0, "componentType"], 5), "description is damaged"),
        (changed(["accessors", 0, "byteOffset"], -4), "not there"),
        (changed(["accessors", 0, "bufferView"], -1), "description is damaged"),
        (
            changed(["accessors", 0], {"componentType": 5126, "count": 4, "type": "VEC3"}),
            "has no data",
        ),
        (changed(["accessors", 1, "count"], 5), "5 corners"),
        (changed(["bufferViews", 0, "byteLength"], 10**9), "are not there"),
        (changed(["bufferViews", 0, "byteStride"], 0), "not there"),
        (changed(["nodes", 0, "mesh"], 3), "description is damaged"),
        (changed(["nodes", 0, "mesh"], -1), "description is damaged"),
        (changed(["nodes", 0, "children"], [0]), "node 0 stands in two places"),
        (changed(["nodes", 0, "rotation"], [0, 0, 0, 0]), "zero norm|NaN|not finite"),
        (changed(["nodes", 0, "scale"], [0, 0, 0]), "without area"),
        (changed(["nodes", 0, "skin"], 0), "made by a skeleton"),
        (changed(["nodes", 0, "weights"], [0.5]), "made by morph targets"),
        (changed(["scenes", 0, "nodes"], []), "nothing to be seen"),
        (changed(["meshes", 0, "primitives", 0, "mode"], 7), "mode 7"),
        (changed(["meshes", 0, "primitives", 0, "mode"], 1), "lines in place of faces"),
        (changed(["meshes", 0, "primitives", 0, "attributes"], {}), "description is damaged"),
        (Made().part(faces=FACES + 1).glb(), "vertex 4, counted from 0, of 4"),
        (Made().part(faces=SQUARE).glb(), "cannot be read"),
        (Made().part().glb()[:-8], "cut short"),
        (Made().part().glb()[:30], "cut short"),
        (b"glTF" + struct.pack("<II", 2, 2**32 - 1) + bytes(8), "cut short"),
        (b"glTF" + struct.pack("<II", 1, 20) + bytes(8), "version 1"),
        ("{}", "description is damaged"),
        ("[]", "description is damaged"),
        ("[" * 100_000, "cannot be read"),
        ("not json", "cannot be read"),
    ],
)
def test_damage_is_named(read, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        read("a.glb", content)
    assert "\n" not in str(caught.value)


def test_many_instances_of_much_are_refused_before_they_are_made(read, monkeypatch):
    monkeypatch.setattr(gltf, "MOST_NUMBERS", 1000)
    made = Made().part(np.zeros((100, 3), "<f4"), None, 0)
    made.json["nodes"] = [{"mesh": 0}] * 30
    made.json["scenes"] = [{"nodes": list(range(30))}]
    with pytest.raises(ValueError, match="more than 1000 numbers"):
        read("a.glb", made.glb())
