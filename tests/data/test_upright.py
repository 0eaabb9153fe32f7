"""Noting shapes that lie on their sides."""

import numpy as np
import pytest

from pcvae.data import CloudSet, load_furniture
from pcvae.data.upright import lying


def laid_down(clouds, rows):
    points = clouds.points.copy()
    points[rows] = points[rows][..., [0, 2, 1]]
    return CloudSet(clouds.name, points, clouds.ids, clouds.classes)


@pytest.mark.parametrize("kind", ["chair", "lamp", "car"])
def test_laid_down_furniture_is_found_and_upright_furniture_seldom(kind):
    clouds = load_furniture(classes=[kind])
    assert lying(clouds).mean() < 0.15
    rows = np.arange(0, len(clouds), 5)
    found = lying(laid_down(clouds, rows))
    assert found[rows].mean() > 0.5


def test_few_shapes_have_no_usual_proportions():
    clouds = load_furniture(classes=["chair"]).subset(range(4))
    assert not lying(laid_down(clouds, [0])).any()
