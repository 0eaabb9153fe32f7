"""Real furniture: 203 models of the Sweet Home 3D libraries as point clouds.

`load_furniture` reads the clouds that come with the project. Where they come from, what may be done
with them, and how `data/make_furniture.py` makes them anew is in `data/README.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pcvae.data.clouds import SPLITS, CloudSet
from pcvae.data.reading.arrays import read_arrays
from pcvae.files import shipped_folder

CLASSES = ("chair", "table", "sofa", "lamp", "vessel", "car")
CLOUDS_FILE = "furniture.npz"
ATTRIBUTION_FILE = "ATTRIBUTION.csv"
QUANTA = 32767  # coordinates within -1..1 are kept as int16: steps of 3e-5


def data_folder() -> Path:
    """Return the folder with the data that come with the project.

    Raises:
        FileNotFoundError: The package was installed without them.
    """
    folder = shipped_folder()
    if not (folder / ATTRIBUTION_FILE).is_file():
        raise FileNotFoundError(
            f"There is no {ATTRIBUTION_FILE} in {folder}. In a clone of the course bring it back "
            "with `git checkout data`; where pcvae was installed from a wheel, install that anew."
        )
    return folder


def load_furniture(
    split: str | None = None, classes: Sequence[str] | None = None, path: Path | None = None
) -> CloudSet:
    """Load the real furniture, or a part of it.

    Args:
        split: "train", "val" or "test"; all three by default. Near-duplicates and series are
            never parted, see `data/README.md`.
        classes: Any of "chair", "table", "sofa", "lamp", "vessel", "car"; all by default.
        path: A file that `data/make_furniture.py` wrote; by default the one that comes with the
            project.

    Returns:
        Clouds of 2,048 points in the unit sphere, Y up and back to -Z, class by class.

    Raises:
        ValueError: There is no such split or class, or the file is damaged.
        FileNotFoundError: The file is missing.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)} or None, got {split!r}.")
    wanted = (
        CLASSES if classes is None else tuple([classes] if isinstance(classes, str) else classes)
    )
    unknown = [name for name in wanted if name not in CLASSES]
    if unknown or not wanted:
        raise ValueError(f"classes must be some of {', '.join(CLASSES)}, got {unknown or wanted}.")
    content = read_furniture(path or data_folder() / CLOUDS_FILE)
    clouds = CloudSet(
        name="furniture",
        points=content["points"].astype(np.float32) / np.float32(QUANTA),
        ids=tuple(content["ids"].tolist()),
        classes=tuple(content["classes"].tolist()),
    )
    chosen = np.isin(content["classes"], wanted)
    return clouds.subset(chosen if split is None else chosen & (content["splits"] == split))


def read_furniture(path: Path) -> dict[str, np.ndarray]:
    """Read everything that `data/make_furniture.py` keeps of S shapes.

    Args:
        path: The .npz file.

    Returns:
        `points` (S, M, 3) int16, to be divided by 32767; `ids`, `classes`, `names`, `splits` and
        `groups` (S,) text, where a group is named after one of the shapes that must stay together;
        `sizes` (S, 3) float32, the catalogue's width, depth and height in cm; `scale` (S,)
        float32, how many cm the cloud's unit is.

    Raises:
        FileNotFoundError: The file is missing.
        ValueError: It is damaged, pickled, or something else.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {path}. Bring it back with `git checkout data`, or make it with "
            "`python data/make_furniture.py`."
        )
    try:
        content = read_arrays(path)
        damage = _damage(content)
    except (ValueError, TypeError, AttributeError) as error:  # the latter two: it is one array
        damage = str(error)
    if damage:
        raise ValueError(
            f"{path} is not a file that `python data/make_furniture.py` wrote, or it is damaged "
            f"({damage}). Expected arrays {', '.join(_EXPECTED)}, none of them pickled. Bring it "
            "back with `git checkout data`, or make it anew."
        )
    return content


# Kind of each array's numbers; all but `points` and `sizes` hold one value a shape.
_TEXTS = ("ids", "classes", "names", "splits", "groups")
_EXPECTED = {"points": "i", **dict.fromkeys(_TEXTS, "U"), "sizes": "f", "scale": "f"}


def _damage(content: dict[str, np.ndarray]) -> str:
    """Say what is wrong with the arrays of a file; nothing if all is well."""
    shapes = content["points"].shape if "points" in content else ()
    for name, kind in _EXPECTED.items():
        array = content.get(name)
        if array is None or array.dtype.kind != kind or array.shape[:1] != shapes[:1]:
            got = "not there" if array is None else f"{array.dtype} of shape {array.shape}"
            return f"{name} is {got}"
    if len(shapes) != 3 or 0 in shapes or not set(content["splits"].tolist()) <= set(SPLITS):
        return "it holds no shapes, or splits that are none"
    return ""
