"""One shape from one file, a mesh or points, of any format that people bring."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pcvae.data.reading.arrays import read_points
from pcvae.data.reading.columns import read_columns
from pcvae.data.reading.gltf import read_gltf
from pcvae.data.reading.obj import read_obj
from pcvae.data.reading.off import read_off
from pcvae.data.reading.pcd import read_pcd
from pcvae.data.reading.ply import read_ply
from pcvae.data.reading.shape import Shape, check_shape
from pcvae.data.reading.stl import read_stl
from pcvae.geometry import z_up_to_y_up

__all__ = ["ENDINGS", "UPS", "Shape", "read_shape"]

logger = logging.getLogger(__name__)

READERS: dict[str, Callable[[Path], Shape]] = {
    ".obj": read_obj,
    ".off": read_off,
    ".ply": read_ply,
    ".stl": read_stl,
    ".glb": read_gltf,
    ".gltf": read_gltf,
    ".npy": read_points,
    ".npz": read_points,
    ".pcd": read_pcd,
    ".xyz": read_columns,
    ".pts": read_columns,
    ".txt": read_columns,
    ".csv": read_columns,
}
ENDINGS = tuple(READERS)

# glTF fixes its axes (Y up, front to +Z); all other formats leave them to whoever wrote the file.
UP_IS_KNOWN = {".glb": "y", ".gltf": "y"}
UPS = ("y", "z")


def read_shape(path: str | Path, up: str = "y", *, warn: bool = True) -> Shape:
    """Read a mesh or a set of points and turn it to Y up.

    Args:
        path: A file with one of the `ENDINGS`. A .npy file holds (N, 3) numbers; a .npz file an
            array `points` or one array of any name; text files hold a point a line, in columns
            named x, y and z or in the first three.
        up: Which axis points up in the file, "y" or "z". With "z", what faces -Y will face +Z.
            glTF files are always Y up.
        warn: Say what is doubtful or left out; it is among the shape's notes in any case.

    Returns:
        Corners and triangles, or points, in float64 and in the file's own unit and place.

    Raises:
        ValueError: The file is damaged, of an unknown kind, holds neither faces nor points, some
            that are not finite, or geometry that is not read. In one line.
        OSError: It cannot be opened.
    """
    path = Path(path).expanduser()
    if up not in UPS:
        raise ValueError(f"up must be one of {', '.join(UPS)}, got {up!r}.")
    ending = path.suffix.lower()
    if ending not in READERS:
        raise ValueError(f"{path.name} is of no known kind: expected {', '.join(ENDINGS)}")
    if path.stat().st_size == 0:
        raise ValueError("it cannot be read: it is empty")
    try:
        vertices, faces, notes = check_shape(READERS[ending](path))
    except ValueError as error:
        raise ValueError(" ".join(str(error).split())) from error
    if UP_IS_KNOWN.get(ending, up) == "z":
        vertices = z_up_to_y_up(vertices)
    if warn and notes:
        logger.warning("%s: %s.", path, "; ".join(notes))
    return Shape(vertices, faces, notes)
