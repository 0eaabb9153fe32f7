"""A set of point clouds with whatever is known of them, and sets parted for training."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from pcvae.data.lazy import LazyPoints

SPLITS = ("train", "val", "test")
# What folders and files call them, in any case.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# No usual names: what begins so is more likely a split than a class.
SPLIT_BEGINNINGS = (
    "train", "test", "valid", "eval", "holdout", "heldout", "unseen",
    "dev_", "dev-", "val_", "val-",
    # Spanish, Portuguese, French, Italian; Russian, Chinese, Japanese, Korean; without accents.
    "entren", "prueba", "trein", "apprent", "entrain", "addestr", "collaud",
    "обуч", "тест", "провер", "训练", "訓練", "测试", "測試", "验证", "驗證",
    "学習", "テスト", "検証", "훈련", "학습", "테스트", "검증",
)  # fmt: skip
SPLIT_SHORT = ("tr", "te", "trn", "tst", "vld")
# Of a source without splits of its own, or without this one: one shape in so many.
ONE_IN = {"val": 10, "test": 5}


NAMED = 5  # of many names, how many a message tells


# Arrays are annotated without shapes: wrong ones are for the constructor to refuse, in words.
@dataclass(frozen=True, eq=False)
class CloudSet:
    """S clouds of M points each.

    Attributes:
        name: What the set is called ("furniture", "procedural", ...).
        points: (S, M, 3) float32, or a memory map of such, or clouds that are still in their
            files. Shipped data lie in the unit sphere.
        ids: S different names, one a shape.
        classes: S names of classes ("chair", ...).
        labels: (S, M) uint8, the part that each point belongs to, if known.
        part_names: What the labels mean: label k is `part_names[k]`.
        factors: Named numbers the shapes were built from, (S,) float32 each, NaN where a shape
            has no such factor; procedural shapes only.

    Raises:
        ValueError: A shape, type or length is not as said above, the set is empty, ids repeat, or
            points are not finite (what is still on the disk is not read to find that out).
    """

    name: str
    points: np.ndarray | LazyPoints
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    labels: np.ndarray | None = None
    part_names: tuple[str, ...] = ()
    factors: dict[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        self._check_shape()
        self._check_names()
        if not isinstance(self.points, np.memmap | LazyPoints):
            check_finite(self, self.points, range(len(self)))
        self._check_labels()
        for name, values in (self.factors or {}).items():
            if values.shape != (len(self),):
                self._refuse(f"factor {name!r} to hold {len(self)} numbers, got {values.shape}")

    def __len__(self) -> int:
        """Return the number of shapes."""
        return len(self.points)

    def subset(
        self, indices: Sequence[int] | Int[np.ndarray, " K"] | Bool[np.ndarray, " S"]
    ) -> CloudSet:
        """Return some of the shapes, in the order given.

        Neighboring rows of a memory map stay a memory map, any others are read into memory; what
        is still in its files stays there.

        Args:
            indices: Row numbers (negative ones count from the end), or True for each shape kept.

        Raises:
            ValueError: No shape is left, or one was asked for twice.
            IndexError: There is no such row.
        """
        index = np.asarray(indices)
        # An empty list is of floats to NumPy, which it then refuses as an index.
        rows = np.arange(len(self))[index if index.dtype == bool else index.astype(np.int64)]
        consecutive = len(rows) > 0 and (np.diff(rows) == 1).all()
        take = slice(int(rows[0]), int(rows[-1]) + 1) if consecutive else rows
        lazy = isinstance(self.points, LazyPoints)
        points = self.points.select(rows) if lazy else self.points[take]
        return CloudSet(
            name=self.name,
            points=points,
            ids=tuple(self.ids[row] for row in rows),
            classes=tuple(self.classes[row] for row in rows),
            labels=None if self.labels is None else self.labels[take],
            part_names=self.part_names,
            factors=self.factors and {name: v[take] for name, v in self.factors.items()},
        )

    def _refuse(self, expected_and_got: str) -> None:
        raise ValueError(f"Cloud set {self.name!r}: expected {expected_and_got}.")

    def _check_shape(self) -> None:
        shape, dtype = self.points.shape, self.points.dtype
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.float32:
            self._refuse(
                "points of shape (shapes, points, 3) in float32, with one shape and one point or "
                f"more; got {shape} in {dtype}"
            )

    def _check_names(self) -> None:
        for what, names in (("ids", self.ids), ("classes", self.classes)):
            if len(names) != len(self):
                self._refuse(f"{len(self)} {what}, one a shape; got {len(names)}")
        repeated = [name for name, count in Counter(self.ids).items() if count > 1]
        if repeated:
            self._refuse(f"ids that differ; {len(repeated)} repeat, e.g. {repeated[:3]}")

    def _check_labels(self) -> None:
        if self.labels is None:
            return
        expected = self.points.shape[:2]
        if self.labels.shape != expected or self.labels.dtype != np.uint8:
            self._refuse(
                f"labels of shape {expected} in uint8, got {self.labels.shape} in "
                f"{self.labels.dtype}"
            )
        if isinstance(self.labels, np.memmap):
            return
        if self.part_names and self.labels.max() >= len(self.part_names):
            self._refuse(f"labels below {len(self.part_names)}, got {self.labels.max()}")


def some(names: Collection[str]) -> str:
    """Return the first few of some names, for a message."""
    more = len(names) - NAMED
    return ", ".join(sorted(names)[:NAMED]) + (f" and {more} more" if more > 0 else "")


def split_of(name: str) -> str:
    """Return the split that a usual name stands for, in any case; nothing for any other name."""
    return SPLIT_NAMES.get(unicodedata.normalize("NFKC", name).strip().casefold(), "")


def splits_within(name: str) -> set[str]:
    """Return the splits that words in a name stand for, as in ModelNetTest and test-0001."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\W\d_]+", " ", name).split()
    return {split_of(word) for word in words} - {""}


