from types import SimpleNamespace

import numpy as np
import pytest

from pcvae.shapes import Family, families


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(params=list(families()))
def family(request: pytest.FixtureRequest) -> Family:
    return families()[request.param]


def volume(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Enclosed volume; positive if the triangles are counter-clockwise seen from outside."""
    a, b, c = (vertices[:, faces[:, i]] for i in range(3))
    return np.sum(a * np.cross(b, c), axis=(1, 2)) / 6


def is_closed(faces: np.ndarray) -> bool:
    """Every edge is run through once in each direction."""
    edges = {(f[i], f[(i + 1) % 3]) for f in faces.tolist() for i in range(3)}
    return len(edges) == 3 * len(faces) and all((b, a) in edges for a, b in edges)


@pytest.fixture
def solids() -> SimpleNamespace:
    """Functions of a mesh that several test files need."""
    return SimpleNamespace(volume=volume, is_closed=is_closed)
