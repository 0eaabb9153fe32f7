"""Make data/furniture.npz anew: 203 models of the Sweet Home 3D libraries as point clouds.

    python data/make_furniture.py [--deb PACKAGE.deb] [--out FOLDER] [--seed 0] [--num_points 2048]

Where the models come from, and what may be done with them, is in `data/README.md`.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from jsonargparse import auto_cli
from making import sweethome
from making.relatives import assign_splits, relatives
from tqdm import tqdm

from pcvae.data.folders import spread_evenly
from pcvae.data.furniture import ATTRIBUTION_FILE, CLASSES, CLOUDS_FILE, QUANTA, data_folder
from pcvae.data.reading import Shape
from pcvae.files import atomic_path
from pcvae.geometry import to_unit_sphere
from pcvae.randomness import named_rng

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

CHANGES = "sampled to {} points, turned to Y up and back to -Z, centered and normalized to radius 1"


@dataclass(frozen=True)
class _Shape:
    """One model, sampled."""

    kind: str
    model: sweethome.Model
    points: Float[np.ndarray, "M 3"]
    scale: float  # cm per unit of the cloud


def make_furniture(
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
        points, _, radius = to_unit_sphere(spread_evenly(Shape(vertices, faces), count, rng))
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


def main() -> None:
    """Run it; wrong input ends in one line and status 2."""
    try:
        print(f"The clouds are in {auto_cli(make_furniture, as_positional=False)}")
    except (ValueError, FileNotFoundError) as error:
        print(f"make_furniture: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