def resembles_split(name: str) -> bool:
    """Tell whether a name is none of a split, but may be meant as one: train_set, Tests, trian."""
    if split_of(name):
        return False
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    bare = "".join(c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))
    if plain in SPLIT_SHORT or bare.startswith(SPLIT_BEGINNINGS) or splits_within(name):
        return True
    near = [k for k in SPLIT_NAMES if k[:1] == plain[:1] and abs(len(k) - len(plain)) < 3]
    return bool(near and difflib.get_close_matches(plain, near, n=1, cutoff=0.8))


def check_finite(clouds: CloudSet, points: np.ndarray, rows: Sequence[int]) -> None:
    """Refuse NaN and infinity in clouds, at once or as they are read from the disk.

    Args:
        clouds: the set they are from.
        points: (K, M, 3).
        rows: which K shapes of the set they are.

    Raises:
        ValueError: if there are any; the message names the shapes.
    """
    finite = np.isfinite(points).all(axis=(1, 2))
    if not finite.all():
        bad = [clouds.ids[row] for row, good in zip(rows, finite, strict=True) if not good]
        raise ValueError(
            f"Cloud set {clouds.name!r}: expected finite points; NaN or infinity in "
            f"{some(bad)}. Remove or mend these shapes."
        )


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


def share_of(count: int, split: str) -> int:
    """Return how many of some shapes are kept for "val" or "test": a tenth or a fifth, or one."""
    return max(count // ONE_IN[split], 1)


def complete(parts: dict[str, CloudSet], seed: int) -> Splits:
    """Fill in the splits that a source lacks with shapes of its training set, at least one each.

    Args:
        parts: "train", and perhaps "val" and "test". ModelNet has no "val", for example.
        seed: decides which shapes are taken: a tenth for validation, a fifth for testing.

    Raises:
        ValueError: if there are no training shapes, or too few to share.
    """
    train = parts.get("train")
    missing = [name for name in ("val", "test") if name not in parts]
    if train is None or len(train) <= len(missing):
        found = ", ".join(f"{name}: {len(part)}" for name, part in parts.items())
        named = next((part.name for part in parts.values()), "the data")
        raise ValueError(
            f"{named}: expected training shapes, and one or more beside them for each of "
            f"{', '.join(missing) or 'the other splits'}; got {found or 'none'}."
        )
    order = np.random.default_rng(seed).permutation(len(train))
    filled = {}
    for name in missing:
        count = share_of(len(train), name)
        taken, order = order[:count], order[count:]
        filled[name] = train.subset(np.sort(taken))
    return Splits(**(parts | filled | {"train": train.subset(np.sort(order))}))
