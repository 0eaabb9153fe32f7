"""The clouds that a model is measured on, and how we know that it was not trained on them."""

from typing import Any

import numpy as np

from pcvae import checkpoints
from pcvae.data.clouds import CloudSet, Splits, check_finite
from pcvae.data.sources import SHIPPED, open_splits


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


def why_unseen(model: str, source: str, split: str, seed: int | None = None) -> str:
    """Say in a sentence whether the notes of a model prove that it never saw these shapes.

    Args:
        model: the checkpoint. Its notes hold its own settings, and those of the models that it
            was begun with.
        source: the clouds, as for `open_data_of`.
        split: which part of them.
        seed: what they were parted by, if not as in training.
    """
    notes = checkpoints.notes(model)
    runs: list[dict[str, Any]] = [notes.get("train", {}), *notes.get("before", [])]
    if split == "train":
        return "These are shapes to train on."
    if source.partition(":")[0] == "procedural":
        said = f"No training sees them: random numbers of their own draw shapes to {split}"
        return said + _but_files(runs)
    if source == "furniture":
        said = f"No training sees them: the furniture has shapes of its own to {split}"
        return said + _but_files(runs)
    if not runs[0] or (runs[-1].get("start_from") and source in {run.get("data") for run in runs}):
        return "Not proven unseen: the model does not remember all that it was trained on."
    kin = [run for run in runs if run.get("data") == source]
    parted = {run.get("seed", 0) for run in kin} | ({seed} if kin and seed is not None else set())
    if not kin:
        return "Not proven unseen: these are other data than those of its training."
    if len(parted) > 1:
        return f"Not proven unseen: trainings parted these data by the seeds {sorted(parted)}."
    return f"Not trained on: all its trainings parted these data by the seed {parted.pop()}."


def _but_files(runs: list[dict[str, Any]]) -> str:
    """Name what a model was trained on and nobody can look into any more, and end the sentence."""
    known = {source for run in runs if (source := run.get("data"))}
    files = sorted(source for source in known if source.partition(":")[0] not in SHIPPED)
    return f" (what is in {', '.join(files)}, the notes do not say)." if files else "."


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
