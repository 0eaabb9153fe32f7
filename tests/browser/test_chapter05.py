"""Chapter 05 in a real browser: z of one shape and h of another, under two models."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "05_adain_decoder.ipynb"
H_FROM, Z_FROM, DECODED = range(3)
LIVE, BOTH = range(2)  # the two widgets of the chapter


@pytest.fixture
def chapter(lab):
    """Chapter 05 with what its widgets need."""
    lab.open_notebook(NOTEBOOK)
    lab.run_widgets(first="import pcvae.models as package")
    lab.plot(LIVE)
    return lab


def clouds(lab, widget: int) -> list[np.ndarray]:
    return [lab.drawn_coordinates(widget, trace) for trace in (H_FROM, Z_FROM, DECODED)]


def slide(lab, widget: int, fraction: float) -> None:
    lab.drag_slider(lab.slider("share of the donor's z").nth(widget), fraction)


def test_decoded_shape_follows_z_where_z_lives_and_only_there(chapter):
    lab = chapter
    camera = lab.camera()
    donated = clouds(lab, LIVE)
    slide(lab, LIVE, 0.0)
    own_z = lab.wait_until_moved(donated[DECODED], LIVE, DECODED)
    now = clouds(lab, LIVE)
    np.testing.assert_array_equal(now[H_FROM], donated[H_FROM])
    np.testing.assert_array_equal(now[Z_FROM], donated[Z_FROM])
    assert np.ptp(own_z[:, 2]) > 1.3 * np.ptp(donated[DECODED][:, 2])  # a chair is higher
    lab.choose("h from", "lamp: lamp2", LIVE)
    lab.wait_until_moved(now[H_FROM], LIVE, H_FROM)
    before = lab.drawn_coordinates(LIVE, Z_FROM)
    lab.choose("z from", "car: smart-car", LIVE)
    lab.wait_until_moved(before, LIVE, Z_FROM)
    assert lab.camera() == camera
    page_looks_as_it_should(lab)
    lab.plot(LIVE)
    lab.screenshot("chapter05_swap")

    lab.plot(BOTH)
    before = lab.drawn_coordinates(BOTH, DECODED)
    lab.choose("model", "original recipe", BOTH)
    dead = lab.wait_until_moved(before, BOTH, DECODED)
    slide(lab, BOTH, 0.0)
    own_z = lab.wait_until_moved(dead, BOTH, DECODED)
    assert 0 < np.linalg.norm(own_z - dead, axis=1).mean() < 0.01
    lab.plot(BOTH)
    lab.screenshot("chapter05_dead")
    assert lab.errors() == []


def page_looks_as_it_should(lab) -> None:
    assert lab.cut_off() == []
    assert len(lab.plot().screenshot()) > 20_000  # bytes: three clouds, not a blank
