"""Where clouds come from: `--data` by name or by path."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pcvae.data.clouds import CloudSet
from pcvae.data.files import read_clouds
from pcvae.data.furniture import load_furniture


@dataclass(frozen=True)
class Splits:
    """Three sets that share no shape.

    Attributes:
        train: what the weights are fitted to.
        val: watched while training.
        test: kept for the end.
    """

    train: CloudSet
    val: CloudSet
    test: CloudSet


def open_splits(source: str, seed: int = 0) -> Splits:
    """Open the clouds that `--data` names.

    Args:
        source: "furniture" (the shipped real shapes), or the path of a .npy or .npz file with
            clouds of shape (S, M, 3).
        seed: decides which shapes of a file are kept for validation and testing.

    Raises:
        FileNotFoundError: if it is neither a known name nor a file.
        ValueError: if the file is damaged or does not hold clouds.
    """
    if source == "furniture":
        return Splits(*(load_furniture(split) for split in ("train", "val", "test")))
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(
            f"--data {source!r} is neither 'furniture' nor a file. Expected a .npy or .npz file "
            "with clouds of shape (shapes, points, 3)."
        )
    return split_randomly(read_clouds(path), seed)


def split_randomly(clouds: CloudSet, seed: int) -> Splits:
    """Keep a tenth for validation and a fifth for testing, at least one shape each.

    Args:
        clouds: at least three shapes.
        seed: decides which.

    Raises:
        ValueError: if there are fewer than three shapes.
    """
    count = len(clouds)
    if count < 3:
        raise ValueError(
            f"{clouds.name} holds {count} shape(s). Training, validation and testing need one "
            "each: give at least three."
        )
    order = np.random.default_rng(seed).permutation(count)
    val, test = max(count // 10, 1), max(count // 5, 1)
    return Splits(
        train=clouds.subset(np.sort(order[val + test :])),
        val=clouds.subset(np.sort(order[:val])),
        test=clouds.subset(np.sort(order[val : val + test])),
    )
