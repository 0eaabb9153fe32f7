"""Chapter 09 in a real browser: noise, time and z are dragged, and what is drawn follows."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "09_sampling.ipynb"
NEW, PARTICLES, HELD = range(3)  # the notebook's plotly figures
PLACES = """plot => [plot._fullData[0].x, plot._fullData[0].y].map(
    values => Array.from(values, Number))"""


def drag(lab, figure: int, label: str, fraction: float) -> np.ndarray:
    """Drag a slider, and return the cloud when it has come to rest."""
    lab.plot(figure)
    return lab.drag_cloud(lab.slider(label), fraction, figure)


def stage(lab):
    """The plane with the particles, in view."""
    drawn = lab.page.locator(".js-plotly-plot").nth(PARTICLES)
    drawn.wait_for(timeout=60_000)
    drawn.scroll_into_view_if_needed()
    return drawn


def test_seed_steps_and_solver_draw_other_clouds(chapter):
    for label, fraction in (("seed", 0.8), ("steps", 0.9)):
        cloud = drag(chapter, NEW, label, fraction)
        assert np.isfinite(cloud).all()
        assert np.abs(cloud).max() < 2
    before = chapter.drawn_coordinates(NEW)
    chapter.choose("solver", "euler")
    chapter.wait_until_moved(before, NEW)
    assert chapter.errors() == []


def test_particles_go_where_the_chair_is(chapter):
    def places():
        return np.array(stage(chapter).evaluate(PLACES)).T

    start = places()
    assert abs(start.std() - 1) < 0.1
    chapter.drag_slider(chapter.slider("time"), 1.0)
    end = chapter.changed(places, start)
    under_the_seat = (np.abs(end[:, 0]) < 0.8) & (end[:, 1] < -0.6)
    assert (
        under_the_seat.mean()
        < 0.05
        < 0.1
        < ((np.abs(start[:, 0]) < 0.8) & (start[:, 1] < -0.6)).mean()
    )
    assert chapter.errors() == []


def test_z_moves_and_points_keep_their_noise(chapter):
    moved = drag(chapter, HELD, "direction 1", 0.9)
    again = drag(chapter, HELD, "direction 2", 0.1)
    assert np.linalg.norm(moved - again, axis=1).mean() > 0.02
    drag(chapter, HELD, "noise", 0.6)
    assert chapter.errors() == []


def test_page_looks_as_it_should(chapter):
    assert chapter.cut_off() == []
    for figure, name in ((NEW, "new"), (PARTICLES, "particles"), (HELD, "held")):
        plot = stage(chapter) if figure == PARTICLES else chapter.plot(figure)
        assert len(plot.screenshot()) > 8_000, name  # bytes: points, not a blank
        chapter.screenshot(f"chapter09_{name}")
