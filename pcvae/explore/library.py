"""The shapes to choose from: a set of clouds, and what is added to it while the panel is open."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pcvae.data.cloud_files import read_array
from pcvae.data.clouds import CloudSet
from pcvae.data.folders import sample_evenly
from pcvae.data.meshes import ENDINGS, read_shape
from pcvae.data.meshes import Shape as FileShape
from pcvae.data.procedural import generate
from pcvae.shapes import families


@dataclass(frozen=True, eq=False)
class Shape:
    """One shape to choose.

    Attributes:
        name: what the list says.
        points: its cloud; None for a sample from the prior.
        code: a Python expression for the points.
        seed: of a sample.
        labels: the part of each point, if known.
        part_names: what the labels mean.
        family: the procedural family it belongs to, if any.
        factors: the family's factors of this shape, by their short names, if known.
        imports: Python that the expressions need.
        label_code: a Python expression for the labels.
    """

    name: str
    points: Float[np.ndarray, "N 3"] | None
    code: str
    seed: int = 0
    labels: np.ndarray | None = None
    part_names: tuple[str, ...] = ()
    family: str = ""
    factors: Mapping[str, float] | None = None
    imports: str = ""
    label_code: str = ""


class Library:
    """Shapes by number: those of a set first, then the added ones.

    Args:
        data: the set.
    """

    def __init__(self, data: CloudSet) -> None:
        self.data = data
        self._added: list[Shape] = []

    def __len__(self) -> int:
        """Return the number of shapes."""
        return len(self.data) + len(self._added)

    def names(self) -> list[str]:
        """Return what the list says for every shape."""
        data = self.data
        own = [
            shape if shape.startswith(kind) else f"{kind}: {shape}"
            for kind, shape in zip(data.classes, data.ids, strict=True)
        ]
        return own + [shape.name for shape in self._added]

    def __getitem__(self, number: int) -> Shape:
        """Return a shape."""
        if number >= len(self.data):
            return self._added[number - len(self.data)]
        data, kind = self.data, self.data.classes[number]
        return Shape(
            name=self.names()[number],
            points=np.array(data.points[number], dtype=np.float32),
            code=f"shapes.points[{number}]",
            label_code=f"shapes.labels[{number}]",
            labels=None if data.labels is None else np.array(data.labels[number]),
            part_names=data.part_names,
            family=kind if kind in families() else "",
            factors=_factors_of(data, number, kind) or None,
        )

    def add(self, shape: Shape) -> int:
        """Add a shape, and return its number; one of the same name is not added twice."""
        for number, known in enumerate(self._added):
            if known.name == shape.name:
                return len(self.data) + number
        self._added.append(shape)
        return len(self) - 1

    def add_procedural(self, family: str, seed: int, num_points: int = 2048) -> int:
        """Add a procedural shape, and return its number."""
        made = generate([family], count=1, num_points=num_points, seed=seed)
        code = f"generate([{family!r}], count=1, num_points={num_points}, seed={seed})"
        return self.add(
            Shape(
                name=f"{family} of seed {seed}",
                points=made.points[0],
                code=f"{code}.points[0]",
                imports="from pcvae.data import generate",
                label_code=f"{code}.labels[0]",
                labels=made.labels[0],
                part_names=made.part_names,
                family=family,
                factors=_factors_of(made, 0, family),
            )
        )

    def add_sample(self, seed: int) -> int:
        """Add a sample from the prior, and return its number."""
        return self.add(Shape(f"sample of seed {seed}", None, "", seed=seed))

    def add_file(self, name: str, content: bytes, up: str = "y", num_points: int = 2048) -> int:
        """Add the first shape of a file, and return its number.

        Args:
            name: the file's name; its ending says what it is.
            content: its bytes.
            up: which of its axes is up: "y" or "z".
            num_points: how many points it is sampled to.

        Raises:
            ValueError: if the file is of no known kind, damaged or empty.
        """
        points = read_cloud(name, content, up, num_points)
        imports = "from pathlib import Path\nfrom pcvae.explore.library import read_cloud"
        code = f"read_cloud({name!r}, Path({name!r}).read_bytes(), {up!r}, {num_points})"
        return self.add(Shape(f"your {name}", points, code, imports=imports))


def read_cloud(
    name: str, content: bytes, up: str = "y", num_points: int = 2048
) -> Float[np.ndarray, "N 3"]:
    """Read the first shape of a file's bytes, in the unit sphere; see `Library.add_file`."""
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"{name} is of no known kind. Give one of these: {', '.join(ENDINGS)}.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"cloud{ending}"
        path.write_bytes(content)
        try:
            shape = _first_of_many(path) or read_shape(path, up)
        except ValueError as error:  # it may name a temporary file, of which nobody knows
            raise ValueError(f"{name}: {str(error).replace(str(path), 'it')}") from error
    rng = np.random.default_rng(0)
    return sample_evenly(shape.vertices, shape.faces, num_points, rng).astype(np.float32)


def _first_of_many(path: Path) -> FileShape | None:
    """Return the first cloud of an array of clouds; None for a file of any other kind."""
    if path.suffix not in (".npy", ".npz"):
        return None
    points = read_array(path)
    return FileShape(points[0].astype(float), None) if points.ndim == 3 else None


def as_clouds(data: CloudSet | np.ndarray) -> CloudSet:
    """Return a set of clouds; a bare array, of one cloud or of several, is given names.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(data, CloudSet):
        return data
    points = np.asarray(data, dtype=np.float32)
    points = points[None] if points.ndim == 2 else points
    if points.ndim != 3 or points.shape[-1] != 3:
        raise ValueError(
            "Expected a CloudSet, one cloud of shape (points, 3) or several of shape "
            f"(shapes, points, 3); got an array of shape {np.shape(data)}."
        )
    names = tuple(f"cloud {row}" for row in range(len(points)))
    return CloudSet("clouds", points, names, ("cloud",) * len(points))


def _factors_of(data: CloudSet, number: int, family: str) -> dict[str, float]:
    """Return one shape's factors by their short names."""
    start = f"{family}/"
    named = (data.factors or {}).items()
    return {
        name.removeprefix(start): float(values[number])
        for name, values in named
        if name.startswith(start)
    }
