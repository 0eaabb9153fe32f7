"""Panels where readers really meet them: opened again, reloaded, shown twice, in narrow windows."""

from __future__ import annotations

import re

import numpy as np
import pytest
from browser.harness import Lab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BENCH = """
import numpy as np
from pcvae.widgets import Bench, Figure, SingleView, slider

points = np.random.default_rng(0).normal(size=(500, 3)).astype("f4") / 3
ball = SingleView(title="a ball", renderer="{renderer}")

def draw(size):
    ball.show(points * np.float32(size))
    return f"size <b>{{size:.2f}}</b>"

bench = Bench(ball, {{"size": slider("size", 0.1, 1)}}, draw, "A ball")
bench
"""
FIGURE = """
x = np.linspace(0, 1, 50)
Figure(data=[{"type": "scatter", "x": x, "y": x**2}], layout={"title": {"text": "A curve"}})
"""
TWICE = "bench"
BUSY = "print('it trains')\nwhile True: pass"
INTERRUPT = """() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel
    .interrupt().then(() => true)"""
SIDEBAR = """open => {
    const { shell } = window.jupyterapp;
    if (open) shell.expandLeft(); else shell.collapseLeft();
    return shell.leftCollapsed !== open; }"""
# Texts and sizes of pictures of the outputs that are seen, one after the other.
SEEN = """() => Array.from(document.querySelectorAll('.jp-OutputArea-child')).filter(
    child => child.offsetHeight > 0).map(child => [child.innerText.trim(),
        Array.from(child.querySelectorAll('.pcvae-still img'), image => image.naturalWidth)])"""
LIVE = "() => document.querySelectorAll('.jp-OutputArea-output .jupyter-widgets').length"
SAVE = "() => window.jupyterapp.shell.currentWidget.context.save().then(() => true)"
RESTART = """() => window.jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()
    .then(() => true)"""
GAVE_UP = "() => document.querySelectorAll('.jp-OutputArea-output.jupyter-widgets').length"
CLEAR = """index => {
    const { commands, shell } = window.jupyterapp;
    shell.currentWidget.content.activeCellIndex = index;
    return commands.execute('notebook:clear-cell-output').then(() => true); }"""
PLACES = {
    "webgl": "() => Array.from(document.querySelector('canvas[role=img]').clouds.places[0])",
    "plotly": """() => ['x', 'y', 'z'].flatMap(axis => Array.from(
        document.querySelector('.js-plotly-plot')._fullData[0][axis], Number))""",
}


def opened(lab: Lab, folder, *cells: str) -> None:
    """Open a notebook of these cells, run it, and save it."""
    lab.open_notebook(write_notebook(folder / "panels.ipynb", *cells), fresh=True)
    lab.run_all()
    lab.until(lambda: lab.page.evaluate(LIVE) > 0)
    lab.wait_for(SAVE)


def seen(lab: Lab) -> list:
    return lab.settled(lambda: lab.page.evaluate(SEEN))


def pictures_alone(lab: Lab) -> None:
    """The page has found no panel, shows what stands for them, and nothing else."""
    lab.until(lambda: lab.page.evaluate(GAVE_UP) == 2)
    (ball, (cloud,)), (curve, (line,)) = seen(lab)
    assert ball == "A ball: run this cell in JupyterLab to move it."
    assert curve == "A curve: run this cell in JupyterLab to move it."
    assert min(cloud, line) > 200  # pixels wide


def moved(lab: Lab, renderer: str) -> None:
    """Drag the slider: the points follow."""
    before = lab.page.evaluate(PLACES[renderer])
    lab.drag_slider(lab.slider("size").first, 0.9)
    now = lab.changed(lambda: lab.page.evaluate(PLACES[renderer]), before)
    assert np.abs(now).max() > np.abs(before).max()


