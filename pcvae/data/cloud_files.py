"""Clouds from files of your own: .npy, .npz, and what `pcvae prepare` writes."""

import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from pcvae.data.clouds import SPLIT_NAMES, CloudSet, split_of
from pcvae.data.lazy import PointRows
from pcvae.data.listing import pointer
from pcvae.data.reading.arrays import EXPECTED, read_arrays, read_npy
from pcvae.data.reading.shape import COARSE
from pcvae.files import atomic_path

logger = logging.getLogger(__name__)

# Files beyond this many bytes stay on the disk; only .npy can.
IN_MEMORY = 2**29
FORMATS = (".npz", ".ply")
ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar")
# Clouds whose size is below this part of their distance lose digits that matter in float32.
FAR = 1e-3
# Of clouds on the disk, so many are looked at for digits that are lost.
LOOKED_AT = 64
# More points than these, and than this part of a cloud, in one place are padding.
LEAST_PADDED, PADDED = 3, 0.02
# What is read of an archive, and what `pcvae prepare` keeps beside it.
ARRAYS = {"points", "ids", "classes", "splits", "skipped", "notes"}


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
    others = ", ".join(sorted(arrays.keys() - ARRAYS))
    if others:
        logger.warning(
            "%s: not read: %s. Names, classes and splits of clouds are called ids, classes and "
            "splits.",
            *(path, others),
        )
    points = _check_points(path, arrays["points"])
    count = len(points)
    numbered = tuple(f"{path.stem}-{row:05d}" for row in range(count))
    ids = _texts(path, "ids", arrays, count) or numbered
    classes = _texts(path, "classes", arrays, count) or (path.stem,) * count
    splits = _splits(path, _texts(path, "splits", arrays, count))
    _check_parted(path, ids, splits)
    return CloudSet(path.stem, points, ids, classes), splits


def _texts(path: Path, what: str, arrays: dict[str, np.ndarray], count: int) -> tuple[str, ...]:
    """Return an array of names, one a cloud, as text: bytes, whole numbers and columns are, too."""
    values = arrays.get(what)
    if values is None:
        return ()
    flat = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if flat.dtype.kind == "f" and (flat == np.floor(flat)).all():
        flat = flat.astype(np.int64)
    if flat.shape != (count,) or flat.dtype.kind not in "USiu":
        raise ValueError(
            f"{path}: expected `{what}` to hold a text or a whole number for each of {count} "
            f"clouds, got {values.dtype} of shape {values.shape}."
        )
    try:
        texts = np.char.decode(flat, "utf-8") if flat.dtype.kind == "S" else flat
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: `{what}` holds bytes that are no UTF-8 ({error}).") from error
    return tuple(str(text).strip() for text in texts.tolist())  # some are filled up by blanks


