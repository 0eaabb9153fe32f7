"""Clouds to files: NumPy archives, and PLY for other programs."""

from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, UInt8

from pcvae.files import atomic_path

FORMATS = (".npz", ".ply")


def write_clouds(points: Float[np.ndarray, "S N 3"], path: Path) -> list[Path]:
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
    with atomic_path(path) as temporary:
        trimesh.PointCloud(points, colors=rgb).export(temporary)
    return path


def check_format(path: Path) -> None:
    """Raise a ValueError unless clouds can be written to such a file."""
    if Path(path).suffix not in FORMATS:
        raise ValueError(f"--out {path}: expected a file that ends in {' or '.join(FORMATS)}.")
