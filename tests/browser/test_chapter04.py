"""Chapter 04 in a real browser: every slider is dragged; latent points and the dot follow."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "04_point_encoder.ipynb"
INPUT, LATENT = range(2)
CURVE = 2
OFFSET, SKIP, COPIES, WEIGHT = (
    "sigma offset c",
    "skip weight s",
    "R, copies of the error",
    "KL weight w",
)
# Where the dot (sigma now) and the diamond (sigma at its cheapest) stand.
MARKS = """plot => [1, 2].map(trace => [plot._fullData[trace].x[0], plot._fullData[trace].y[0]])"""


@pytest.fixture(scope="module")
def opened(page_of_file):
    """Chapter 04 with what its widget needs."""
    page_of_file.open_notebook(NOTEBOOK)
    page_of_file.run_widgets()


@pytest.fixture
def chapter(opened, lab):
    """The lab as it is at first, in view."""
    lab.run_cells(["lab-views", "lab-controls", "lab-draw", "lab"])
    for index in (INPUT, LATENT):
        lab.plot(index)
    return lab


def marks(lab) -> np.ndarray:
    """Sigma and cost, of the dot and of the diamond: (2, 2)."""
    return np.array(lab.page.locator(".js-plotly-plot").nth(CURVE).evaluate(MARKS), float)


def readout(lab) -> str:
    return lab.page.locator(".widget-html-content").filter(has_text="means moved").inner_text()


def test_sliders_move_the_latent_points_and_the_marks(chapter):
    given = chapter.drawn_coordinates(INPUT)
    copy = chapter.drawn_coordinates(LATENT)
    assert np.abs(given - copy).max() < 0.1, "at first the latent points are a copy"
    (now, _), (best, _) = marks(chapter)
    assert now == pytest.approx(np.exp(-6), rel=0.05)
    assert best == pytest.approx(0.0196, rel=0.01)

    # Skip weight 1: the network bends the cloud. Offset 0: noise as large as the chair.
    chapter.drag_slider(chapter.slider(SKIP), 1.0)
    bent = chapter.wait_until_moved(copy, LATENT)
    assert np.abs(bent - given).mean() > 0.3
    chapter.drag_slider(chapter.slider(SKIP), 0.0)
    chapter.wait_until_moved(bent, LATENT)
    before = chapter.drawn_coordinates(LATENT)
    chapter.drag_slider(chapter.slider(OFFSET), 0.0)
    noisy = chapter.wait_until_moved(before, LATENT)
    assert 0.7 < np.abs(noisy - given).mean() < 0.9
    assert marks(chapter)[0, 0] == pytest.approx(1, rel=0.05)
    assert "sigma 1." in readout(chapter) or "sigma 0.9" in readout(chapter)

    # R and w move the diamond, not the points.
    for label, fraction in ((COPIES, 0.0), (WEIGHT, 0.0)):
        before = marks(chapter)
        chapter.drag_slider(chapter.slider(label), fraction)
        after = chapter.changed(lambda: marks(chapter), before)
        assert after[1, 0] != before[1, 0], label
        assert after[0, 0] == before[0, 0], label
    np.testing.assert_array_equal(chapter.drawn_coordinates(LATENT), noisy)
    np.testing.assert_array_equal(chapter.drawn_coordinates(INPUT), given)
    assert chapter.errors() == []


def test_without_the_point_itself_all_is_one_spot_and_the_page_fits(chapter):
    assert chapter.cut_off() == []
    chapter.screenshot("chapter04_lab")
    before = chapter.drawn_coordinates(LATENT)
    chapter.page.get_by_label("the point itself is added to the mean").uncheck()
    spot = chapter.wait_until_moved(before, LATENT)
    assert np.abs(spot).max() < 0.1
    assert chapter.errors() == []
