"""glTF 2.0, as .glb and .gltf: every mesh that its scene shows, where the scene shows it.

Source: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import unquote

import numpy as np
from jaxtyping import Float, Int, Shaped

from pcvae.data.reading.shape import (
    FEW_CORNERS,
    ROUNDED,
    Shape,
    check_corners,
    fan_triangles,
    is_rounded,
    strip_triangles,
)

OTHER_SCENES = "only its main scene is read"
# Required extensions that are read, and beginnings of those that change only looks.
DRACO, INSTANCING = "KHR_draco_mesh_compression", "EXT_mesh_gpu_instancing"
HIDING = "KHR_node_visibility"
READ = (DRACO, HIDING, "KHR_mesh_quantization")
LOOKS = ("KHR_materials_", "KHR_texture_", "EXT_texture_", "MSFT_texture_", "KHR_lights_")

TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3}
POINTS, LINES, TRIANGLES, STRIP, FAN = 0, (1, 2, 3), 4, 5, 6
# What a description raises that is not as glTF has it.
DAMAGED = (
    json.JSONDecodeError, UnicodeError, LookupError, TypeError, AttributeError, OverflowError,
    RecursionError,
)  # fmt: skip
# What a small file may grow to by nodes that show one mesh.
MOST_NUMBERS = 60_000_000


def read_gltf(path: Path) -> Shape:
    """Read the triangles of the scene, or its points where it has no triangles.

    Raises:
        ValueError: It is damaged, requires what is not read, or names a file that is not in its
            folder.
    """
    try:
        return _Document(path).shape()
    except DAMAGED as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"it cannot be read: its description is damaged ({what})") from error


class _Document:
    """A glTF file: its JSON, and the bytes that this refers to."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        self.folder, self.own = path.parent, None
        if content.startswith(b"glTF"):
            content, self.own = _chunks(content)
        self.json = json.loads(content.decode("utf-8-sig"))
        version = str(self.json["asset"]["version"])
        if not version.startswith("2"):
            raise ValueError(f"it is written in version {version} of glTF; 2.0 is read")
        for name in self.json.get("extensionsRequired", []):
            if name not in READ and not name.startswith(LOOKS):
                raise ValueError(f"it requires the extension {name}, which is not read")
        self.content = cache(self.content)

    def entry(self, kind: str, number: int) -> dict[str, Any]:
        """Return what stands in a list; Python would count negative numbers from its end."""
        if number < 0:
            raise IndexError(f"{kind} of number {number}")
        return self.json[kind][number]

    def shape(self) -> Shape:
        """Return all that the scene shows in one piece."""
        parts, notes, numbers = [], (), 0
        for node, world in self.placed():
            mesh = self.entry("meshes", node["mesh"]) if "mesh" in node else {"primitives": []}
            found = {
                "a skeleton (skin)": "skin" in node,
                "morph targets": any(node.get("weights", mesh.get("weights", ()))),
                INSTANCING: INSTANCING in node.get("extensions", {}),
            }
            if any(found.values()):
                named = ", ".join(name for name, there in found.items() if there)
                raise ValueError(f"its shape is made by {named}, which is not read")
            for part in mesh["primitives"]:
                points, faces = self.part(part)
                notes += (ROUNDED,) * is_rounded(points)
                numbers += points.size + (0 if faces is None else faces.size)
                if numbers > MOST_NUMBERS:
                    raise ValueError(f"what it shows is more than {MOST_NUMBERS} numbers")
                parts.append((points @ world[:3, :3].T + world[:3, 3], faces))
        notes += (OTHER_SCENES,) * (len(self.json.get("scenes", ())) > 1)
        return _together(parts, notes)

    def placed(self) -> Iterator[tuple[dict[str, Any], Float[np.ndarray, "4 4"]]]:
        """Yield the nodes of the scene, and what takes their coordinates to the scene's."""
        if "scenes" not in self.json:
            raise ValueError("it has no scene that says what of it is to be seen")
        roots = self.entry("scenes", self.json.get("scene", 0)).get("nodes", [])
        waiting, seen = [(root, np.eye(4)) for root in roots], set()
        while waiting:
            number, above = waiting.pop()
            if number in seen:
                raise ValueError(f"it cannot be read: its node {number} stands in two places")
            seen.add(number)
            node = self.entry("nodes", number)
            if not node.get("extensions", {}).get(HIDING, {}).get("visible", True):
                continue  # nor what hangs on it
            own = _matrix(node)
            waiting += [(child, above @ own) for child in node.get("children", [])]
            yield node, above @ own

    def part(self, part: dict[str, Any]) -> tuple[np.ndarray, Int[np.ndarray, "F 3"] | None]:
        """Return points (V, 3) and faces of a primitive; None of points, none of lines."""
        mode, compressed = part.get("mode", TRIANGLES), part.get("extensions", {}).get(DRACO)
        if compressed:
            return self.decompress(compressed)
        points = self.accessor(part["attributes"]["POSITION"])
        corners = np.arange(len(points))
        if "indices" in part:
            corners = self.accessor(part["indices"])[:, 0]
        if points.shape[1] != 3 or corners.dtype.kind not in "iu":
            raise ValueError(
                "it cannot be read: it has other than three coordinates or whole corners"
            )
        corners = corners.astype(np.int64)
        check_corners(corners, len(points))
        if mode == POINTS:
            return points, None
        if mode in LINES:
            return points, np.empty((0, 3), dtype=np.int64)
        if mode == TRIANGLES and len(corners) % 3 == 0:
            return points, corners.reshape(-1, 3)
        if mode in (STRIP, FAN) and len(corners) > 2:
            faces = strip_triangles(corners) if mode == STRIP else fan_triangles(corners[None])
            return points, faces
        raise ValueError(f"it has a part of mode {mode} and {len(corners)} corners")

    def decompress(self, compressed: dict[str, Any]) -> tuple[np.ndarray, Int[np.ndarray, "F 3"]]:
        """Do what `part` does for triangles compressed by Draco."""
        import DracoPy

        content = self.view(compressed["bufferView"])
        try:
            found = DracoPy.decode(content)
            wanted = compressed["attributes"]["POSITION"]
            points = next(a["data"] for a in found.attributes if a["unique_id"] == wanted)
            return np.reshape(points, (-1, 3)), np.reshape(found.faces, (-1, 3)).astype(np.int64)
        except Exception as error:  # DracoPy raises whatever its decoder stumbles over
            raise ValueError(f"its Draco compression cannot be read: {error}") from error

    def accessor(self, number: int) -> Shaped[np.ndarray, "N K"]:
        """Return an array in the type that it is stored in; as floats where it is normalized."""
        what = self.entry("accessors", number)
        if "sparse" in what or "bufferView" not in what:
            raise ValueError(f"its accessor {number} is sparse or has no data, which is not read")
        kind, width = np.dtype(TYPES[what["componentType"]]), WIDTHS[what["type"]]
        content = self.view(what["bufferView"])
        start, count = what.get("byteOffset", 0), what["count"]
        row = kind.itemsize * width
        stride = self.entry("bufferViews", what["bufferView"]).get("byteStride", row)
        if min(count, start, stride - 1) < 0 or start + (count - 1) * stride + row > len(content):
            raise ValueError(f"it is cut short or damaged: {count} values are not there")
        values = np.ndarray((count, width), kind, content, start, (stride, kind.itemsize))
        if what.get("normalized") and kind.kind in "iu":
            return np.maximum(values / np.iinfo(kind).max, -1.0)
        return values

    def view(self, number: int) -> bytes:
        """Return the bytes of a buffer view."""
        what = self.entry("bufferViews", number)
        start, content = what.get("byteOffset", 0), self.content(what["buffer"])
        end = start + what["byteLength"]
        if not 0 <= start <= end <= len(content):
            raise ValueError(f"it is cut short or damaged: bytes {start} to {end} are not there")
        return content[start:end]

    def content(self, number: int) -> bytes:
        """Return the bytes of a buffer: of this file, of its text, or of one in its folder."""
        what = self.entry("buffers", number)
        uri, content = what.get("uri"), self.own if number == 0 else None
        if uri and uri.startswith("data:"):
            content = base64.b64decode(uri.partition(";base64,")[2], validate=True)
        elif uri:
            try:
                content = _neighbor(self.folder, uri).read_bytes()
            except OSError as error:
                raise ValueError(f"the file {uri[:60]!r} belongs to it, but {error}") from error
        if content is None or len(content) < what["byteLength"]:
            used = ", ".join(self.json.get("extensionsUsed", [])) or "no extensions"
            raise ValueError(f"it is cut short, or its buffer is kept elsewhere (it uses {used})")
        return content


