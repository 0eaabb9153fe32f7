"""Where clouds come from: `--data` by name or by path."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pcvae.data.cloud_files import read_split_clouds
from pcvae.data.clouds import SPLITS, CloudSet, Splits, complete, share_of
from pcvae.data.folders import open_folder
from pcvae.data.furniture import CLASSES, load_furniture
from pcvae.data.lazy import ChangedPoints, LazyPoints
from pcvae.data.procedural import cached
from pcvae.data.reading import UPS
from pcvae.data.shapenet import NAMES, open_shapenet
from pcvae.geometry import z_up_to_y_up
from pcvae.randomness import named_rng
from pcvae.shapes import families

logger = logging.getLogger(__name__)

# Shapes that are sampled here get at least this many points, so that fewer can be drawn anew in
# every epoch, and one cache serves all runs.
LEAST_POINTS = 2048
ORDER_SEED = 0
SHIPPED = ("furniture", "procedural")
NUM_SHAPES = 3000


def open_splits(
    source: str,
    seed: int = 0,
    *,
    categories: str | Sequence[str] = (),
    num_points: int = 2048,
    num_shapes: int = NUM_SHAPES,
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
            that open, and which procedural shapes are drawn for each.
        categories: names of classes to keep, joined by commas or one by one; all by default.
        num_points: how many points of each cloud will be used.
        num_shapes: how many procedural shapes to draw: seven tenths to train on, one to validate
            with and two to test with. No seed draws for training what another keeps for testing.
        up: which axis points up in the files of a folder, or in a .npy or .npz file: "y" or "z".
        strict: stop at a file that cannot be used, instead of skipping it.

    Raises:
        FileNotFoundError: if it is neither a known name nor there.
        ValueError: if the data are damaged, hold no clouds, or lack a category, or if a setting has
            no effect on them.
    """
    wanted = names_of(categories)
    kind, _, rest = source.partition(":")
    sampled = max(num_points, LEAST_POINTS)
    _refuse_idle(source, kind, up, num_shapes)
    if kind in SHIPPED and Path(source).is_dir():
        logger.warning(
            "--data %s is the set of that name, not the folder ./%s, which is --data ./%s.",
            *(source, source, source),
        )
    if source == "furniture":
        return Splits(*(load_furniture(split, wanted or CLASSES) for split in SPLITS))
    if kind == "procedural":
        return _procedural(rest, wanted, sampled, num_shapes, seed)
    if kind == "shapenet":
        return complete(open_shapenet(Path(rest).expanduser(), wanted, strict), seed)
    return _by_path(source, seed, wanted, sampled, up, strict)


def names_of(categories: str | Sequence[str]) -> list[str]:
    """Return names of classes one by one, whether they were joined by commas or not."""
    parts = categories.split(",") if isinstance(categories, str) else categories
    return [name.strip() for name in parts if name.strip()]


def _refuse_idle(source: str, kind: str, up: str, num_shapes: int) -> None:
    """Refuse settings that have no effect on the data at hand."""
    if up not in UPS:
        raise ValueError(f"--up must be one of {', '.join(UPS)}, not {up!r}.")
    if up != "y" and kind in (*SHIPPED, "shapenet"):
        raise ValueError(f"--up {up} has no effect on {source}, which is Y up. Leave it out.")
    if num_shapes != NUM_SHAPES and kind != "procedural":
        raise ValueError(
            f"--num_shapes {num_shapes} has no effect on {source}: it is for procedural shapes. "
            f"Leave it out, or at {NUM_SHAPES}."
        )


def _procedural(
    names: str, wanted: Sequence[str], num_points: int, num_shapes: int, seed: int
) -> Splits:
    """Draw procedural shapes for each split, or read them where they were drawn before."""
    if num_shapes < len(SPLITS):
        raise ValueError(
            f"--num_shapes {num_shapes}: expected {len(SPLITS)} or more, at least one shape to "
            "train on, one to validate with and one to test with."
        )
    named = names_of(names) or list(families())
    missing = [name for name in wanted if name not in named]
    if missing:
        raise ValueError(f"--categories {', '.join(missing)}: procedural has {', '.join(named)}.")
    counts = {split: share_of(num_shapes, split) for split in ("val", "test")}
    counts = {"train": num_shapes - sum(counts.values()), **counts}
    chosen = list(wanted) or named
    return Splits(**{k: cached(chosen, n, num_points, seed, split=k) for k, n in counts.items()})


def _by_path(
    source: str, seed: int, wanted: Sequence[str], num_points: int, up: str, strict: bool
) -> Splits:
    """Open a folder or a file."""
    path = Path(source).expanduser()
    if path.is_dir():
        _warn_of_shapenet(path)
        clouds, splits = open_folder(path, num_points=num_points, up=up, strict=strict)
    elif path.is_file():
        clouds, splits = read_split_clouds(path)
    else:
        raise FileNotFoundError(
            f"--data {source!r} is neither a name nor a path. Expected 'furniture', 'procedural', "
            "'procedural:chair,table', 'shapenet:FOLDER', a folder of meshes or point files, or a "
            ".npy or .npz file with clouds of shape (shapes, points, 3)."
        )
    parts = _split(*_keep(clouds, splits, wanted), seed)
    _warn_of_leaks(parts)
    if path.is_dir():
        return parts
    return Splits(*(_in_random_order(part, up) for part in (parts.train, parts.val, parts.test)))


def _in_random_order(clouds: CloudSet, up: str) -> CloudSet:
    """Return clouds of any file Y up, with their points in an order that means nothing.

    What takes the first k of a cloud, or its halves, takes a fair draw then.
    """

    def changed(name: str, cloud: np.ndarray) -> np.ndarray:
        mixed = cloud[named_rng(ORDER_SEED, name).permutation(len(cloud))]
        return z_up_to_y_up(mixed) if up == "z" else mixed

    if isinstance(clouds.points, LazyPoints):
        return replace(clouds, points=ChangedPoints(clouds.points, clouds.ids, changed))
    return replace(clouds, points=np.stack(list(map(changed, clouds.ids, clouds.points))))


def _warn_of_leaks(parts: Splits) -> None:
    """Say which shapes are in two splits under two names, as far as they are in memory."""
    seen: dict[bytes, tuple[str, str]] = {}
    leaks = []
    for split in SPLITS:
        clouds: CloudSet = getattr(parts, split)
        if isinstance(clouds.points, LazyPoints):
            return
        for name, cloud in zip(clouds.ids, clouds.points, strict=True):
            known, where = seen.setdefault(hashlib.sha256(cloud).digest(), (name, split))
            if where != split:
                leaks.append(f"{name} in {split} is {known} in {where}")
    if leaks:
        logger.warning(
            "%s: %d shapes are in two splits under two names, which no test will notice: %s%s.",
            *(parts.train.name, len(leaks), leaks[0], ", for one" if leaks[1:] else ""),
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
    """Split as the source says; shapes of which it says nothing are trained on, or shared out."""
    named = np.array([split or "train" for split in splits] or ["train"] * len(clouds))
    found = {name: named == name for name in SPLITS}
    parts = {name: clouds.subset(rows) for name, rows in found.items() if rows.any()}
    return complete(parts, seed)
