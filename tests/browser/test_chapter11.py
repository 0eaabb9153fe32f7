"""Chapter 11 in a real browser: the estimator, and a model of one's own in the explorer."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "11_scaling_up.ipynb"
ESTIMATE, EXPLORER = range(2)  # the notebook's plotly figures
DECODED = 2  # the explorer's third view


@pytest.fixture(scope="module")
def opened(page_of_file):
    """Chapter 11 with what its widgets need."""
    page_of_file.open_notebook(NOTEBOOK)
    page_of_file.run_widgets(seconds=600)


@pytest.fixture
def chapter(opened, lab):
    """The same for each test."""
    return lab


def estimates(lab) -> dict[str, float]:
    """What the table beside the cloud says, by name."""
    lab.plot(ESTIMATE)
    rows = lab.page.locator(".widget-html table tr").all()[1:4]
    cells = [row.locator("td").all_inner_texts() for row in rows]
    return {name: float(value.replace(",", "")) for name, value in cells}


def dragged(lab, label: str, fraction: float) -> dict[str, float]:
    before = estimates(lab)
    lab.drag_slider(lab.slider(label), fraction)
    return lab.changed(lambda: estimates(lab), before)


def test_more_points_and_epochs_cost_more(chapter):
    start = estimates(chapter)
    points = dragged(chapter, "points", 1.0)
    assert points["steps"] == start["steps"]
    assert points["GiB for the gradient"] > 3 * start["GiB for the gradient"]
    assert len(chapter.drawn_coordinates(ESTIMATE)) == 4096
    batch = dragged(chapter, "batch size", 1.0)
    assert batch["steps"] < points["steps"]
    epochs = dragged(chapter, "epochs", 1.0)
    assert epochs["hours on one core"] > 10 * batch["hours on one core"]
    assert dragged(chapter, "shapes", 1.0)["steps"] > epochs["steps"]
    assert chapter.errors() == []


def test_the_new_model_is_explored(chapter):
    before = chapter.drawn_coordinates(EXPLORER, DECODED)
    chapter.drag_slider(chapter.slider("width of the latent cloud"), 1.0)
    moved = chapter.wait_until_moved(before, EXPLORER, DECODED)
    assert 0 < np.linalg.norm(moved - before, axis=1).mean() < 1
    assert chapter.errors() == []


def test_page_looks_as_it_should(chapter):
    assert chapter.cut_off() == []
    for figure, name in ((ESTIMATE, "estimate"), (EXPLORER, "explorer")):
        assert len(chapter.plot(figure).screenshot()) > 10_000, name  # bytes: not a blank
        chapter.screenshot(f"chapter11_{name}")
