"""Clouds of procedural shapes: as many as wanted, with known factors and part labels.

Shapes are drawn in blocks. Each block has a random generator of its own, seeded by the seed, the
family, the block's number and the split, so that neither the number of workers nor the number of
shapes changes any shape: the first hundred of three thousand are the hundred that were asked for
alone. And no seed of a training reaches a shape that is kept for validation or testing.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pcvae import shapes
from pcvae.data.cloud_files import write_set
from pcvae.data.clouds import SPLITS, CloudSet
from pcvae.data.reading.arrays import read_arrays
from pcvae.files import cache_folder, fingerprint
from pcvae.shapes import Family

logger = logging.getLogger(__name__)

BLOCK = 32  # shapes drawn together: small enough for the cache of a CPU core


class Arrays(NamedTuple):
    """What is drawn of S shapes: of a whole set, or of one block (then S is BLOCK)."""

    points: np.ndarray  # (S, N, 3)
    labels: np.ndarray  # (S, N); in a block counted from 0, whatever the family
    factors: dict[str, np.ndarray]  # (S,) each, NaN where without effect


def generate(
    families: Sequence[str] = ("chair", "table", "lamp"),
    count: int = 3000,
    num_points: int = 2048,
    seed: int = 0,
    workers: int = 2,
    split: str = "train",
) -> CloudSet:
    """Draw random shapes, the families in turn, and sample their surfaces.

    Args:
        families: Names from `pcvae.shapes.families`; shape i is of family i modulo their number.
        count: Number of shapes in all.
        num_points: Points of each, uniform over the surface.
        seed: The same seed gives the same shapes, on any number of workers.
        workers: Threads.
        split: "train", "val" or "test": what the shapes are for. Whatever the seeds, no two splits
            have a shape in common.

    Returns:
        A set whose `factors` hold, under names like "chair/leg_height", the factors in their own
        units (NaN for other families, and where a factor has no effect), and under "scale" the
        cloud units per cm or m. Part names look like "chair/leg".

    Raises:
        ValueError: If a family is unknown or named twice, a number is not positive, or there is no
            such split.
    """
    chosen = _chosen(families)
    if split not in SPLITS:
        raise ValueError(f"split = {split!r}: expected one of {', '.join(SPLITS)}.")
    _check_numbers(count=count, num_points=num_points, workers=workers, seed=seed)
    arrays = Arrays(
        points=np.empty((count, num_points, 3), np.float32),
        labels=np.empty((count, num_points), np.uint8),
        factors=_empty_factors(chosen, count),
    )

    def fill(task: tuple[int, int]) -> None:
        position, number = task
        block = draw_block(chosen[position], number, num_points, seed, split)
        _store(block, arrays, _rows(position, number, len(chosen), count), chosen, position)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(fill, _tasks(len(chosen), count)))
    classes = tuple(chosen[row % len(chosen)].name for row in range(count))
    kept = "" if split == "train" else f"{split}-"
    ids = tuple(f"{name}-{kept}{row // len(chosen):06d}" for row, name in enumerate(classes))
    parts = tuple(f"{family.name}/{part}" for family in chosen for part in family.part_names)
    return CloudSet("procedural", ids=ids, classes=classes, part_names=parts, **arrays._asdict())


def _store(
    block: Arrays, arrays: Arrays, rows: np.ndarray, chosen: Sequence[Family], position: int
) -> None:
    """Copy a block's first shapes into the rows that belong to them."""
    first_label = sum(len(family.part_names) for family in chosen[:position])
    arrays.points[rows] = block.points[: len(rows)]
    arrays.labels[rows] = block.labels[: len(rows)] + first_label
    for name, values in block.factors.items():
        arrays.factors[name][rows] = values[: len(rows)]


def draw_block(
    family: Family, number: int, num_points: int, seed: int, split: str = "train"
) -> Arrays:
    """Draw the block of a family with this number; nothing else decides what is in it."""
    # Four numbers, the last one 0 for training only: keys of different splits never meet.
    key = (seed, zlib.crc32(family.name.encode()), number, SPLITS.index(split))
    rng = np.random.default_rng(np.random.SeedSequence(key))
    drawn = family.random_factors(rng, BLOCK)
    surface = family.build(drawn)
    samples = surface.sample(num_points, rng)
    in_use = family.in_use(drawn)
    factors = {
        f"{family.name}/{name}": np.where(in_use[name], drawn[name], np.nan) for name in drawn
    }
    return Arrays(samples.points, samples.labels, {**factors, "scale": surface.scale})


