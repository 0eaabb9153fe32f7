"""Splits that keep relatives together: near-duplicates, and what one hand made as a series."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pcvae.data.clouds import SPLITS

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}

# Squared nearest distances, their two means summed, on clouds in the unit sphere.
NEAR_DUPLICATE = 0.003
# Clouds whose bounding boxes differ by more along an axis are not compared: it saves nine tenths of
# the time, and no pair of the furniture this far apart comes below twice the threshold.
BOX_TOLERANCE = 0.2

# These made hundreds of models each; any other creator's models count as one series.
STUDIOS = frozenset({"Scopia", "Kator Legaz"})
# What a thing is, as opposed to which series it belongs to.
NOUNS = frozenset(
    {
        "armchair",
        "bank",
        "bench",
        "bottle",
        "bowl",
        "car",
        "chair",
        "couch",
        "cup",
        "desk",
        "glass",
        "lamp",
        "lamppost",
        "light",
        "mug",
        "sedan",
        "sofa",
        "stool",
        "table",
        "vase",
    }
)


def near_duplicates(
    points: Float[np.ndarray, "S M 3"], threshold: float = NEAR_DUPLICATE
) -> Int[np.ndarray, "P 2"]:
    """Find pairs of clouds whose Chamfer distance is below a threshold.

    Args:
        points: Clouds in the unit sphere.
        threshold: Upper bound of the mean squared nearest distance, both directions summed.

    Returns:
        Pairs of rows, the lower one first.
    """
    trees = [cKDTree(cloud) for cloud in points]
    boxes = np.ptp(points, axis=1)
    differ = np.abs(boxes[:, None] - boxes[None]).max(axis=2)
    pairs = [
        (int(a), int(b))
        for a, b in np.argwhere(np.triu(differ <= BOX_TOLERANCE, k=1))
        if _chamfer_below(threshold, trees[a], trees[b])
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def same_series(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """Tell whether two models were made as a series, as far as their names say.

    They were if they have the same creator and this one is not a studio. Of a studio's models, the
    ids must agree but for numbers (`vase1`, `vase2`) or share a word that is not the thing's own
    noun (`rattanSofa`, `rattanTable`).

    Args:
        first: Id ("library#model") and creator of one model.
        second: The same of the other.
    """
    (first_id, creator), (second_id, other) = first, second
    if creator != other:
        return False
    if creator not in STUDIOS:
        return True
    words, others = _words(first_id), _words(second_id)
    return words == others or bool((set(words) & set(others)) - NOUNS)


def relatives(
    points: Float[np.ndarray, "S M 3"], models: Sequence[tuple[str, str]]
) -> Int[np.ndarray, " S"]:
    """Number the groups of shapes that must not be parted.

    Two shapes are related if they are near-duplicates or of one series; a group is whatever hangs
    together by such relations, across classes too.

    Args:
        points: Clouds in the unit sphere.
        models: Id and creator of each.

    Returns:
        Each shape's group, from 0.
    """
    pairs = [tuple(pair) for pair in near_duplicates(points)]
    for row, model in enumerate(models):
        pairs += [(row, k) for k in range(row + 1, len(models)) if same_series(model, models[k])]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    links = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(models), len(models)))
    return connected_components(links, directed=False)[1].astype(np.int64)


def assign_splits(
    groups: Int[np.ndarray, " S"], classes: Sequence[str], ids: Sequence[str], seed: int
) -> list[str]:
    """Share shapes out to train, val and test, about 70, 10 and 20 of a hundred in each class.

    Groups come in order of size, the largest first, and each goes where its classes lack most;
    among groups of one size the order is drawn from the seed and their ids alone.

    Args:
        groups: Each shape's group; none is parted.
        classes: Each shape's class.
        ids: Each shape's id.
        seed: Decides which shapes come to which split.

    Returns:
        "train", "val" or "test" for each shape.
    """
    wanted = {name: _shares(list(classes).count(name)) for name in sorted(set(classes))}
    missing = {name: dict(shares) for name, shares in wanted.items()}
    members = {int(group): np.flatnonzero(groups == group) for group in np.unique(groups)}
    order = sorted(
        members.values(), key=lambda rows: (-len(rows), _draw(seed, min(ids[row] for row in rows)))
    )
    splits = [""] * len(ids)
    for rows in order:
        kinds = [classes[row] for row in rows]
        # max() takes the first of equals, so the training set wins ties.
        split = max(SPLITS, key=lambda name: _need(kinds, wanted, missing, name))
        for row, kind in zip(rows, kinds, strict=True):
            splits[row] = split
            missing[kind][split] -= 1
    return splits


def _need(
    kinds: Collection[str],
    wanted: dict[str, dict[str, int]],
    missing: dict[str, dict[str, int]],
    split: str,
) -> float:
    """Return how much of what a split should hold of these classes it still lacks, on average."""
    return sum(missing[kind][split] / max(wanted[kind][split], 1) for kind in kinds)


def _shares(count: int) -> dict[str, int]:
    """Return how many of a class's shapes each split should hold; the rounding goes to train."""
    val, test = round(count * SHARES["val"]), round(count * SHARES["test"])
    return {"train": count - val - test, "val": val, "test": test}


def _draw(seed: int, name: str) -> bytes:
    """Return a number drawn from a seed and a name, the same wherever Python runs."""
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def _chamfer_below(threshold: float, first: cKDTree, second: cKDTree) -> bool:
    """Compare with a threshold, and leave the second direction out where the first is enough."""
    forth = float(np.square(first.query(second.data)[0]).mean())
    if forth >= threshold:
        return False
    return forth + float(np.square(second.query(first.data)[0]).mean()) < threshold


def _words(model_id: str) -> list[str]:
    """Split an id's second half into its words; numbers and single letters are left out."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", model_id.rpartition("#")[2])
    return [word.lower() for word in re.split(r"[^A-Za-z]+", spaced) if len(word) > 1]
