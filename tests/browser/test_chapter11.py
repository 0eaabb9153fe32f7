"""Chapter 11 in a real browser: the estimator, and a model of one's own in the explorer."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "11_scaling_up.ipynb"
ESTIMATE, EXPLORER = range(2)  # the notebook's plotly figures
DECODED = 2  # the explorer's third view


def estimates(lab) -> dict[str, float]:
    """What the table beside the cloud says, by name."""
    lab.plot(ESTIMATE)
    rows = lab.page.locator(".widget-html table").first.locator("tr").all()[1:]
    # Not the inner texts: those of a cell that is out of sight are empty.
    cells = [row.locator("td").all_text_contents() for row in rows]
    return {name: float(value.replace(",", "")) for name, value in cells}


def test_more_points_and_epochs_cost_more(chapter):
    start = estimates(chapter)
    points = chapter.dragged("points", 1.0, lambda: estimates(chapter))
    assert points["steps"] == start["steps"]
    assert points["GiB for the gradient"] > 3 * start["GiB for the gradient"]
    assert len(chapter.drawn_coordinates(ESTIMATE)) == 4096
    batch = chapter.dragged("batch size", 1.0, lambda: estimates(chapter))
    assert batch["steps"] < points["steps"]
    epochs = chapter.dragged("epochs", 1.0, lambda: estimates(chapter))
    assert epochs["hours"] > 10 * batch["hours"]
    faster = chapter.dragged("times a core", 1.0, lambda: estimates(chapter))
    assert faster["cost"] < epochs["cost"] / 10
    assert chapter.dragged("shapes", 1.0, lambda: estimates(chapter))["steps"] > epochs["steps"]
    assert chapter.errors() == []


def test_the_new_model_is_explored(chapter):
    before = chapter.drawn_coordinates(EXPLORER, DECODED)
    slider = chapter.slider("width of the latent cloud")
    moved = chapter.drag_cloud(slider, 1.0, EXPLORER, DECODED)
    assert 0 < np.linalg.norm(moved - before, axis=1).mean() < 1
    assert chapter.errors() == []


def test_page_looks_as_it_should(chapter):
    assert chapter.cut_off() == []
    for figure, name in ((ESTIMATE, "estimate"), (EXPLORER, "explorer")):
        assert len(chapter.plot(figure).screenshot()) > 10_000, name  # bytes: not a blank
        chapter.screenshot(f"chapter11_{name}")
