"""NumPy's .npy and .npz files; nothing pickled is ever opened."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from pcvae.data.lazy import check_header, read_header
from pcvae.data.reading.shape import WHOLE, Shape, check_name

EXPECTED = "Expected an array of shape (shapes, points, 3) with finite numbers"
# What archives call values of points that fill a volume, and corners of faces beside points.
NO_CLOUD = {
    **dict.fromkeys(
        (
            "occupancies",
            "occupancy",
            "occ",
            "inside",
            "in_out",
            "sdf",
            "sdfs",
            "tsdf",
            "udf",
            "df",
            "distances",
        ),
        "points that are no surface",
    ),
    **dict.fromkeys(("faces", "triangles"), "a mesh, which is not read from .npz files"),
}
# DEFLATE makes nothing smaller than this part of it; a directory that says so is false.
MOST_DEFLATED = 1100

# What NumPy raises at files that are cut short, pickled, or something else.
UNREADABLE = (
    ValueError, EOFError, OSError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def read_points(path: Path) -> Shape:
    """Read (N, 3) numbers: those of a .npy file, `points` of a .npz file, or its only array.

    Raises:
        ValueError: It is damaged, pickled, holds something else, or says that it is no surface.
    """
    points = read_array(path)
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        raise ValueError(f"expected points of shape (N, 3), got {points.shape} of {points.dtype}")
    whole = points.dtype.kind in "iu" or (points == np.rint(points)).all()
    return Shape(points, None, (WHOLE,) * bool(whole))


def read_array(path: Path) -> np.ndarray:
    """Read the array of a .npy file, or that named `points`, or the only one, of a .npz file.

    Raises:
        ValueError: if the file is damaged or pickled, it is not clear which array is meant, or it
            is named after something else than points.
    """
    if zipfile.is_zipfile(path):
        arrays = read_arrays(path)
        for name in arrays.keys() & NO_CLOUD.keys():
            raise ValueError(f"it has an array named {name!r}: it holds {NO_CLOUD[name]}")
        if "points" not in arrays and len(arrays) != 1:
            raise ValueError(f"it has no array named 'points' (found: {', '.join(arrays)})")
        name = "points" if "points" in arrays else next(iter(arrays))
        check_name(name)
        return arrays[name]
    check_name(path.stem)
    return read_npy(path)


def read_npy(path: Path, mapped: bool = False) -> np.ndarray:
    """Read the array of a .npy file, or map it into memory.

    Raises:
        ValueError: It is damaged, pickled, or something else.
    """
    try:
        read_header(path)  # says better than NumPy what is wrong
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except UNREADABLE as error:
        raise unreadable(path, error) from error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a .npz file.

    Raises:
        ValueError: if the file is damaged or pickled.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _check_member(archive, member)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except MemoryError as error:
        error.add_note(f"It was to hold {path}.")
        raise
    except UNREADABLE as error:
        raise unreadable(path, error) from error


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Hold what an archive says of an array against what it has, before that much is made."""
    if member.file_size > MOST_DEFLATED * member.compress_size + MOST_DEFLATED:
        raise ValueError(f"{member.filename} is said to be {member.file_size} bytes")
    if member.filename.endswith(".npy"):
        with archive.open(member) as file:
            check_header(file, member.file_size)


def unreadable(path: Path, error: Exception) -> ValueError:
    """Return what to raise at a file that NumPy cannot read, in one line."""
    said = " ".join(str(error).split())
    return ValueError(
        f"{path} cannot be read: it is cut short, damaged, or holds Python objects, which are "
        f"never opened ({said}). {EXPECTED}, written by numpy.save or numpy.savez."
    )
