"""Clouds to files: NumPy archives, and PLY for other programs."""

from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float

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
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, points=points)
        return [path]
    names = (
        [path]
        if len(points) == 1
        else [path.with_name(f"{path.stem}-{index:04d}.ply") for index in range(len(points))]
    )
    for cloud, name in zip(points, names, strict=True):
        with atomic_path(name) as temporary:
            trimesh.PointCloud(cloud).export(temporary)
    return names


def check_format(path: Path) -> None:
    """Raise a ValueError unless clouds can be written to such a file."""
    if Path(path).suffix not in FORMATS:
        raise ValueError(f"--out {path}: expected a file that ends in {' or '.join(FORMATS)}.")
