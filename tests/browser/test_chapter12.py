"""Chapter 12 in a real browser: what a point hears of, and a checkpoint of LION's explored."""

import re

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "12_the_original_network.ipynb"
HEARD, EXPLORER = range(2)  # the notebook's plotly figures
DECODED = 2  # the explorer's third view


def counts(lab) -> list[int]:
    """How many points lie in the ball, and in the cell; JupyterLab empties cells out of view."""
    lab.plot(HEARD)
    line = lab.page.locator(".widget-html-content").filter(has_text="points in the ball")
    return [int(number) for number in re.findall(r"\d+", line.text_content())]


def test_a_wider_ball_hears_of_more(chapter):
    start = counts(chapter)
    wide = chapter.dragged("radius", 0.9, lambda: counts(chapter))
    assert wide[0] > 3 * start[0]
    narrow = chapter.dragged("radius", 0.02, lambda: counts(chapter))
    coarse = chapter.dragged("resolution", 0.0, lambda: counts(chapter))
    assert coarse[1] > 20 > narrow[0]
    assert chapter.dragged("point", 0.9, lambda: counts(chapter)) != coarse
    assert chapter.errors() == []


def test_an_opened_checkpoint_is_edited_like_any_model(chapter):
    before = chapter.drawn_coordinates(EXPLORER, DECODED)
    slider = chapter.slider("width of the latent cloud")
    moved = chapter.drag_cloud(slider, 1.0, EXPLORER, DECODED)
    assert 0 < np.linalg.norm(moved - before, axis=1).mean() < 1
    assert chapter.errors() == []


def test_page_looks_as_it_should(chapter):
    assert chapter.cut_off() == []
    for figure, name in ((HEARD, "heard"), (EXPLORER, "explorer")):
        assert len(chapter.plot(figure).screenshot()) > 10_000, name  # bytes: not a blank
        chapter.screenshot(f"chapter12_{name}")
