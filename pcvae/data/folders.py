"""Folders of meshes or point files: sampled once, then read from a cache.

Layouts: FOLDER/*.off, FOLDER/<class>/*.off, and with folders named train, val or test (or training,
valid, validation, dev, testing, in any case) on any level, such as ModelNet's
FOLDER/<class>/<train|test>/*.off. See `pcvae.data.listing` for what counts.

Every shape comes out as the shipped ones are: Y up, centered on its bounding box, its farthest
point at distance 1, its points in random order. That loses its size; clouds whose sizes matter are
better given as one .npz file.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from pcvae import geometry, randomness
from pcvae.data.cloud_files import read_split_clouds, write_set
from pcvae.data.clouds import CloudSet
from pcvae.data.listing import ShapeFile, Skipped, grouped, list_shapes, pointer
from pcvae.data.reading import ENDINGS, UPS, Shape, read_shape
from pcvae.data.reading.arrays import read_arrays
from pcvae.data.reading.gltf import buffer_files
from pcvae.data.upright import warn_of_lying
from pcvae.files import cache_folder, check_writable, fingerprint
from pcvae.geometry import farthest_points, sample_surface, to_unit_sphere

logger = logging.getLogger(__name__)

OVERSAMPLING = 4  # points drawn for each one that farthest-point sampling keeps
PARTED = tuple[CloudSet, tuple[str, ...]]


class Outcome(NamedTuple):
    """A sampled shape with what is doubtful about it, or the reason why there is none."""

    points: np.ndarray | None
    notes: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Sampling:
    """How the shapes of files become clouds.

    Attributes:
        num_points: Points of each.
        seed: Decides where points are drawn, with what a file holds: equal files, equal clouds.
        up: Which axis points up in the files, "y" or "z".

    Raises:
        ValueError: A value is not as said above.
    """

    num_points: int = 2048
    seed: int = 0
    up: str = "y"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.num_points < 1 or self.seed < 0 or self.up not in UPS:
            raise ValueError(
                f"Expected num_points of 1 or more, a seed of 0 or more, and up one of "
                f"{', '.join(UPS)}; got {self.num_points}, {self.seed} and {self.up!r}."
            )

    def __call__(self, file: ShapeFile) -> Outcome:
        """Sample one file."""
        try:
            digest = file.digest or _digest(file.path)
            rng = np.random.default_rng([self.seed, int.from_bytes(digest[:8], "big")])
            shape = read_shape(file.path, self.up, warn=False)
            points = sample_evenly(shape, self.num_points, rng)
        except (ValueError, OSError) as error:
            return Outcome(None, reason=pointer(file.path) or str(error))
        if shape.faces is None and len(shape.vertices) < self.num_points:
            drawn_again = f"fewer than {self.num_points} points, drawn with replacement"
            return Outcome(points, (*shape.notes, drawn_again))
        # Farthest points come in an order that means something; the first of a cloud should not.
        return Outcome(points[rng.permutation(len(points))], shape.notes)


def open_folder(
    folder: Path, *, num_points: int = 2048, seed: int = 0, up: str = "y", strict: bool = False
) -> PARTED:
    """Open a folder of meshes or point files; sample it, unless that was done before.

    The cache's name is a hash of what the files hold, of the arguments, and of the code that
    samples. Where a set is too large to be hashed at every start, use `prepare_meshes` and open the
    file it writes.

    Args:
        folder: Where the files are.
        num_points: Points of each shape.
        seed: Decides where points are drawn.
        up: Which axis points up in the files, "y" or "z".
        strict: Stop at the first file that cannot be used or is of a kind that is not read.

    Returns:
        The clouds, and for each "train", "val", "test", or "" where the folders do not say.

    Raises:
        FileNotFoundError: There is no such folder, or nothing to be read in it.
        ValueError: No file can be used, or `up` or a number is not as said above.
    """
    skipped = Skipped(str(folder), strict)
    listed = list_shapes(folder, ENDINGS, skipped)
    files = [file._replace(digest=_digest(file.path)) for file in listed]
    sampling = Sampling(num_points, seed, up)
    path = cache_folder() / f"shapes-{_fingerprint(files, sampling)}.npz"
    opened = _open(path, folder, skipped) if path.is_file() else None
    return opened or _sample_all(folder, files, sampling, path, skipped)


def prepare_meshes(
    folder: Path,
    out: Path,
    num_points: int = 2048,
    seed: int = 0,
    up: str = "y",
    strict: bool = False,
    workers: int = 1,
) -> Path:
    """Sample a folder of meshes or point files into one file, to be used as `--data FILE`.

    Points are drawn uniformly by area, four times as many as wanted, and thinned evenly to the
    farthest ones; those of point files are thinned likewise. Shapes are centered on their bounding
    boxes and scaled to the unit sphere. Classes are the names of the folders within `folder`;
    folders named train, val and test (or training, valid, validation, dev, testing) are splits.

    Args:
        folder: Where the files are, with endings of `pcvae.data.reading.ENDINGS`.
        out: The .npz file to write.
        num_points: Points of each shape.
        seed: Decides where points are drawn.
        up: Which axis points up in the files, "y" or "z" (ModelNet, most CAD). glTF is always "y".
        strict: Stop at the first file that cannot be used or is of a kind that is not read.
        workers: Processes to share the work.

    Returns:
        The path of the file.

    Raises:
        FileNotFoundError: There is no such folder, or nothing to be read in it.
        ValueError: No file can be used, or an argument is not as said above.
    """
    folder, out = Path(folder).expanduser(), Path(out).expanduser()
    if out.suffix != ".npz":
        raise ValueError(f"--out must be a .npz file, got {out}.")
    if workers < 1:
        raise ValueError(f"--workers must be at least 1, got {workers}.")
    check_writable(out)
    skipped = Skipped(str(folder), strict)
    files = list_shapes(folder, ENDINGS, skipped)
    _sample_all(folder, files, Sampling(num_points, seed, up), out, skipped, workers)
    return out


def _fingerprint(files: Sequence[ShapeFile], sampling: Sampling) -> str:
    """Hash what decides the points: the files, the arguments, and the code."""
    sources = [Path(module.__file__) for module in (geometry, randomness)]
    readers = sorted((Path(__file__).parent / "reading").glob("*.py"))
    code = [path.read_bytes() for path in [*sources, *readers, Path(__file__)]]
    told = [(file.name, file.kind, file.split, file.digest) for file in files]
    return fingerprint(sampling, np.__version__, code, told)[:16]


def _digest(path: Path) -> bytes:
    """Hash what a file holds; one that cannot be opened is for its reader to refuse."""
    if path.suffix.lower() == ".gltf" and (parts := buffer_files(path)):
        return hashlib.sha256(path.read_bytes() + b"".join(map(_digest, parts))).digest()
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").digest()
    except OSError:
        return bytes(32)


def _sample_all(
    folder: Path,
    files: Sequence[ShapeFile],
    sampling: Sampling,
    out: Path,
    skipped: Skipped,
    workers: int = 1,
) -> PARTED:
    """Sample every file and write one, with notes on those that were skipped or are doubtful."""
    kept: dict[str, tuple[ShapeFile, np.ndarray]] = {}
    unusable = Skipped(skipped.where, skipped.strict)
    notes: list[tuple[str, str]] = []
    for file, outcome in _outcomes(files, sampling, workers):
        if outcome.points is None:
            unusable.add(file.name, outcome.reason)
        elif file.id in kept:
            unusable.add(file.name, f"{kept[file.id][0].path.name} beside it has the same name")
        else:
            kept[file.id] = file, outcome.points
            notes += [(file.name, note) for note in outcome.notes]
    if not kept:
        unusable.tell(0)
    _write(out, folder.resolve().name, list(kept.values()), unusable, notes)
    return _open(out, folder, skipped)


def _outcomes(
    files: Sequence[ShapeFile], sampling: Sampling, workers: int
) -> Iterator[tuple[ShapeFile, Outcome]]:
    """Yield the files with what came of them, in order, whatever the number of workers."""
    context = get_context("spawn")  # forked threads of NumPy or PyTorch could hang
    pool = ProcessPoolExecutor(workers, context) if workers > 1 else nullcontext()
    with pool, tqdm(total=len(files), desc="sampling shapes", unit="shape") as progress:
        done = pool.map(sampling, files, chunksize=8) if workers > 1 else map(sampling, files)
        for file, outcome in zip(files, done, strict=True):
            progress.update()
            yield file, outcome


def sample_evenly(
    shape: Shape, count: int, rng: np.random.Generator
) -> Float[np.ndarray, "{count} 3"]:
    """Return what `spread_evenly` does, in the unit sphere.

    Raises:
        ValueError: The mesh has no area, or all points are one and the same.
    """
    # Map coordinates have more digits than float32 holds: the middle goes before any such step.
    wide = shape.vertices.astype(np.float64)
    used = wide if shape.faces is None else wide[shape.faces.reshape(-1)]
    middle = (used.min(axis=0) + used.max(axis=0)) / 2
    return to_unit_sphere(spread_evenly(Shape(wide - middle, shape.faces), count, rng))[0]


def spread_evenly(
    shape: Shape, count: int, rng: np.random.Generator
) -> Float[np.ndarray, "{count} 3"]:
    """Return evenly spread points of a mesh or a set of points, in their own unit.

    Args:
        shape: A mesh or points.
        count: How many points to return. Of fewer points, some are drawn more than once.
        rng: Source of randomness.

    Raises:
        ValueError: The mesh has no area.
    """
    dense, faces, _ = shape
    if faces is not None:
        dense, _, _ = sample_surface(dense, faces, OVERSAMPLING * count, rng)
    elif len(dense) > OVERSAMPLING * count:
        dense = dense[rng.choice(len(dense), OVERSAMPLING * count, replace=False)]
    if len(dense) < count:
        return dense[rng.integers(len(dense), size=count)]
    return dense[farthest_points(dense, count)]


def _write(
    out: Path,
    name: str,
    shapes: Sequence[tuple[ShapeFile, np.ndarray]],
    skipped: Skipped,
    notes: list[tuple[str, str]],
) -> None:
    files, points = zip(*shapes, strict=True)
    clouds = CloudSet(
        name=name,
        points=np.stack(points),
        ids=tuple(file.id for file in files),
        classes=tuple(file.kind for file in files),
    )
    write_set(
        out,
        clouds,
        splits=np.array([file.split for file in files]),
        skipped=np.array(list(skipped.reasons.items()), dtype=str).reshape(-1, 2),
        notes=np.array(notes, dtype=str).reshape(-1, 2),
    )


def _open(path: Path, folder: Path, skipped: Skipped) -> PARTED | None:
    """Read what was sampled and say what is wrong with the folder; None if it is damaged."""
    try:
        clouds, splits = read_split_clouds(path)
        arrays = read_arrays(path)
    except ValueError as error:
        logger.warning("%s Making it again.", error)
        return None
    clouds = replace(clouds, name=folder.resolve().name)  # not that of the cache
    for name, reason in arrays["skipped"].tolist():
        skipped.add(name, reason)
    skipped.tell(len(clouds))
    doubts = grouped(map(tuple, arrays["notes"].tolist()))
    if doubts:
        logger.warning("%s: %s.", folder, doubts)
    warn_of_lying(clouds, str(folder))
    return clouds, splits