def test_a_notebook_opened_again_shows_sentences_and_pictures(lab, tmp_path):
    opened(lab, tmp_path, BENCH.format(renderer="webgl"), FIGURE)
    assert all("run this cell" not in text for text, _ in seen(lab))
    lab.open_notebook(lab.notebook, fresh=True)  # with a new kernel
    pictures_alone(lab)
    lab.run_all()
    lab.wait_for(SAVE)
    lab.wait_for(RESTART)
    gone = lab.page.get_by_text("The kernel of this panel is gone")
    lab.until(lambda: gone.locator("visible=true").count() == 2)
    lab.reload()
    pictures_alone(lab)
    lab.screenshot("panels_opened_again")
    lab.run_all()
    lab.until(lambda: lab.page.evaluate(LIVE) > 0)
    moved(lab, "webgl")
    assert all("run this cell" not in text for text, _ in seen(lab))
    assert lab.errors() == []


@pytest.mark.parametrize("renderer", ["webgl", "plotly"])
def test_a_page_loaded_again_while_the_kernel_lives_has_its_panels(lab, tmp_path, renderer):
    opened(lab, tmp_path, BENCH.format(renderer=renderer))
    # A page that stands still for two seconds while it opens gives up, and shows the picture.
    for _ in range(3):
        lab.reload()
        lab.until(lambda: lab.page.evaluate(LIVE) + lab.page.evaluate(GAVE_UP) > 0)
        if not lab.page.evaluate(GAVE_UP):
            break
    if renderer == "plotly":
        lab.plot()
    moved(lab, renderer)
    assert all("run this cell" not in text for text, _ in seen(lab))
    assert lab.errors() == []


@pytest.mark.parametrize("renderer", ["webgl", "plotly"])
def test_of_a_panel_shown_twice_each_can_be_cleared_alone(lab, tmp_path, renderer):
    for cleared in (0, 1):
        opened(lab, tmp_path, BENCH.format(renderer=renderer), TWICE)
        drawn = {"webgl": "canvas[role=img]", "plotly": ".js-plotly-plot .gl-container canvas"}
        pictures = lab.page.locator(drawn[renderer])
        lab.until(lambda pictures=pictures: pictures.count() >= 2)
        assert lab.page.locator(".widget-slider").count() == 2
        lab.wait_for(CLEAR, cleared)
        lab.until(lambda: lab.page.locator(".widget-slider").count() == 1)
        moved(lab, renderer)
        assert lab.errors() == []


def test_slider_and_picture_agree_after_a_drag_beside_a_cell_that_is_interrupted(lab, tmp_path):
    lab.open_notebook(write_notebook(tmp_path / "busy.ipynb", BENCH.format(renderer="webgl"), BUSY))
    lab.run_cells([0])
    slider = lab.slider("size")
    slider.wait_for()
    before = lab.settled(lambda: lab.page.evaluate(PLACES["webgl"]))
    lab.start_cells([1])
    lab.page.locator(".jp-OutputArea-output").get_by_text("it trains").wait_for()
    readout = lab.drag_slider(slider, 0.9)
    lab.wait_for(INTERRUPT)  # JupyterLab may have let the kernel draw beside the cell, or not yet
    lab.wait_for("() => window.kernelErrors.length > 0")
    assert lab.errors() == ["KeyboardInterrupt: "]
    line = lab.page.get_by_text(re.compile(f"^size {float(readout):.2f}$"))
    lab.until(lambda: line.count() == 1)
    now = lab.settled(lambda: lab.page.evaluate(PLACES["webgl"]))
    np.testing.assert_allclose(now, np.array(before) * float(readout) / 0.55, rtol=2e-3)


@pytest.mark.parametrize(("width", "sidebar"), [(900, True), (480, False)])
def test_in_a_narrow_window_the_picture_comes_first(lab, tmp_path, width, sidebar):
    lab.open_notebook(write_notebook(tmp_path / "narrow.ipynb", BENCH.format(renderer="webgl")))
    lab.run_all()
    lab.page.set_viewport_size({"width": width, "height": 900})
    lab.wait_for(SIDEBAR, sidebar)
    picture, slider = lab.page.locator("canvas[role=img]"), lab.slider("size")
    box = lab.settled(picture.bounding_box)
    output = lab.page.locator(".jp-OutputArea-output").first.bounding_box()
    assert box["width"] > 0.95 * output["width"] > 0.7 * (width - 300 * sidebar - 60)
    assert box["height"] > 300
    assert slider.bounding_box()["y"] >= box["y"] + box["height"]
    assert lab.cut_off() == []
    lab.screenshot(f"panels_narrow_{width}")