def buffer_files(path: Path) -> list[Path]:
    """Return the files beside a .gltf file that hold a part of it; none if it cannot be read."""
    try:
        buffers = _Document(path).json.get("buffers", [])
        uris = [buffer["uri"] for buffer in buffers if "uri" in buffer]
        return [_neighbor(path.parent, uri) for uri in uris if not uri.startswith("data:")]
    except (ValueError, OSError, *DAMAGED):
        return []


def _neighbor(folder: Path, uri: str) -> Path:
    """Return the path of a file in the folder of this one, and no other."""
    name = PureWindowsPath(unquote(uri))  # it knows both kinds of slash
    if "://" in uri or name.anchor or ".." in name.parts:
        raise ValueError(f"it names a file outside of its folder: {uri[:60]!r}")
    return folder.joinpath(*name.parts)


def _chunks(content: bytes) -> tuple[bytes, bytes | None]:
    """Return the JSON of a .glb file, and its own buffer if it has one."""
    chunks, start = {}, 12
    version, length = struct.unpack("<II", content[4:12].ljust(8, b"\0"))
    if version != 2:
        raise ValueError(f"it is written in version {version} of glTF; 2.0 is read")
    while start + 8 <= min(length, len(content)):
        size, kind = struct.unpack_from("<I4s", content, start)
        chunks.setdefault(kind, content[start + 8 : start + 8 + size])
        start += 8 + size
    if max(start, length) > len(content) or b"JSON" not in chunks:
        raise ValueError("it is cut short or damaged: its parts are not as long as they say")
    return chunks[b"JSON"], chunks.get(b"BIN\0")


