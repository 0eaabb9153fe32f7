"""Clouds from files of your own."""

from pathlib import Path

import numpy as np

from pcvae.data.clouds import CloudSet

EXPECTED = "Expected an array of shape (shapes, points, 3) with finite numbers"


def read_clouds(path: Path) -> CloudSet:
    """Read clouds from a .npy file, or from the array named `points` in a .npz file.

    Args:
        path: the file.

    Returns:
        The clouds; ids are the file's name and a number, or the array named `ids`.

    Raises:
        ValueError: if the file is damaged, pickled, or holds something else.
    """
    try:
        content = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"{path} cannot be read: it is cut short, damaged, or holds Python objects, which are "
            f"never opened ({error}). {EXPECTED}, written by numpy.save or numpy.savez."
        ) from error
    if isinstance(content, np.ndarray):
        return _cloud_set(path, content)
    with content as archive:
        if "points" not in archive:
            found = ", ".join(archive.files) or "nothing"
            raise ValueError(f"{path} has no array named 'points' (found: {found}). {EXPECTED}.")
        return _cloud_set(path, archive["points"])


def _cloud_set(path: Path, points: np.ndarray) -> CloudSet:
    """Check one array of clouds and give its rows names."""
    if points.ndim != 3 or points.shape[-1] != 3 or points.dtype.kind not in "fiu":
        raise ValueError(f"{path}: {EXPECTED}, got shape {points.shape} of {points.dtype}.")
    ids = tuple(f"{path.stem}-{row:05d}" for row in range(len(points)))
    return CloudSet(
        name=path.stem,
        points=points.astype(np.float32),
        ids=ids,
        classes=(path.stem,) * len(points),
    )
