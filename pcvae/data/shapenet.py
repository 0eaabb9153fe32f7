"""ShapeNetCore.v2.PC15k: ShapeNet's models as 15,000 points each, in the layout of PointFlow.

ROOT/<synset id>/<train|val|test>/<model id>.npy, float32 (15000, 3); Y up, front to -Z.

Source: Yang et al., "PointFlow: 3D Point Cloud Generation with Continuous Normalizing Flows", 2019;
the names are those of its code, which took them from Achlioptas et al., 2018.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pcvae.data.clouds import SPLITS, CloudSet, split_of
from pcvae.data.lazy import PointFiles, read_header
from pcvae.data.listing import Skipped, is_hidden

SYNSETS = dict(
    re.findall(
        r"(\w+) (\d+)",
        """
    airplane 02691156  bag 02773838  basket 02801938  bathtub 02808440  bed 02818832
    bench 02828884  birdhouse 02843684  bookshelf 02871439  bottle 02876657  bowl 02880940
    bus 02924116  cabinet 02933112  camera 02942699  can 02747177  cap 02954340  car 02958343
    cellphone 02992529  chair 03001627  clock 03046257  dishwasher 03207941  earphone 03261776
    faucet 03325088  file 03337140  guitar 03467517  helmet 03513137  jar 03593526
    keyboard 03085013  knife 03624134  lamp 03636649  laptop 03642806  mailbox 03710193
    microphone 03759954  microwave 03761084  monitor 03211117  motorcycle 03790512  mug 03797390
    piano 03928116  pillow 03938244  pistol 03948459  pot 03991062  printer 04004475
    remote_control 04074963  rifle 04090263  rocket 04099429  skateboard 04225987  sofa 04256520
    speaker 03691459  stove 04330267  table 04379243  telephone 04401088  tin_can 02946921
    tower 04460130  train 04468005  vessel 04530566  washer 04554684
        """,
    )
)
NAMES = {synset: name for name, synset in SYNSETS.items()}

# The first 10,000 points of a cloud are for training, those behind them for evaluation.
TRAINING_POINTS = 10_000
LAYOUT = "<synset id>/<train|val|test>/<model id>.npy, each of 15,000 points in float32"


class _File(NamedTuple):
    category: str
    split: str
    path: Path

    @property
    def id(self) -> str:
        return f"{self.category}/{self.path.stem}"

    @property
    def name(self) -> str:
        return f"{self.category}/{self.split}/{self.path.name}"


def open_shapenet(
    root: Path, categories: Sequence[str] = (), strict: bool = False
) -> dict[str, CloudSet]:
    """Open a tree of clouds without reading their points.

    Args:
        root: The folder with a folder for each synset.
        categories: Names such as "chair", or synset ids; by default all that are there.
        strict: Stop at the first file that cannot be used, instead of skipping it.

    Returns:
        Sets named "train", "val" and "test"; those that have no files are left out. Training
        clouds are the first 10,000 points of their files, the others the 5,000 behind these; files
        with fewer points serve whole for both. Ids are "category/model id".

    Raises:
        FileNotFoundError: There is no such folder, or it lacks a category.
        ValueError: A category is unknown, or no file can be used.
    """
    skipped = Skipped(str(root), strict)
    files = [file for name in _categories(root, categories) for file in _files(root, name, skipped)]
    if not files:
        raise FileNotFoundError(f"{root} holds no clouds. Expected {LAYOUT}.")
    usable, total = _check(files, skipped)
    skipped.tell(len(usable))
    return {
        split: _cloud_set([file for file in usable if file.split == split], total, split)
        for split in SPLITS
        if any(file.split == split for file in usable)
    }


def _categories(root: Path, wanted: Sequence[str]) -> list[str]:
    """Return names of categories, in alphabetical order."""
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}. Expected one with {LAYOUT}.")
    names = [NAMES.get(name, name) for name in wanted]
    unknown = [name for name in names if name not in SYNSETS]
    if unknown:
        raise ValueError(
            f"ShapeNet has no category {', '.join(map(repr, unknown))}. The names are "
            f"{', '.join(SYNSETS)}."
        )
    found = [name for name, synset in SYNSETS.items() if (root / synset).is_dir()]
    missing = [f"{name} ({SYNSETS[name]})" for name in names if name not in found]
    if missing or not found:
        raise FileNotFoundError(
            f"{root} lacks {', '.join(missing) or 'folders of categories'}; it has "
            f"{', '.join(found) or 'none'}. Expected {LAYOUT}."
        )
    return sorted(set(names)) or found


def _files(root: Path, category: str, skipped: Skipped) -> Iterator[_File]:
    """Yield the .npy files of a category; other ones are noted, save for hidden ones."""
    folders = {split_of(path.name): path for path in (root / SYNSETS[category]).iterdir()}
    for split in SPLITS:
        for path in sorted(folders[split].iterdir()) if split in folders else ():
            file = _File(category, split, path)
            if path.suffix == ".npy" and not path.name.startswith("."):
                yield file
            elif not is_hidden(path.name):
                skipped.add(file.name, "it is not a .npy file")


def _check(files: Sequence[_File], skipped: Skipped) -> tuple[list[_File], int]:
    """Return the files that can be used, and how many points each of them has."""
    sizes: dict[_File, int] = {}
    seen: dict[str, str] = {}
    for file in files:
        try:
            sizes[file] = _num_points(file.path)
        except (ValueError, OSError) as error:
            skipped.add(file.name, error)
            continue
        if file.id in seen:  # in two splits: what is tested would have been trained on
            del sizes[file]
            skipped.add(file.name, f"its id is also in {seen[file.id]}")
        seen.setdefault(file.id, file.split)
    counts = list(sizes.values())
    usual = max(set(counts), key=counts.count, default=0)
    for file, size in list(sizes.items()):
        if size != usual:
            del sizes[file]
            skipped.add(file.name, f"it has {size} points where most have {usual}")
    return list(sizes), usual


def _num_points(path: Path) -> int:
    shape, dtype = read_header(path)
    if len(shape) != 2 or shape[1] != 3 or shape[0] == 0 or dtype.kind != "f":
        raise ValueError(f"expected (15000, 3) numbers in float32, got {shape} in {dtype}")
    return shape[0]


def _cloud_set(files: Sequence[_File], total: int, split: str) -> CloudSet:
    first, last = 0, total
    if total > TRAINING_POINTS:
        first, last = (0, TRAINING_POINTS) if split == "train" else (TRAINING_POINTS, total)
    return CloudSet(
        name="shapenet",
        points=PointFiles([file.path for file in files], total, first, last),
        ids=tuple(file.id for file in files),
        classes=tuple(file.category for file in files),
    )
