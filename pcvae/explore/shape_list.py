"""The shapes to choose from: a set of clouds, and what is added to it while the panel is open."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pcvae.data.clouds import CloudSet
from pcvae.data.folders import sample_evenly
from pcvae.data.procedural import generate
from pcvae.data.reading import ENDINGS, Shape, read_shape
from pcvae.data.reading.arrays import read_array
from pcvae.explore.steps import Given
from pcvae.shapes import families

NUM_POINTS = 2048  # of a shape that is added


@dataclass(frozen=True, eq=False)
class ListedShape:
    """One shape to choose.

    Attributes:
        name: what the list says.
        points: its cloud; None for a sample from the prior.
        labels: the part of each point, if known.
        part_names: what the labels mean.
        family: the procedural family it belongs to, if any.
        factors: the family's factors of this shape, by their short names, if known.
        seed: of a sample.
    """

    name: str
    points: Given | None
    labels: Given | None = None
    part_names: tuple[str, ...] = ()
    family: str = ""
    factors: Mapping[str, float] | None = None
    seed: int = 0

    @property
    def num_points(self) -> int:
        """How many points it has, if no other number is asked for."""
        return NUM_POINTS if self.points is None else len(self.points.value)


class ShapeList:
    """Shapes by number: those of a set first, then the added ones.

    Args:
        data: a set, one cloud (N, 3) or several (S, N, 3).

    Attributes:
        data: the set.
        code: how its points are written, if the reader's variable for `data` is `shapes`.
    """

    def __init__(self, data: CloudSet | np.ndarray) -> None:
        self.data = as_clouds(data)
        self.code = "shapes.points"
        if not isinstance(data, CloudSet):
            self.code = "shapes" if np.ndim(data) == 3 else "shapes[None]"
        self._added: list[ListedShape] = []

    def __len__(self) -> int:
        """Return the number of shapes."""
        return len(self.data) + len(self._added)

    def names(self) -> list[str]:
        """Return what the list says for every shape."""
        return [*self._own_names, *(shape.name for shape in self._added)]

    @cached_property
    def _own_names(self) -> list[str]:
        return [
            shape if shape.startswith(kind) else f"{kind}: {shape}"
            for kind, shape in zip(self.data.classes, self.data.ids, strict=True)
        ]

    def __getitem__(self, number: int) -> ListedShape:
        """Return a shape."""
        if number >= len(self.data):
            return self._added[number - len(self.data)]
        data, kind = self.data, self.data.classes[number]
        points = np.array(data.points[number], dtype=np.float32)
        labels = None if data.labels is None else np.array(data.labels[number])
        return ListedShape(
            name=self._own_names[number],
            points=Given(f"{self.code}[{number}]", points),
            labels=None if labels is None else Given(f"shapes.labels[{number}]", labels),
            part_names=data.part_names,
            family=kind if kind in families() else "",
            factors=_factors_of(data, number, kind) or None,
        )

    def add(self, shape: ListedShape) -> int:
        """Add a shape, and return its number; it takes the place of one of the same name."""
        names = [known.name for known in self._added]
        if shape.name not in names:
            self._added.append(shape)
            return len(self) - 1
        self._added[names.index(shape.name)] = shape
        return len(self.data) + names.index(shape.name)

    def add_procedural(self, family: str, seed: int, num_points: int = NUM_POINTS) -> int:
        """Add a procedural shape, and return its number."""
        made = generate([family], count=1, num_points=num_points, seed=seed)
        code = f"generate([{family!r}], count=1, num_points={num_points}, seed={seed})"
        imports = "from pcvae.data import generate"
        return self.add(
            ListedShape(
                name=f"{family} of seed {seed}",
                points=Given(f"{code}.points[0]", made.points[0], imports),
                labels=Given(f"{code}.labels[0]", made.labels[0], imports),
                part_names=made.part_names,
                family=family,
                factors=_factors_of(made, 0, family),
            )
        )

    def add_sample(self, seed: int) -> int:
        """Add a sample from the prior, and return its number."""
        return self.add(ListedShape(f"sample of seed {seed}", None, seed=seed))

    def add_file(
        self, name: str, content: bytes, up: str = "y", num_points: int = NUM_POINTS
    ) -> int:
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
        imports = "from pathlib import Path\nfrom pcvae.explore import read_cloud"
        code = f"read_cloud({name!r}, Path({name!r}).read_bytes(), {up!r}, {num_points})"
        return self.add(ListedShape(f"your {name}", Given(code, points, imports)))


def read_cloud(
    name: str, content: bytes, up: str = "y", num_points: int = NUM_POINTS
) -> Float[np.ndarray, "N 3"]:
    """Read the first shape of a file's bytes, in the unit sphere; see `ShapeList.add_file`."""
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
    return sample_evenly(shape, num_points, rng).astype(np.float32)


def _first_of_many(path: Path) -> Shape | None:
    """Return the first cloud of an array of clouds; None for a file of any other kind."""
    if path.suffix not in (".npy", ".npz"):
        return None
    points = read_array(path)
    return Shape(points[0].astype(float), None) if points.ndim == 3 else None


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
