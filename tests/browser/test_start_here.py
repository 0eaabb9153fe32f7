"""Chapter 00 in a real browser: every slider is dragged, and the points that are drawn follow."""

import re

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "00_start_here.ipynb"
LEGS, PANEL = range(2)  # the notebook's plotly figures
INPUT, LATENT, DECODED = range(3)
STYLE = ("direction 1", "direction 2", "direction 3", "direction 4")
LOCAL = (
    "noise in h (temperature)",
    "forget the input",
    "width of the latent cloud",
    "lift the lower part",
)
EYES = """plot => ['scene', 'scene2', 'scene3'].map(name => {
    const eye = plot._fullLayout[name]._scene.getCamera().eye;
    return [eye.x, eye.y, eye.z];
})"""
# What the panel and each of its rows need in width, beside what they have.


@pytest.fixture
def start(opened, lab):
    """The panel as it is at first, in view."""
    lab.run_cells(["panel"])
    lab.plot(PANEL)
    return lab


def clouds(lab) -> list[np.ndarray]:
    return [lab.drawn_coordinates(PANEL, trace) for trace in (INPUT, LATENT, DECODED)]


def eyes(lab) -> np.ndarray:
    """Where the cameras of the three views stand, (3, 3)."""
    return np.round(lab.plot(PANEL).evaluate(EYES), 6)


def slider(lab, label: str):
    return lab.page.locator(".widget-slider").filter(has_text=re.compile(re.escape(label)))


def reset(lab) -> None:
    edited = lab.drawn_coordinates(PANEL, DECODED)
    lab.page.get_by_role("button", name="Reset sliders").last.click()
    lab.wait_until_moved(edited, PANEL, DECODED)


def drag(lab, label: str, fraction: float) -> list[bool]:
    """Drag a slider, wait for the decoded points, and say which of the three clouds moved."""
    before = clouds(lab)
    lab.drag_slider(slider(lab, label), fraction)
    lab.wait_until_moved(before[DECODED], PANEL, DECODED)
    return [not np.array_equal(a, b) for a, b in zip(before, clouds(lab), strict=True)]


def panel_of(lab):
    """The output of the cell that shows the panel: the factor sliders above have controls, too."""
    outputs = lab.page.locator(".jp-OutputArea-output").filter(
        has=lab.page.locator(".widget-slider")
    )
    return outputs.last


def test_the_legs_that_are_asked_for_are_measured_on_the_first_screen(opened, lab):
    lab.run_cells(["legs"])
    legs = lab.slider("leg height (cm)")
    row = legs.locator("xpath=..")
    heights = []
    for fraction in (0.2, 0.8):  # of the bounds, 20 to 60 cm
        before = lab.drawn_coordinates(LEGS, DECODED)
        lab.drag_slider(legs, fraction)
        lab.wait_until_moved(before, LEGS, DECODED)
        text = row.locator(".widget-html-content i").inner_text()
        heights.append(float(re.search(r"-?[\d.]+", text)[0]))
    assert heights[1] - heights[0] > 12
    assert lab.errors() == []


def test_dragging_a_slider_moves_the_drawn_points_and_nothing_else(start):
    cameras = eyes(start)
    for label in STYLE:
        assert drag(start, label, 0.9) == [False, False, True], label
    reset(start)
    for label in LOCAL:
        assert drag(start, label, 0.2 if "noise" in label else 0.9) == [False, True, True], label
    np.testing.assert_array_equal(eyes(start), cameras)
    assert start.errors() == []


def test_page_looks_as_it_should(start):
    assert start.cut_off() == []
    slider(start, STYLE[0]).scroll_into_view_if_needed()
    drag(start, STYLE[0], 0.75)
    start.screenshot("start_here")
    panel = panel_of(start)
    panel.scroll_into_view_if_needed()
    picture = panel.screenshot()
    path = start.screenshot("explorer")
    path.write_bytes(picture)
    assert len(picture) > 20_000  # bytes: three clouds, not a blank
    start.page.locator(".jp-RenderedMarkdown h1").first.scroll_into_view_if_needed()
    start.settled(lambda: start.page.evaluate("() => document.activeElement.className"))
    start.screenshot("start_here_top")


def test_a_turned_view_turns_the_others_and_outlives_edits(start):
    opened, before = clouds(start), eyes(start)
    box = start.plot(PANEL).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    start.page.mouse.move(x, y)
    start.page.mouse.down()
    start.page.mouse.move(x + 80, y, steps=8)
    start.page.mouse.up()
    start.changed(lambda: eyes(start), before)
    start.until(lambda: np.ptp(eyes(start), axis=0).max() < 1e-5)  # they all look from one place
    turned = start.settled(lambda: eyes(start))
    assert not np.allclose(turned, before)
    panel_of(start).locator(".widget-dropdown select").first.select_option(index=20)
    start.wait_until_moved(opened[INPUT], PANEL, INPUT)
    unedited = clouds(start)
    drag(start, STYLE[0], 0.9)
    reset(start)
    for now, then in zip(clouds(start), unedited, strict=True):
        np.testing.assert_array_equal(now, then)
    assert slider(start, STYLE[0]).locator(".widget-readout").inner_text() == "0.00"
    np.testing.assert_allclose(eyes(start), turned, atol=1e-5)


def test_a_page_loaded_again_while_the_kernel_lives_is_not_empty(start):
    opened = clouds(start)
    start.reload()
    start.run_cells(["legs", "panel"])
    for now, then in zip(clouds(start), opened, strict=True):
        np.testing.assert_array_equal(now, then)
