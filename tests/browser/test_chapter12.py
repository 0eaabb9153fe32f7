"""Chapter 12 in a real browser: what a point hears of, and a checkpoint of LION's explored."""

import re

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "12_the_original_network.ipynb"
HEARD, EXPLORER = range(2)  # the notebook's plotly figures
DECODED = 2  # the explorer's third view


@pytest.fixture(scope="module")
def opened(page_of_file):
    """Chapter 12 with what its widgets need."""
    page_of_file.open_notebook(NOTEBOOK)
    page_of_file.run_widgets(seconds=600)


@pytest.fixture
def chapter(opened, lab):
    """The same for each test."""
    return lab


def counts(lab) -> list[int]:
    """How many points lie in the ball, and how many more in the cell."""
    lab.plot(HEARD)
    line = lab.page.locator(".widget-html-content").filter(has_text="points in the ball")
    return [int(number) for number in re.findall(r"\d+", line.inner_text())]


def dragged(lab, label: str, fraction: float) -> list[int]:
    before = counts(lab)
    lab.drag_slider(lab.slider(label), fraction)
    return lab.changed(lambda: counts(lab), before)


def test_a_wider_ball_hears_of_more(chapter):
    start = counts(chapter)
    wide = dragged(chapter, "radius", 0.9)
    assert wide[0] > 3 * start[0]
    narrow = dragged(chapter, "radius", 0.02)
    coarse = dragged(chapter, "resolution", 0.0)
    assert coarse[1] > 20 > narrow[0]
    assert dragged(chapter, "point", 0.9) != coarse
    assert chapter.errors() == []


def test_an_opened_checkpoint_is_edited_like_any_model(chapter):
    before = chapter.drawn_coordinates(EXPLORER, DECODED)
    chapter.drag_slider(chapter.slider("width of the latent cloud"), 1.0)
    moved = chapter.wait_until_moved(before, EXPLORER, DECODED)
    assert 0 < np.linalg.norm(moved - before, axis=1).mean() < 1
    assert chapter.errors() == []


def test_page_looks_as_it_should(chapter):
    assert chapter.cut_off() == []
    for figure, name in ((HEARD, "heard"), (EXPLORER, "explorer")):
        assert len(chapter.plot(figure).screenshot()) > 10_000, name  # bytes: not a blank
        chapter.screenshot(f"chapter12_{name}")
