"""The pictures that stand in for the widgets can be made."""

import runpy
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "notebooks" / "images" / "make.py"


def test_picture_of_chapter_00_shows_the_shape_and_its_edits(model, boxes):
    figure = runpy.run_path(str(SCRIPT))["start_here"](model, boxes, "box 3")
    (axes,) = figure.axes
    assert len(axes.collections) == 7
    titles = [text.get_text() for text in axes.texts]
    assert titles[:3] == ["input x", "latent points h_xyz", "decoded"]
    assert len(set(titles)) == 7
    first, *others = (np.sort(drawn.get_facecolors(), axis=0) for drawn in axes.collections)
    for colors in others:  # a point has one color in all panels
        assert colors == pytest.approx(first)
