"""What a panel shows where it has no kernel: a sentence, and a picture of what it showed."""

import base64
import io
import re

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from pcvae.widgets import Bench, CloudView, Figure, SingleView, by_label, panel, slider
from pcvae.widgets.figure import Alone
from pcvae.widgets.stills import of_curves

TRACES = [
    {"x": [1, 10], "y": [2, 3], "name": "a", "line": {"color": "#0072b2", "dash": "dot"}},
    {"x": [5], "y": [4], "mode": "markers", "marker": {"color": "#d55e00"}, "xaxis": "x2"},
]
AXES = {"xaxis": {"type": "log", "range": [-1, 2], "title": {"text": "<i>t</i>"}}, "yaxis2": {}}
LAYOUT = {**AXES, "xaxis2": {"domain": [0.6, 1]}, "title": {"text": "Curves &amp; <b>dots</b>"}}


@pytest.fixture
def curve():
    return Figure(data=[{"type": "scatter", **trace} for trace in TRACES], layout=LAYOUT)


@pytest.fixture
def outputs(monkeypatch):
    """What is displayed, one output after the other."""
    shown = []
    monkeypatch.setattr(panel, "publish_display_data", shown.append)
    monkeypatch.setattr(panel, "display", shown.append)
    return shown


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(png)))) for png in found]


@pytest.mark.parametrize("renderer", ["plotly", "webgl"])
def test_the_live_panel_goes_first_and_its_pictures_follow(outputs, curve, renderer, rng):
    view = SingleView(renderer=renderer)
    view.show(rng.normal(size=(200, 3)).astype(np.float32) / 4)
    curve.reveal()
    bench = Bench([view, curve], {"size": slider("size", 0, 1)}, lambda size: "said", "A <thing>")
    bench._ipython_display_()
    live, still = outputs
    assert live == {panel.WIDGET: bench._repr_mimebundle_()[panel.WIDGET]}
    page = still._repr_html_()
    assert len(pictures(page)) == 2
    assert "A &lt;thing&gt;: run this cell in JupyterLab to move it." in page
    assert page.count('alt="A &lt;thing&gt;"') == 2
    assert repr(still) == repr(bench)


def test_a_figure_shown_alone_is_a_panel_dark_where_the_page_is(outputs, curve):
    curve._ipython_display_()
    live, still = outputs
    assert set(live) == {panel.WIDGET}
    alone = Alone(curve)
    assert alone.children[0] is curve
    alone.children[1].dark = True  # as the page says it
    assert curve.dark
    assert len(pictures(still._repr_html_())) == 1
    assert repr(still) == "Curves & dots: run this cell in JupyterLab to move it."


def test_where_nothing_can_be_drawn_the_sentence_stands_alone(outputs):
    Figure(data=[{"type": "bar", "y": [1, 2]}])._ipython_display_()
    assert pictures(outputs[1]._repr_html_()) == []
    assert repr(outputs[1]).startswith("A chart: run")


def test_clouds_are_drawn_each_in_its_own_view_in_its_colors(rng):
    view = CloudView((1, 3, 1), titles=("one", "two", "three"))
    points = rng.normal(size=(90, 3)).astype(np.float32) / 4
    labels = np.arange(90) % 7  # the palette's seventh is black
    view.show(points, 3 * points, points, by_label(labels))
    (axes,) = view.still().axes
    places = [np.sort(dots.get_offsets(), axis=0) for dots in axes.collections]
    np.testing.assert_allclose(places[1] - places[0], np.tile((2, 0), (90, 1)), atol=1e-5)
    assert [text.get_text() for text in axes.texts] == ["one", "two", "three"]
    drawn = {to_hex(color) for color in axes.collections[0].get_facecolors()}
    assert len(drawn) == 7
    assert "#000000" not in drawn
    assert "#0072b2" in drawn


def test_curves_are_drawn_on_the_axes_they_have(curve):
    figure = of_curves(curve.data, curve.layout)
    left, right = figure.axes
    (line,) = left.lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 2], [10, 3]])
    assert (line.get_color(), line.get_linestyle()) == ("#0072b2", ":")
    assert left.get_xscale() == "log"
    assert left.get_xlim() == pytest.approx((0.1, 100))
    assert left.get_xlabel() == "t"
    assert left.get_title() == "Curves & dots"
    np.testing.assert_array_equal(right.collections[0].get_offsets(), [[5, 4]])


def test_clouds_of_numbers_have_the_scale_of_their_view():
    points = np.array([[0, -1, 0], [0, 0, 0], [0, 1, 0]], dtype=np.float32)
    view = SingleView()
    view.show(points, np.array([0.0, 0.5, 9.0]))
    (low, high, top) = view.still().axes[0].collections[0].get_facecolors()
    assert np.abs(low - high).max() < 0.1 < np.abs(high - top).max()
