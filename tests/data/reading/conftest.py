"""What tests of single files share: writing, reading and measuring one."""

import numpy as np
import pytest

from pcvae.data import read_shape


@pytest.fixture
def read(tmp_path):
    """Write a file and read it."""

    def write_and_read(name, content, **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_shape(path, **options)

    return write_and_read


@pytest.fixture
def area():
    """Measure a mesh."""

    def measure(shape):
        first, second, third = shape.vertices[shape.faces.T]
        return np.linalg.norm(np.cross(second - first, third - first), axis=1).sum() / 2

    return measure
