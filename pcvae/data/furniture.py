"""Real furniture: 203 models of the Sweet Home 3D libraries as point clouds.

`load_furniture` reads the clouds that come with the project; `prepare_furniture` makes them anew
from Debian's package. Where they come from, and what may be done with them, is in `data/README.md`.
"""

from __future__ import annotations

import csv
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from pcvae.data import sweethome
from pcvae.data.clouds import CloudSet
from pcvae.data.splits import SPLITS, assign_splits, relatives
from pcvae.files import atomic_path
from pcvae.geometry import farthest_points, sample_surface, to_unit_sphere
from pcvae.randomness import named_rng

CLASSES = ("chair", "table", "sofa", "lamp", "vessel", "car")
CLOUDS_FILE = "furniture.npz"
ATTRIBUTION_FILE = "ATTRIBUTION.csv"
ATTRIBUTION_COLUMNS = (
    "class",
    "id",
    "name",
    "library",
    "creator",
    "attribution",
    "license",
    "license_url",
    "source_url",
    "changes",
    "width_cm",
    "depth_cm",
    "height_cm",
    "split",
    "group",
)
QUANTA = 32767  # coordinates within -1..1 are kept as int16: steps of 3e-5
OVERSAMPLING = 4  # points drawn for each one that farthest-point sampling keeps

CHANGES = "sampled to {} points, turned to Y up and back to -Z, centered and normalized to radius 1"


