"""Folders of meshes or point files: sampled once, then read from a cache.

Layouts: FOLDER/*.off, FOLDER/<class>/*.off, and with folders named train, val or test on any level,
such as ModelNet's FOLDER/<class>/<train|test>/*.off.

Every shape comes out as the shipped ones are: Y up, centered on its bounding box, its farthest
point at distance 1. That loses its size; clouds whose sizes matter are better given as one .npz
file.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from pcvae import geometry, randomness
from pcvae.data import meshes
from pcvae.data.cloud_files import read_arrays, read_split_clouds, write_set
from pcvae.data.clouds import SPLITS, CloudSet
from pcvae.data.meshes import ENDINGS, UPS, read_shape
from pcvae.data.skipping import Skipped
from pcvae.data.upright import warn_of_lying
from pcvae.files import cache_folder
from pcvae.geometry import farthest_points, sample_surface, to_unit_sphere
from pcvae.randomness import named_rng

logger = logging.getLogger(__name__)

OVERSAMPLING = 4  # points drawn for each one that farthest-point sampling keeps


class _File(NamedTuple):
    path: Path
    id: str
    kind: str
    split: str


class _Outcome(NamedTuple):
    """A sampled shape, or why there is none."""

    points: np.ndarray | None
    few: bool = False
    reason: str = ""


def open_folder(
    folder: Path, *, num_points: int = 2048, seed: int = 0, up: str = "y", strict: bool = False
) -> tuple[CloudSet, tuple[str, ...]]:
    """Open a folder of meshes or point files; sample it, unless that was done before.

    The cache's name is a hash of what the files hold, of the arguments, and of the code that
    samples. Where a set is too large to be hashed at every start, use `prepare_meshes` and open the
    file it writes.

    Args:
        folder: Where the files are.
        num_points: Points of each shape.
        seed: Decides where points are drawn.
        up: Which axis points up in the files, "y" or "z".
        strict: Stop at the first file that cannot be used.

    Returns:
        The clouds, and for each "train", "val", "test", or "" where the folders do not say.

    Raises:
        FileNotFoundError: There is no such folder, or nothing to be read in it.
        ValueError: No file can be used, or `up` or a number is not as said above.
    """
    files = _find(folder)
    digest = _fingerprint(files, num_points, seed, up)
    path = cache_folder() / f"shapes-{digest}.npz"
    if path.is_file():
        try:
            read_split_clouds(path)
        except ValueError as error:
            logger.warning("%s Making it again.", error)
            path.unlink()
    if not path.is_file():
        _sample_all(folder, files, path, num_points, seed, up, strict, workers=1)
    return _open(path, folder, strict)


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
    folders named train, val and test are splits.

    Args:
        folder: Where the files are: OBJ, OFF, PLY, STL, GLB; .npy, .npz, .xyz, .pts.
        out: The .npz file to write.
        num_points: Points of each shape.
        seed: Decides where points are drawn.
        up: Which axis points up in the files, "y" or "z" (ModelNet, most CAD). GLB is always "y".
        strict: Stop at the first file that cannot be used, instead of skipping it.
        workers: Processes to share the work.

    Returns:
        The path of the file.

    Raises:
        FileNotFoundError: There is no such folder, or nothing to be read in it.
        ValueError: No file can be used, or an argument is not as said above.
    """
    out = Path(out)
    if out.suffix != ".npz":
        raise ValueError(f"--out must be a .npz file, got {out}.")
    _sample_all(folder, _find(folder), out, num_points, seed, up, strict, workers)
    _open(out, folder, strict)  # says what was skipped and what lies on its side
    return out


def _find(folder: Path) -> list[_File]:
    """Return the files of a folder in the order of their ids."""
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    paths = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file()
    )
    if not paths:
        raise FileNotFoundError(
            f"{folder} holds no shapes. Expected files ending in {', '.join(ENDINGS)}, in folders "
            "named after their classes or not."
        )
    return [_describe(path, folder) for path in paths]


def _describe(path: Path, folder: Path) -> _File:
    relative = path.relative_to(folder)
    above = list(relative.parts[:-1])
    split = next((name for name in above if name in SPLITS), "")
    classes = [name for name in above if name not in SPLITS]
    kind = classes[0] if classes else folder.resolve().name
    return _File(path, relative.with_suffix("").as_posix(), kind, split)


def _fingerprint(files: Sequence[_File], num_points: int, seed: int, up: str) -> str:
    """Hash what decides the points: the files, the arguments, and the code."""
    digest = hashlib.sha256(json.dumps([num_points, seed, up, np.__version__]).encode())
    sources = [Path(module.__file__) for module in (geometry, meshes, randomness)]
    for path in [*sources, Path(__file__)]:
        digest.update(path.read_bytes())
    for file in files:
        with file.path.open("rb") as content:
            inner = hashlib.file_digest(content, "sha256").digest()
        name = f"{file.id}{file.path.suffix}"
        digest.update(name.encode() + b"\0" + file.kind.encode() + b"\0" + inner)
    return digest.hexdigest()[:16]


