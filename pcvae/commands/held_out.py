"""The clouds that a model is measured on: by default those it was trained on, parted as then."""

import numpy as np

from pcvae import checkpoints
from pcvae.data.clouds import CloudSet, Splits, check_finite
from pcvae.data.sources import open_splits


def open_data_of(
    model: str, data: str | None, num_points: int, seed: int | None = None
) -> tuple[str, Splits]:
    """Open the clouds a model is evaluated on.

    Args:
        model: the checkpoint, which remembers what it was trained on.
        data: the clouds, if others than those. The same ones are parted as for training.
        num_points: points of each.
        seed: decides the parts, where the data has none; by default as in training.

    Returns:
        The name of the clouds, and their parts.

    Raises:
        ValueError: if no data are given and the checkpoint does not remember any.
    """
    trained = checkpoints.notes(model).get("train", {})
    source = data or trained.get("data")
    if not source:
        raise ValueError(f"{model} does not remember its data; name them with --data.")
    if source != trained.get("data"):
        trained = {}
    options = {name: trained[name] for name in ("num_shapes", "up", "strict") if name in trained}
    parts = open_splits(
        source,
        trained.get("seed", 0) if seed is None else seed,
        categories=trained.get("categories", ""),
        num_points=num_points,
        **options,
    )
    return source, parts


def points_of(clouds: CloudSet, count: int) -> np.ndarray:
    """Return at most so many random points of each cloud, in random order, reading one at a time.

    Those in a file may stand in an order that means something: the first ones are then no fair
    draw.

    Raises:
        ValueError: if a cloud that was still on the disk is damaged or not finite.
    """
    found = []
    for row in range(len(clouds)):
        cloud = np.asarray(clouds.points[row])
        check_finite(clouds, cloud[None], [row])
        found.append(cloud[np.random.default_rng((0, row)).permutation(len(cloud))[:count]])
    return np.stack(found)
