"""Chapter 02 in a real browser: beta and both latents are dragged, and the plane follows."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "02_variational_autoencoders.ipynb"
LATTICE, POSTERIORS, HERE, DECODED = range(4)
LINE = """(plot, trace) => [plot._fullData[trace].x, plot._fullData[trace].y].map(
    values => Array.from(values, Number))"""
DRAWN = "plot => plot.querySelectorAll('.scatterlayer .trace').length === 4"


@pytest.fixture
def chapter(lab):
    """Chapter 02 with what its widget needs, the plane in view."""
    lab.open_notebook(NOTEBOOK)
    lab.run_widgets()
    lab.wait_for(DRAWN, plot(lab).element_handle())
    return lab


def plot(lab):
    drawn = lab.page.locator(".js-plotly-plot").first
    drawn.wait_for(timeout=60_000)
    drawn.scroll_into_view_if_needed()
    return drawn


def lines(lab) -> list[np.ndarray]:
    """What is drawn of each of the four traces, (N, 2); gaps between strokes left out."""
    traces = [np.array(plot(lab).evaluate(LINE, which)).T for which in range(4)]
    return [line[np.isfinite(line).all(axis=1)] for line in traces]


def drag(lab, label: str, fraction: float) -> list[bool]:
    """Drag a slider and say which of the four traces changed."""
    before = lines(lab)
    lab.drag_slider(lab.slider(label), fraction)
    now = lab.changed(lambda: lines(lab), before)
    return [not np.array_equal(a, b) for a, b in zip(before, now, strict=True)]


def readout(lab) -> str:
    return lab.page.locator(".widget-html-content").filter(has_text="KL of z").inner_text()


def look(lab) -> None:
    """Nothing is cut off, and there is a picture."""
    assert lab.cut_off() == []
    assert len(plot(lab).screenshot()) > 20_000  # bytes: a plane of chairs, not a blank
    lab.screenshot("chapter02")


def kill_one_latent_after_the_other(lab) -> None:
    # The slider goes from 0.1 to 1,000: 100 is at three quarters, between the two deaths.
    assert drag(lab, "beta", 0.75)[:2] == [True, True]
    assert "KL of z2: 0.00" in readout(lab)
    assert "KL of z1: 0.00" not in readout(lab)
    chairs = lines(lab)[LATTICE].reshape(7, 7, 24, 2)  # rows of z2, columns of z1
    shapes = chairs - chairs.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(shapes[0], shapes[6], atol=1e-5)  # z2 does nothing
    assert np.abs(shapes[:, 0] - shapes[:, 6]).max() > 0.05
    assert drag(lab, "z2", 0.1) == [False, False, True, False]
    drag(lab, "beta", 1.0)
    assert "KL of z1: 0.00" in readout(lab)
    ellipse = lines(lab)[POSTERIORS]
    np.testing.assert_allclose(np.linalg.norm(ellipse, axis=1), 1, atol=1e-5)


def test_the_plane_follows_all_sliders(chapter):
    look(chapter)
    for label in ("z1", "z2"):
        assert drag(chapter, label, 0.9) == [False, False, True, True], label
    (ring,) = lines(chapter)[HERE]
    np.testing.assert_allclose(ring, [2.0, 2.0], atol=0.2)
    kill_one_latent_after_the_other(chapter)
    assert chapter.errors() == []
