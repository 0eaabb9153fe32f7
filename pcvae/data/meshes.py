"""One shape from one file: a mesh, or points."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from pcvae.data.cloud_files import read_array

MESHES = (".obj", ".off", ".ply", ".stl", ".glb")
POINTS = (".npy", ".npz", ".ply", ".xyz", ".pts")
ENDINGS = tuple(dict.fromkeys((*MESHES, *POINTS)))

# glTF fixes its axes (Y up, front to +Z); all other formats leave them to whoever wrote the file.
UP_IS_KNOWN = {".glb": "y"}
UPS = ("y", "z")


class Shape(NamedTuple):
    """What a file holds.

    Attributes:
        vertices: corners of the mesh, or the points.
        faces: triangles; None if the file holds points only.
    """

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"] | None


def read_shape(path: Path, up: str = "y") -> Shape:
    """Read a mesh or a set of points and turn it to Y up.

    Args:
        path: A file with one of the `ENDINGS`. A .npy file holds (N, 3) numbers; a .npz file an
            array `points` or one array of any name; .xyz and .pts files hold a point a line, in
            their first three columns.
        up: Which axis points up in the file, "y" or "z". With "z", what faces -Y will face +Z.
            glTF files are always Y up.

    Raises:
        ValueError: The file is damaged, holds neither triangles nor points, or some that are not
            finite.
        OSError: It cannot be opened.
    """
    if up not in UPS:
        raise ValueError(f"up must be one of {', '.join(UPS)}, got {up!r}.")
    ending = path.suffix.lower()
    shape = _read_points(path) if ending in (".npy", ".npz", ".xyz", ".pts") else _read_mesh(path)
    if not np.isfinite(shape.vertices).all():
        raise ValueError("it holds NaN or infinite coordinates")
    vertices = shape.vertices
    if UP_IS_KNOWN.get(ending, up) == "z":
        vertices = vertices[:, [0, 2, 1]] * [1.0, 1.0, -1.0]
    return Shape(vertices, shape.faces)


def _read_mesh(path: Path) -> Shape:
    """Read a file by trimesh; no other file that it names is opened."""
    import trimesh

    content = io.BytesIO(path.read_bytes())
    try:
        scene = trimesh.load_scene(
            content, file_type=path.suffix[1:].lower(), process=False, skip_materials=True
        )
        parts = list(scene.dump())
    except Exception as error:  # trimesh raises whatever its parser stumbles over
        raise ValueError(f"it cannot be read: {type(error).__name__}: {error}") from error
    meshes = [part for part in parts if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    if meshes:
        mesh = trimesh.util.concatenate(meshes)
        return Shape(np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int64))
    points = [np.asarray(part.vertices) for part in parts if isinstance(part, trimesh.PointCloud)]
    if not points:
        raise ValueError("it holds neither triangles nor points")
    return Shape(np.concatenate(points).astype(float), None)


def _read_points(path: Path) -> Shape:
    if path.suffix.lower() in (".xyz", ".pts"):
        return Shape(_read_columns(path.read_text(encoding="utf-8", errors="replace")), None)
    points = read_array(path)
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        raise ValueError(f"expected points of shape (N, 3), got {points.shape} of {points.dtype}")
    return Shape(points.astype(float), None)


def _read_columns(text: str) -> Float[np.ndarray, "N 3"]:
    """Read a point a line; a first line with nothing but their number, as .pts has, is skipped."""
    lines = [line for line in text.replace(",", " ").splitlines() if line.strip()]
    if lines and len(lines[0].split()) == 1:
        lines = lines[1:]
    if not lines:
        raise ValueError("it holds no points")
    return np.loadtxt(lines, dtype=float, usecols=(0, 1, 2), ndmin=2)