def data_folder() -> Path:
    """Return the folder with the data that come with the project.

    Raises:
        FileNotFoundError: The package was installed without them.
    """
    folder = Path(__file__).resolve().parents[2] / "data"
    if not (folder / ATTRIBUTION_FILE).is_file():
        raise FileNotFoundError(
            f"There is no {ATTRIBUTION_FILE} in {folder}. The data lie beside the package in its "
            "git repository: clone that, install with `pip install -e .` from within, and if a "
            "file was lost, bring it back with `git checkout data`."
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
        path: A file that `prepare_furniture` wrote; by default the one that comes with the project.

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
    """Read everything that `prepare_furniture` keeps of S shapes.

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
            "`pcvae prepare furniture`."
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = {name: archive[name] for name in _EXPECTED}
        damage = _damage(content)
    except _UNREADABLE as error:
        damage = str(error)
    if damage:
        raise ValueError(
            f"{path} is not a file that `pcvae prepare furniture` wrote, or it is damaged "
            f"({damage}). Expected arrays {', '.join(_EXPECTED)}, none of them pickled. Bring it "
            "back with `git checkout data`, or make it anew."
        )
    return content


# What NumPy raises at files that are cut short, pickled, or something else.
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    EOFError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
)

# Kind of each array's numbers, and its shape after the first axis (None: any length).
_EXPECTED: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "points": ("i", (None, 3)),
    "ids": ("U", ()),
    "classes": ("U", ()),
    "names": ("U", ()),
    "splits": ("U", ()),
    "groups": ("U", ()),
    "sizes": ("f", (3,)),
    "scale": ("f", ()),
}


def _damage(content: dict[str, np.ndarray]) -> str:
    """Say what is wrong with the arrays of a file; nothing if all is well."""
    count = len(content["points"]) if content["points"].ndim else 0
    for name, (kind, rest) in _EXPECTED.items():
        array = content[name]
        fits = array.ndim == 1 + len(rest) and all(
            want in (None, got) for want, got in zip((count, *rest), array.shape, strict=True)
        )
        if array.dtype.kind != kind or not fits:
            return f"{name} is {array.dtype} of shape {array.shape}"
    if count == 0 or not set(content["splits"].tolist()) <= set(SPLITS):
        return "it holds no shapes, or splits that are none"
    return ""


@dataclass(frozen=True)
class _Shape:
    """One model, sampled."""

    kind: str
    model: sweethome.Model
    points: Float[np.ndarray, "M 3"]
    scale: float  # cm per unit of the cloud


def prepare_furniture(
    deb: Path | None = None, out: Path | None = None, seed: int = 0, num_points: int = 2048
) -> Path:
    """Make point clouds of the 203 models listed in `data/ATTRIBUTION.csv`.

    Writes `furniture.npz` and `ATTRIBUTION.csv`, which take the place of older ones only when both
    are complete. The same seed gives the same files.

    Args:
        deb: Debian's package `sweethome3d-furniture`, version 1.8-1; by default it is downloaded
            with apt-get (120 MB), and thrown away at the end.
        out: Folder to write to; by default the project's own `data`.
        seed: Decides where points are drawn and which shapes come to which split.
        num_points: Points for each shape, the most even ones of four times as many.

    Returns:
        The path of `furniture.npz`.

    Raises:
        FileNotFoundError: The package cannot be had, or the list of models is missing.
        ValueError: The package is another version or damaged, `num_points` is below 1, or `seed`
            is negative.
    """
    if num_points < 1 or seed < 0:
        raise ValueError(
            f"num_points must be at least 1 and seed at least 0, got {num_points} and {seed}."
        )
    selection = read_selection(data_folder() / ATTRIBUTION_FILE)
    with tempfile.TemporaryDirectory() as folder:
        package = deb or sweethome.download_package(Path(folder))
        sweethome.check_package(package)
        shapes = _sample_all(package, selection, seed, num_points)
    return _write(shapes, seed, out or data_folder())


def read_selection(path: Path) -> dict[str, str]:
    """Read from the attribution table which models to take.

    Args:
        path: A CSV file with the columns `id` and `class`; others are not looked at.

    Returns:
        The class of each model, by id.

    Raises:
        ValueError: The columns are missing, an id repeats, or a class is unknown.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    selection = {row.get("id"): row.get("class") for row in rows}
    if len(selection) != len(rows) or not set(selection.values()) <= set(CLASSES) or not rows:
        raise ValueError(
            f"{path} should list models in columns `id`, each once, and `class`, one of "
            f"{', '.join(CLASSES)}. Bring it back with `git checkout data`."
        )
    return selection


def _sample_all(deb: Path, selection: dict[str, str], seed: int, count: int) -> list[_Shape]:
    """Sample every model of the selection; the order is that of classes, then ids."""
    shapes = []
    with tqdm(total=len(selection), desc="sampling models", unit="model") as progress:
        for model in sweethome.read_models(deb, frozenset(selection)):
            shapes.append(_sample(model, selection[model.id], seed, count))
            progress.update()
    return sorted(shapes, key=lambda shape: (CLASSES.index(shape.kind), shape.model.id))


def _sample(model: sweethome.Model, kind: str, seed: int, count: int) -> _Shape:
    """Sample one model evenly."""
    rng = named_rng(seed, model.id)
    vertices, faces = model.mesh()
    try:
        dense, _, _ = sample_surface(vertices, faces, OVERSAMPLING * count, rng)
        points, _, radius = to_unit_sphere(dense[farthest_points(dense, count)])
    except ValueError as error:
        raise ValueError(f"{model.id}: {error}") from error
    # Not every mesh is in cm, and a few are stretched by up to a tenth: take the mean of the axes.
    extent = np.ptp(vertices[np.unique(faces)], axis=0)
    centimeters = float(np.exp(np.log(model.size / np.maximum(extent, 1e-9)).mean()))
    return _Shape(kind, model, points, radius * centimeters)


def _write(shapes: list[_Shape], seed: int, out: Path) -> Path:
    """Split the shapes and write both files, or leave what was there."""
    points = np.stack([shape.points for shape in shapes])
    ids = [shape.model.id for shape in shapes]
    numbers = relatives(points, [(shape.model.id, shape.model.creator) for shape in shapes])
    splits = assign_splits(numbers, [shape.kind for shape in shapes], ids, seed)
    groups = [min(np.array(ids)[numbers == number].tolist()) for number in numbers]
    with ExitStack() as files:
        clouds = files.enter_context(atomic_path(out / CLOUDS_FILE))
        table = files.enter_context(atomic_path(out / ATTRIBUTION_FILE))
        np.savez_compressed(
            clouds,
            points=np.rint(points * QUANTA).astype(np.int16),
            ids=np.array(ids),
            classes=np.array([shape.kind for shape in shapes]),
            names=np.array([shape.model.name for shape in shapes]),
            splits=np.array(splits),
            groups=np.array(groups),
            sizes=np.array([shape.model.size[[0, 2, 1]] for shape in shapes], dtype=np.float32),
            scale=np.array([shape.scale for shape in shapes], dtype=np.float32),
        )
        _write_attribution(table, shapes, splits, groups)
    return out / CLOUDS_FILE


def _write_attribution(
    path: Path, shapes: list[_Shape], splits: list[str], groups: list[str]
) -> None:
    """Write who made each shape, under which license, where from, and what was changed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(ATTRIBUTION_COLUMNS)
        for shape, split, group in zip(shapes, splits, groups, strict=True):
            model, terms = shape.model, sweethome.LICENSES[shape.model.library]
            attribution = terms.attribution.format(creator=model.creator)
            size = [f"{model.size[axis]:g}" for axis in (0, 2, 1)]
            row = [shape.kind, model.id, model.name, model.library, model.creator, attribution]
            row += [terms.name, terms.url, model.source_url, CHANGES.format(len(shape.points))]
            table.writerow([*row, *size, split, group])
