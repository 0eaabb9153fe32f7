"""Chapter 01 in a real browser: every slider and list changes the chair that is drawn."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "01_point_clouds.ipynb"
SLIDERS = (
    "leg_height (cm)",
    "leg_thickness (cm)",
    "seat_width (cm)",
    "seat_depth (cm)",
    "seat_thickness (cm)",
    "back_height (cm)",
    "back_tilt (deg)",
)


@pytest.fixture(scope="module")
def opened(page_of_file):
    """Chapter 01 with what its widget needs."""
    page_of_file.open_notebook(NOTEBOOK)
    page_of_file.run_widgets()


@pytest.fixture
def chapter(opened, lab):
    """The chair as it is at first, in view."""
    lab.run_cells(["chair-a", "chair"])
    lab.plot()
    return lab


def test_sliders_and_lists_change_the_chair_and_nothing_else(chapter):
    camera = chapter.camera()
    for label in SLIDERS:
        before = chapter.drawn_coordinates()
        chapter.drag_slider(chapter.slider(label), 0.9)
        after = chapter.wait_until_moved(before)
        assert after.shape == (2048, 3), label
        assert np.linalg.norm(after, axis=1).max() <= 1.0001, label  # normalized again
    for label, option in (("back_style", "slats"), ("armrests", "arms"), ("base", "pedestal")):
        before = chapter.drawn_coordinates()
        chapter.choose(label, option)
        chapter.wait_until_moved(before)
    # The arms' height means something once there are arms.
    before = chapter.drawn_coordinates()
    chapter.drag_slider(chapter.slider("arm_height (cm)"), 0.9)
    chapter.wait_until_moved(before)
    assert chapter.camera() == camera
    assert chapter.errors() == []


def test_longer_legs_make_the_seat_smaller(chapter):
    """What the reader is asked to predict: plotly's y is our x, the width."""
    before = chapter.drawn_coordinates()
    chapter.drag_slider(chapter.slider("leg_height (cm)"), 0.0)
    low = chapter.wait_until_moved(before)
    chapter.drag_slider(chapter.slider("leg_height (cm)"), 1.0)
    high = chapter.wait_until_moved(low)
    assert np.ptp(high[:, 1]) < 0.9 * np.ptp(low[:, 1])


def test_page_looks_as_it_should(chapter):
    assert chapter.cut_off() == []
    assert len(chapter.plot().screenshot()) > 20_000  # bytes: a chair, not a blank
    chapter.screenshot("chapter01")
