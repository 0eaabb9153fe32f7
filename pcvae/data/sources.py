"""Where clouds come from: `--data` by name or by path."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pcvae.data.cloud_files import read_split_clouds
from pcvae.data.clouds import CloudSet, Splits, complete, split_randomly
from pcvae.data.folders import open_folder
from pcvae.data.furniture import CLASSES, load_furniture
from pcvae.data.procedural import cached
from pcvae.data.shapenet import NAMES, open_shapenet
from pcvae.shapes import families

logger = logging.getLogger(__name__)

# Shapes that are sampled here get at least this many points, so that fewer can be drawn anew in
# every epoch, and one cache serves all runs.
LEAST_POINTS = 2048
PROCEDURAL_SEED = 0


def open_splits(
    source: str,
    seed: int = 0,
    *,
    categories: Sequence[str] = (),
    num_points: int = 2048,
    num_shapes: int = 3000,
    up: str = "y",
    strict: bool = False,
) -> Splits:
    """Open the clouds that `--data` names.

    Args:
        source: One of

            - "furniture": the real shapes that come with the project;
            - "procedural", or "procedural:chair,table" for some of the families;
            - "shapenet:FOLDER": ShapeNetCore.v2.PC15k in the layout of PointFlow;
            - a folder of meshes or point files, see `pcvae.data.folders`;
            - a .npy or .npz file with clouds of shape (S, M, 3).
        seed: decides which shapes are kept for validation and testing, where the source leaves
            that open.
        categories: names of classes to keep; all by default.
        num_points: how many points of each cloud will be used.
        num_shapes: how many procedural shapes to draw.
        up: which axis points up in the files of a folder, "y" or "z".
        strict: stop at a file that cannot be used, instead of skipping it.

    Raises:
        FileNotFoundError: if it is neither a known name nor there.
        ValueError: if the data are damaged, hold no clouds, or lack a category.
    """
    kind, _, rest = source.partition(":")
    sampled = max(num_points, LEAST_POINTS)
    if source == "furniture":
        return _furniture(categories)
    if kind == "procedural":
        return split_randomly(_procedural(rest, categories, sampled, num_shapes), seed)
    if kind == "shapenet":
        return complete(open_shapenet(Path(rest).expanduser(), categories, strict), seed)
    clouds, splits = _named_by_path(source, sampled, up, strict)
    return _split(*_keep(clouds, splits, categories), seed)


def _furniture(categories: Sequence[str]) -> Splits:
    chosen = list(categories) or CLASSES
    return Splits(*(load_furniture(split, chosen) for split in ("train", "val", "test")))


def _procedural(
    names: str, categories: Sequence[str], num_points: int, num_shapes: int
) -> CloudSet:
    """Return procedural shapes; all runs share them, so that they are drawn once and cached."""
    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(categories)
    return cached(
        chosen or list(families()),
        num_shapes,
        num_points,
        PROCEDURAL_SEED,
    )


def _named_by_path(
    source: str, num_points: int, up: str, strict: bool
) -> tuple[CloudSet, tuple[str, ...]]:
    """Open a folder or a file; a folder wins over the name of a data set."""
    path = Path(source).expanduser()
    if path.is_dir():
        _warn_of_shapenet(path)
        return open_folder(path, num_points=num_points, up=up, strict=strict)
    if path.is_file():
        return read_split_clouds(path)
    raise FileNotFoundError(
        f"--data {source!r} is neither a name nor a path. Expected 'furniture', 'procedural', "
        "'procedural:chair,table', 'shapenet:FOLDER', a folder of meshes or point files, or a "
        ".npy or .npz file with clouds of shape (shapes, points, 3)."
    )


def _warn_of_shapenet(folder: Path) -> None:
    """Say how ShapeNet is opened as such: as any folder, its clouds are thinned and rescaled."""
    if any((folder / synset).is_dir() for synset in NAMES):
        logger.warning(
            "%s has folders named like ShapeNet's categories. It is read as a folder of any "
            "shapes, each scaled to the unit sphere; for PointFlow's release of ShapeNet write "
            "--data shapenet:%s.",
            folder,
            folder,
        )


def _keep(
    clouds: CloudSet, splits: Sequence[str], categories: Sequence[str]
) -> tuple[CloudSet, Sequence[str]]:
    """Return the clouds of some classes only."""
    found = sorted(set(clouds.classes))
    missing = [name for name in categories if name not in found]
    if missing:
        raise ValueError(
            f"{clouds.name} has no {', '.join(map(repr, missing))}; its categories are "
            f"{', '.join(found)}."
        )
    if not categories:
        return clouds, splits
    kept = [row for row, name in enumerate(clouds.classes) if name in categories]
    return clouds.subset(kept), [splits[row] for row in kept] if splits else ()


def _split(clouds: CloudSet, splits: Sequence[str], seed: int) -> Splits:
    """Split as the source says, and at random where it says nothing."""
    named = np.array(splits if splits else [""] * len(clouds), dtype="U5")
    named[named == ""] = "train" if (named != "").any() else ""
    parts = {
        name: clouds.subset(named == name)
        for name in ("train", "val", "test")
        if (named == name).any()
    }
    return complete(parts, seed) if parts else split_randomly(clouds, seed)