def _sample_all(
    folder: Path,
    files: Sequence[_File],
    out: Path,
    num_points: int,
    seed: int,
    up: str,
    strict: bool,
    workers: int,
) -> None:
    """Sample every file and write one, with a note of those that were skipped."""
    if num_points < 1 or seed < 0 or workers < 1 or up not in UPS:
        raise ValueError(
            f"Expected num_points and workers of 1 or more, a seed of 0 or more, and up one of "
            f"{', '.join(UPS)}; got {num_points}, {workers}, {seed} and {up!r}."
        )
    skipped = Skipped(str(folder), strict)
    kept: dict[str, _File] = {}
    points, few = [], 0
    for file, outcome in _outcomes(files, partial(_sample, num_points, seed, up), workers):
        name = file.path.relative_to(folder).as_posix()
        if outcome.points is None:
            skipped.add(name, outcome.reason)
        elif file.id in kept:
            skipped.add(name, f"{kept[file.id].path.name} beside it has the same name")
        else:
            kept[file.id] = file
            points.append(outcome.points)
            few += outcome.few
    if not kept:
        skipped.tell(0)
    if few:
        logger.warning("%s: %s", folder, _too_few(few, num_points))
    _write(out, folder.resolve().name, list(kept.values()), points, skipped)


def _too_few(count: int, num_points: int) -> str:
    return f"{count} shapes have fewer than {num_points} points: drawn with replacement."


def _outcomes(
    files: Sequence[_File], sample: partial, workers: int
) -> Iterator[tuple[_File, _Outcome]]:
    """Yield the files with what came of them, in order, whatever the number of workers."""
    context = get_context("spawn")  # forked threads of NumPy or PyTorch could hang
    pool = ProcessPoolExecutor(workers, context) if workers > 1 else nullcontext()
    with pool, tqdm(total=len(files), desc="sampling shapes", unit="shape") as progress:
        done = pool.map(sample, files, chunksize=8) if workers > 1 else map(sample, files)
        for file, outcome in zip(files, done, strict=True):
            progress.update()
            yield file, outcome


def _sample(num_points: int, seed: int, up: str, file: _File) -> _Outcome:
    """Sample one file."""
    rng = named_rng(seed, file.id)
    try:
        vertices, faces = read_shape(file.path, up)
        points = sample_evenly(vertices, faces, num_points, rng)
    except (ValueError, OSError) as error:
        return _Outcome(None, reason=str(error))
    return _Outcome(points, few=faces is None and len(vertices) < num_points)


def sample_evenly(
    vertices: Float[np.ndarray, "V 3"],
    faces: np.ndarray | None,
    count: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "{count} 3"]:
    """Return what `spread_evenly` does, in the unit sphere.

    Raises:
        ValueError: The mesh has no area, or all points are one and the same.
    """
    return to_unit_sphere(spread_evenly(vertices, faces, count, rng))[0]


def spread_evenly(
    vertices: Float[np.ndarray, "V 3"],
    faces: np.ndarray | None,
    count: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "{count} 3"]:
    """Return evenly spread points of a mesh or a set of points, in their own unit.

    Args:
        vertices: Corners, or points.
        faces: Triangles (F, 3), or None for points.
        count: How many points to return. Of fewer points, some are drawn more than once.
        rng: Source of randomness.

    Raises:
        ValueError: The mesh has no area.
    """
    if faces is not None:
        dense, _, _ = sample_surface(vertices, faces, OVERSAMPLING * count, rng)
    elif len(vertices) > OVERSAMPLING * count:
        dense = vertices[rng.choice(len(vertices), OVERSAMPLING * count, replace=False)]
    else:
        dense = vertices
    if len(dense) < count:
        return dense[rng.integers(len(dense), size=count)]
    return dense[farthest_points(dense, count)]


def _write(
    out: Path, name: str, files: Sequence[_File], points: list[np.ndarray], skipped: Skipped
) -> None:
    clouds = CloudSet(
        name=name,
        points=np.stack(points),
        ids=tuple(file.id for file in files),
        classes=tuple(file.kind for file in files),
    )
    notes = np.array(list(skipped.reasons.items()), dtype=str).reshape(-1, 2)
    splits = np.array([file.split for file in files])
    write_set(out, clouds, splits=splits, skipped=notes)


def _open(path: Path, folder: Path, strict: bool) -> tuple[CloudSet, tuple[str, ...]]:
    """Read what was sampled, and say again what was wrong with the folder."""
    clouds, splits = read_split_clouds(path)
    skipped = Skipped(str(folder), strict)
    skipped.extend(map(tuple, read_arrays(path)["skipped"].tolist()))
    skipped.tell(len(clouds))
    warn_of_lying(clouds, str(folder))
    return clouds, splits