def _chosen(names: Sequence[str]) -> list[Family]:
    known = shapes.families()
    names = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in names if name not in known]
    if unknown or not names or len(set(names)) < len(names):
        raise ValueError(
            f"families = {names}: expected one or more of {', '.join(known)}, each once."
        )
    return [known[name] for name in names]


def _check_numbers(**numbers: int) -> None:
    for name, value in numbers.items():
        least = 0 if name == "seed" else 1
        if value < least:
            raise ValueError(f"{name} = {value}: expected {least} or more.")


def _tasks(num_families: int, count: int) -> list[tuple[int, int]]:
    """All pairs of a family's position and a block's number."""
    blocks = -(-count // (num_families * BLOCK))
    tasks = [(position, number) for number in range(blocks) for position in range(num_families)]
    return [task for task in tasks if len(_rows(*task, num_families, count))]


def _rows(position: int, number: int, num_families: int, count: int) -> np.ndarray:
    """Rows of the set that a block fills; the last block may have fewer than BLOCK."""
    rows = position + num_families * np.arange(number * BLOCK, (number + 1) * BLOCK)
    return rows[rows < count]


def _empty_factors(chosen: Sequence[Family], count: int) -> dict[str, np.ndarray]:
    names = [f"{family.name}/{factor.name}" for family in chosen for factor in family.factors]
    return {name: np.full(count, np.nan, np.float32) for name in [*names, "scale"]}


def cached(
    families: Sequence[str], count: int, num_points: int, seed: int = 0, split: str = "train"
) -> CloudSet:
    """Do what `generate` does, or read what it made before from a file.

    The file's name is a hash of the arguments and of the code that makes the shapes: when either
    changes, new shapes are made. A file that cannot be read is made again, with a warning.

    Args:
        families: As in `generate`, and so are the next four.
        count: Number of shapes in all.
        num_points: Points of each.
        seed: The same seed gives the same shapes.
        split: What the shapes are for.
    """
    names = [family.name for family in _chosen(families)]
    path = cache_folder() / f"procedural-{_fingerprint(names, count, num_points, seed, split)}.npz"
    if path.exists():
        try:
            return _read(path)
        except (ValueError, KeyError) as error:
            logger.warning("%s is damaged (%s); making it again.", path, error)
    clouds = generate(names, count, num_points, seed, split=split)
    _write(path, clouds)
    return clouds


def known_numbers(clouds: CloudSet) -> Float[Tensor, "S F"]:
    """Return the factors of procedural shapes as they can be seen: for z to be taught.

    Lengths are in units of the clouds, and each factor has mean 0 and standard deviation 1 over the
    shapes that have it. It is NaN for the others. Factors that never vary are left out.

    Args:
        clouds: of `generate`.
    """
    lengths = {
        f"{family.name}/{factor.name}"
        for family in shapes.families().values()
        for factor in family.factors
        if factor.is_length
    }
    table = {name: column for name, column in clouds.factors.items() if name != "scale"}
    seen = np.stack(
        [v * clouds.factors["scale"] if name in lengths else v for name, v in table.items()], axis=1
    )
    mean, spread = np.nanmean(seen, axis=0), np.nanstd(seen, axis=0)
    varied = spread > 0
    return torch.from_numpy(((seen - mean) / np.where(varied, spread, 1.0))[:, varied]).float()


def _fingerprint(*arguments: object) -> str:
    """Hash what decides the points: the arguments, this package's code, NumPy's generators."""
    sources = [*sorted(Path(shapes.__file__).parent.glob("*.py")), Path(__file__)]
    code = [(source.name, source.read_bytes()) for source in sources]
    return fingerprint(arguments, np.__version__, code)[:16]


def _write(path: Path, clouds: CloudSet) -> None:
    factors = clouds.factors or {}
    write_set(
        path,
        clouds,
        labels=clouds.labels,
        part_names=np.array(clouds.part_names),
        factor_names=np.array(list(factors)),
        factors=np.stack(list(factors.values())),
    )


def _read(path: Path) -> CloudSet:
    archive = read_arrays(path)
    return CloudSet(
        name="procedural",
        points=archive["points"],
        ids=tuple(archive["ids"].tolist()),
        classes=tuple(archive["classes"].tolist()),
        labels=archive["labels"],
        part_names=tuple(archive["part_names"].tolist()),
        factors=dict(zip(archive["factor_names"].tolist(), archive["factors"], strict=True)),
    )