def _splits(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Return the splits that usual names stand for."""
    unknown = sorted({name for name in names if name and not split_of(name)})
    if unknown:
        raise ValueError(
            f"{path}: expected `splits` to hold train, val or test (or {', '.join(SPLIT_NAMES)}, "
            f"or nothing) for each cloud, got {', '.join(map(repr, unknown[:5]))}."
        )
    return tuple(map(split_of, names))


def _check_parted(path: Path, ids: Sequence[str], splits: Sequence[str]) -> None:
    """Refuse ids that are in two splits: what is tested would have been trained on."""
    seen: dict[str, str] = {}
    for name, split in zip(ids, splits, strict=False):
        if seen.setdefault(name, split) != split:
            raise ValueError(
                f"{path}: id {name!r} is in two splits, {seen[name] or 'none'} and "
                f"{split or 'none'}. Ids must differ."
            )


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


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file; that of a .npy file is `points`."""
    _check_kind(path)
    if zipfile.is_zipfile(path):
        arrays = read_arrays(path)
        if "points" not in arrays:
            found = ", ".join(arrays) or "nothing"
            raise ValueError(f"{path} has no array named 'points' (found: {found}). {EXPECTED}.")
        return arrays
    return {"points": read_npy(path, mapped=path.stat().st_size > IN_MEMORY)}


def _check_kind(path: Path) -> None:
    """Say what a file is that is no array and does not claim to be one."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    with path.open("rb") as file:
        start = file.read(8)
    ending = path.suffix.lower()
    unfetched = pointer(path)
    if unfetched:
        raise ValueError(f"{path} is {unfetched}.")
    if ending in (".npy", ".npz") or (start.startswith((b"\x93NUMPY", b"PK")) and ending != ".zip"):
        return
    what = f"ends in {ending or 'nothing'}: shapes in files of their own go by their folder"
    if start.startswith(b"\x89HDF") or ending in (".h5", ".hdf5"):
        what = "is HDF5, which is not read"
    elif ending in ARCHIVES:
        what = "is packed: unpack it, and name its folder"
    raise ValueError(f"{path} {what}. {EXPECTED}, written by numpy.save or numpy.savez.")


def _check_points(path: Path, points: np.ndarray) -> np.ndarray | PointRows:
    """Return clouds in float32, or those of a memory map as they are."""
    if points.ndim != 3 or points.shape[-1] != 3 or points.dtype.kind not in "fiu":
        axes = points.ndim == 3 and points.shape[1] == 3
        hint = " Are they points.transpose(0, 2, 1)?" if axes else ""
        raise ValueError(f"{path}: {EXPECTED}, got shape {points.shape} of {points.dtype}.{hint}")
    if isinstance(points, np.memmap):
        _warn_of_rounding(path, points[:: len(points) // LOOKED_AT + 1])
        return PointRows(points)
    _warn_of_padding(path, points)
    if points.dtype.kind == "f" and points.itemsize <= 4:
        _warn_of_rounding(path, points)
    elif points.size and np.isfinite(points).all():
        points = _centered(path, points)
    return np.ascontiguousarray(points, dtype=np.float32)


def _warn_of_padding(path: Path, points: np.ndarray) -> None:
    """Say how many clouds seem to be filled up by zeros, or by their last points."""
    zeros = (points == 0).all(axis=2).sum(axis=1)
    like_last = (points == points[:, -1:]).all(axis=2)[:, ::-1]
    last = np.cumprod(like_last, axis=1).sum(axis=1)  # how many stand at the end, one and the same
    for count, what in (
        (zeros, "at 0, 0, 0, as if filled up with zeros"),
        (last, "where the last one does"),
    ):
        padded = (count > max(LEAST_PADDED, PADDED * points.shape[1])).sum()
        if padded:
            logger.warning(
                "%s: in %d of %d clouds, many points lie %s.", *(path, padded, len(points), what)
            )
            return


def _centered(path: Path, points: np.ndarray) -> np.ndarray:
    """Return clouds about the origin if they are so far from it that float32 would round them."""
    lows, highs = _boxes(points)
    low, high = lows.min(axis=0), highs.max(axis=0)
    middle, size = (low + high) / 2, (high - low).max()
    if 0 < size < FAR * np.abs(middle).max():
        logger.warning(
            "%s: the clouds stand %.6g from the origin and measure %.3g. They were moved to it by "
            "%s, for in float32 they would be rounded.",
            path,
            np.abs(middle).max(),
            size,
            np.array2string(-middle, precision=9),
        )
        return points - middle
    rounded = _are_rounded(lows, highs, np.float32)
    if not rounded.any():
        return points
    logger.warning(
        "%s: %d of %d clouds stand so far from the origin, each in a place of its own, that "
        "float32 would round them. Each was moved to the origin by the middle of its own box.",
        *(path, rounded.sum(), len(points)),
    )
    return points - ((lows + highs) / 2)[:, None]


def _warn_of_rounding(path: Path, points: np.ndarray) -> None:
    """Say how many clouds have lost digits that show, or will in float32."""
    if points.size == 0 or not np.isfinite(points).all():
        return
    kind = np.float16 if points.dtype.type is np.float16 else np.float32  # of either byte order
    rounded = _are_rounded(*_boxes(points), kind)
    if rounded.any():
        logger.warning(
            "%s: %d of %d clouds that were looked at stand so far from the origin that their "
            "coordinates are rounded to steps that show. Center them before they are written in "
            "%s.",
            *(path, rounded.sum(), len(points), np.dtype(kind)),
        )


def _boxes(points: np.ndarray) -> tuple[Float[np.ndarray, "S 3"], Float[np.ndarray, "S 3"]]:
    """Return the least and the largest coordinates of each cloud."""
    return points.min(axis=1).astype(np.float64), points.max(axis=1).astype(np.float64)


def _are_rounded(
    lows: Float[np.ndarray, "S 3"], highs: Float[np.ndarray, "S 3"], kind: type[np.floating]
) -> Bool[np.ndarray, " S"]:
    """Tell which clouds, given by their boxes, a type of number keeps in steps that show."""
    steps = np.spacing(np.maximum(np.abs(lows), np.abs(highs)).max(axis=1).astype(kind))
    sizes = (highs - lows).max(axis=1)
    return (sizes > 0) & (steps > COARSE * sizes)


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
    many = [path.with_name(f"{path.stem}-{index:04d}.ply") for index in range(len(points))]
    names = [path] if len(points) == 1 else many
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
