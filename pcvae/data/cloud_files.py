"""Clouds from files of your own: .npy, .npz, and what `pcvae prepare` writes."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from pcvae.data.clouds import SPLITS, CloudSet
from pcvae.data.lazy import PointRows, read_header
from pcvae.files import atomic_path

EXPECTED = "Expected an array of shape (shapes, points, 3) with finite numbers"
# Files beyond this many bytes stay on the disk; only .npy can.
IN_MEMORY = 2**29
FORMATS = (".npz", ".ply")

# What NumPy raises at files that are cut short, pickled, or something else.
UNREADABLE = (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile, zlib.error)


def read_clouds(path: Path) -> CloudSet:
    """Read clouds from a .npy file, or from the array named `points` in a .npz file.

    Args:
        path: the file. Beside `points`, a .npz file may hold `ids` and `classes`, one a cloud.

    Returns:
        The clouds; without names of their own, ids are the file's name and a number. Clouds of
        a .npy file above 512 MB stay on the disk.

    Raises:
        ValueError: if the file is damaged, pickled, or holds something else.
    """
    return read_split_clouds(path)[0]


def read_split_clouds(path: Path) -> tuple[CloudSet, tuple[str, ...]]:
    """Do what `read_clouds` does, and read which split each cloud belongs to.

    Returns:
        The clouds, and the array `splits` of a .npz file ("train", "val" or "test" for each; ""
        for clouds to be split at random), or nothing.

    Raises:
        ValueError: if the file is damaged, pickled, or holds something else.
    """
    arrays = _read(path)
    points = _check_points(path, arrays["points"])
    ids = arrays.get("ids", np.array([f"{path.stem}-{row:05d}" for row in range(len(points))]))
    classes = arrays.get("classes", np.full(len(points), path.stem))
    splits = tuple(map(str, arrays.get("splits", ())))
    if splits and (len(splits) != len(points) or not set(splits) <= {*SPLITS, ""}):
        raise ValueError(
            f"{path}: expected `splits` to hold {', '.join(SPLITS)} or nothing for each of "
            f"{len(points)} clouds, got {len(splits)} of {', '.join(sorted(set(splits)))}."
        )
    return CloudSet(path.stem, points, tuple(map(str, ids)), tuple(map(str, classes))), splits


def write_set(path: Path, clouds: CloudSet, **more: np.ndarray) -> Path:
    """Write clouds with ids and classes to a .npz file that `read_clouds` reads, or nothing.

    Args:
        path: the file.
        clouds: what to write.
        more: further arrays, such as `splits`.

    Returns:
        The path.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            points=np.asarray(clouds.points),
            ids=np.array(clouds.ids),
            classes=np.array(clouds.classes),
            **more,
        )
    return path


def read_array(path: Path) -> np.ndarray:
    """Read the array of a .npy file, or that named `points`, or the only one, of a .npz file.

    Raises:
        ValueError: if the file is damaged or pickled, or it is not clear which array is meant.
    """
    if zipfile.is_zipfile(path):
        arrays = read_arrays(path)
        if "points" not in arrays and len(arrays) != 1:
            raise ValueError(f"it has no array named 'points' (found: {', '.join(arrays)})")
        return arrays.get("points", next(iter(arrays.values())))
    try:
        read_header(path)
        return np.load(path, allow_pickle=False)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a .npz file.

    Raises:
        ValueError: if the file is damaged or pickled.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file; that of a .npy file is `points`."""
    if zipfile.is_zipfile(path):
        arrays = read_arrays(path)
        if "points" not in arrays:
            found = ", ".join(arrays) or "nothing"
            raise ValueError(f"{path} has no array named 'points' (found: {found}). {EXPECTED}.")
        return arrays
    try:
        read_header(path)  # says better than NumPy what is wrong
        large = path.stat().st_size > IN_MEMORY
        points = np.load(path, mmap_mode="r" if large else None, allow_pickle=False)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    return {"points": points}


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"{path} cannot be read: it is cut short, damaged, or holds Python objects, which are "
        f"never opened ({error}). {EXPECTED}, written by numpy.save or numpy.savez."
    )


def _check_points(path: Path, points: np.ndarray) -> np.ndarray | PointRows:
    if points.ndim != 3 or points.shape[-1] != 3 or points.dtype.kind not in "fiu":
        raise ValueError(f"{path}: {EXPECTED}, got shape {points.shape} of {points.dtype}.")
    return PointRows(points) if isinstance(points, np.memmap) else points.astype(np.float32)


# Clouds for other programs


def export_clouds(points: Float[np.ndarray, "S N 3"], path: Path) -> list[Path]:
    """Write clouds to one .npz file (an array `points`), or to one .ply file for each.

    Args:
        points: clouds.
        path: where to. For several clouds chairs.ply stands for chairs-0000.ply, chairs-0001.ply
            and so on.

    Returns:
        The files that were written, each whole or not at all.

    Raises:
        ValueError: if the path has another ending.
    """
    path = Path(path)
    check_format(path)
    if path.suffix == ".npz":
        return [write_npz(path, points=points)]
    names = (
        [path]
        if len(points) == 1
        else [path.with_name(f"{path.stem}-{index:04d}.ply") for index in range(len(points))]
    )
    return [write_ply(name, cloud) for cloud, name in zip(points, names, strict=True)]


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    """Write arrays under their names; return the path."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)
    return path


def write_ply(
    path: Path, points: Float[np.ndarray, "N 3"], rgb: UInt8[np.ndarray, "N 3"] | None = None
) -> Path:
    """Write a cloud, and its colors if given, for MeshLab, Blender and others; return the path."""
    import trimesh

    with atomic_path(path) as temporary:
        trimesh.PointCloud(points, colors=rgb).export(temporary)
    return path


def check_format(path: Path) -> None:
    """Raise a ValueError unless clouds can be written to such a file."""
    if Path(path).suffix not in FORMATS:
        raise ValueError(f"--out {path}: expected a file that ends in {' or '.join(FORMATS)}.")