def _matrix(node: dict[str, Any]) -> Float[np.ndarray, "4 4"]:
    """Return what takes coordinates of a node to those of the node above it."""
    from scipy.spatial.transform import Rotation

    if "matrix" in node:
        return np.array(node["matrix"], dtype=float).reshape(4, 4).T
    matrix = np.eye(4)
    turned = Rotation.from_quat(node.get("rotation", (0, 0, 0, 1))).as_matrix()
    matrix[:3, :3] = turned * np.array(node.get("scale", (1, 1, 1)), dtype=float)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _together(
    parts: list[tuple[Float[np.ndarray, "_ 3"], Int[np.ndarray, "_ 3"] | None]],
    notes: tuple[str, ...],
) -> Shape:
    """Join the parts that are meshes, or those that are points where there are none."""
    chosen = [part for part in parts if part[1] is not None and len(part[1])]
    clouds = [part for part in parts if part[1] is None]
    notes += (FEW_CORNERS,) * (len(parts) > len(chosen or clouds))
    if not (chosen or clouds):
        raise ValueError(f"it holds {'lines in place of faces' if parts else 'nothing to be seen'}")
    points = np.concatenate([points for points, _ in chosen or clouds])
    if not chosen:
        return Shape(points, None, notes)
    starts = np.cumsum([0, *(len(points) for points, _ in chosen)])[:-1]
    faces = [part[1] + start for part, start in zip(chosen, starts, strict=True)]
    return Shape(points, np.concatenate(faces), notes)
