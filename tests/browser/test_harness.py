"""The browser fixture itself: what it measures must be able to move, to stand still and to fail."""

from pathlib import Path

import numpy as np
import pytest
from browser.harness import write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIGURE = """
import numpy as np, plotly.graph_objects as go, ipywidgets as widgets
from pcvae.widgets import Figure

points = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
axis = dict(range=[-9, 9], autorange=False)
figure = Figure(
    go.Scatter3d(x=points[:, 0], y=points[:, 1], z=points[:, 2], mode="markers",
                 marker=dict(size=3, symbol="square")),
    layout=dict(height=400, margin=dict(l=0, r=0, t=0, b=0), uirevision="keep",
                scene=dict(aspectmode="cube", xaxis=axis, yaxis=axis, zaxis=axis)))
figure.reveal()
slider = widgets.IntSlider(description="stretch", min=0, max=100)

def stretch(change):
    with figure.batch_update():
        figure.data[0].y = points[:, 1] * (1 + change["new"] / 25)

slider.observe(stretch, "value")
widgets.VBox([slider, figure])
"""

EARLY = """
from IPython.display import display
display(figure)
figure.data[0].z = points[:, 2] + 5
"""

CALLBACK = """
import ipywidgets as widgets
slider = widgets.IntSlider(description="divide", min=0, max=100)
slider.observe(lambda change: 1 / 0, "value")
slider
"""


def notebook_of(folder: Path, *cells: str) -> Path:
    return write_notebook(folder / "harness.ipynb", *cells)


def test_dragging_a_slider_moves_the_drawn_points_and_not_the_camera(lab, tmp_path):
    lab.open_notebook(notebook_of(tmp_path, FIGURE), fresh=True)
    # As on a slow computer, which needs more than the two seconds that anywidget would wait.
    lab.slow_down(6)
    lab.run_all()
    lab.plot()
    lab.slow_down(1)
    before, camera = lab.drawn_coordinates(), lab.camera()
    picture = lab.plot().screenshot()
    with pytest.raises(pytest.fail.Exception, match="did not move"):
        lab.wait_until_moved(before, seconds=1)

    readout = lab.drag_slider(lab.slider("stretch"), 0.8)
    moved = lab.wait_until_moved(before)

    assert 70 <= int(readout) <= 90
    assert before.shape == moved.shape == (200, 3)
    np.testing.assert_array_equal(moved[:, [0, 2]], before[:, [0, 2]])
    assert lab.camera() == camera
    assert lab.plot().screenshot() != picture
    assert lab.errors() == []


def test_what_is_said_before_plotly_has_arrived_is_drawn(lab, tmp_path):
    # A page of its own, which has not loaded plotly yet, and takes its time.
    figure = FIGURE.rpartition("widgets.VBox")[0]
    lab.open_notebook(notebook_of(tmp_path, figure, EARLY), fresh=True)
    lab.slow_down(6)
    lab.run_all()
    lab.plot()
    lab.slow_down(1)
    assert lab.settled(lambda: lab.drawn_coordinates())[:, 2].mean() > 4
    assert lab.errors() == []


def test_a_failing_cell_is_reported(lab, tmp_path):
    lab.open_notebook(notebook_of(tmp_path, "1 / 0"))
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        lab.run_all()


def test_a_failing_callback_is_reported(lab, tmp_path):
    lab.open_notebook(notebook_of(tmp_path, CALLBACK))
    lab.run_all()
    lab.drag_slider(lab.slider("divide"), 0.8)
    lab.wait_for("() => window.kernelErrors.length > 0")
    assert all("ZeroDivisionError" in error for error in lab.errors())
