import numpy as np
import pytest

from pcvae.widgets.coloring import by_label
from pcvae.widgets.plotly_clouds import TO_PLOTLY, camera
from pcvae.widgets.view import DECODED, INPUT, LATENT, CloudView, SingleView

SCENES = ("scene", "scene2", "scene3")


@pytest.fixture
def clouds() -> list[np.ndarray]:
    return list(np.random.default_rng(0).normal(size=(3, 32, 3)).astype(np.float32))


@pytest.fixture
def view(clouds) -> CloudView:
    view = CloudView()
    view.show(*clouds)
    return view


@pytest.fixture
def sent(view, monkeypatch) -> list[dict]:
    """Every message that goes to the page."""
    messages = []
    original = view.widget._send_update_msg

    def record(restyle_data, relayout_data, trace_indexes=None, source_view_id=None):
        messages.append({"style": restyle_data, "layout": relayout_data, "traces": trace_indexes})
        original(restyle_data, relayout_data, trace_indexes, source_view_id)

    monkeypatch.setattr(view.widget, "_send_update_msg", record)
    return messages


def test_shows_each_cloud_in_its_own_scene(view, clouds):
    assert [trace.scene for trace in view.widget.data] == list(SCENES)
    for which in (INPUT, LATENT, DECODED):
        np.testing.assert_array_equal(view.coordinates(which), clouds[which])
        np.testing.assert_array_equal(view.widget.data[which].marker.color, clouds[INPUT][:, 1])


def test_an_edit_is_one_message_with_nothing_but_what_moved(view, clouds, sent):
    view.move(clouds[0])
    assert len(sent) == 1
    assert list(sent[0]["traces"]) == [DECODED]
    assert set(sent[0]["style"]) == {"x", "y", "z"}
    assert sent[0]["layout"] == {}
    np.testing.assert_array_equal(view.coordinates(DECODED), clouds[0])
    view.move(clouds[2], clouds[1] + 1)
    assert len(sent) == 2
    assert list(sent[1]["traces"]) == [LATENT, DECODED]


def test_coordinates_stay_float32(view, clouds):
    view.move(clouds[0].astype(np.float32)[::-1])
    for trace in view.widget.data:
        assert {trace.x.dtype, trace.y.dtype, trace.z.dtype} == {np.dtype(np.float32)}


def test_figure_and_ranges_outlive_edits(view, clouds):
    figure, layout = view.widget, view.widget.layout.to_plotly_json()
    view.move(5 * clouds[0], 5 * clouds[1])
    view.show(*clouds[::-1])
    assert view.widget is figure
    assert view.widget.layout.to_plotly_json() == layout


def test_a_page_meets_the_figure_as_it_is(clouds):
    view = CloudView()
    assert view.widget.comm is None  # nothing is announced while there is nothing to see
    view.show(*clouds)
    assert view.widget.comm is not None
    view.move(clouds[1])
    view.widget.layout.scene.camera = {"eye": {"x": 0.0, "y": 2.0, "z": 0.1}}
    state = view.widget.get_state()  # what a page that is loaded now would ask for
    for which, expected in ((INPUT, clouds[INPUT]), (DECODED, clouds[1])):
        trace = state["_widget_data"][which]
        drawn = [np.frombuffer(trace[axis]["buffer"], trace[axis]["dtype"]) for axis in "xyz"]
        np.testing.assert_array_equal(np.stack(drawn, axis=1), expected[:, TO_PLOTLY])
    assert state["_widget_layout"]["scene"]["camera"]["eye"]["y"] == 2.0


def test_what_the_page_says_of_all_cameras_is_not_said_back_to_it(view, sent):
    # An answer would come late, and undo what the mouse has done meanwhile.
    turned = {**camera(), "eye": {"x": 0.0, "y": 2.0, "z": 0.1}}
    cameras = {f"{name}.camera": turned for name in SCENES}
    view.widget._js2py_relayout = {"relayout_data": cameras, "source_view_id": "the page"}
    assert sent == []
    assert view.widget.layout.scene3.camera.eye.y == 2.0


def test_is_drawn_at_a_pixel_ratio_of_one(view):
    assert view.widget._config["plotGlPixelRatio"] == 1


def test_single_view_shows_moves_and_keeps_its_colors(clouds):
    view = SingleView(radius=2, title="one cloud")
    assert view.widget.comm is None
    view.show(clouds[0], colors=np.arange(32) % 3)
    assert view.widget.comm is not None
    colors = view.widget.data[0].marker.color
    view.move(clouds[1])
    np.testing.assert_array_equal(view.coordinates(), clouds[1])
    np.testing.assert_array_equal(view.widget.data[0].marker.color, colors)
    assert view.widget.layout.scene.zaxis.range == (-2.8, 2.8)


def test_recoloring_moves_nothing(view, clouds, sent):
    view.recolor(by_label(np.arange(32) % 4))
    assert len(sent) == 1
    assert set(sent[0]["style"]) <= {
        "marker.color",
        "marker.cmin",
        "marker.cmax",
        "marker.colorscale",
    }
    np.testing.assert_array_equal(view.widget.data[DECODED].marker.color, np.arange(32) % 4)


def test_a_click_tells_view_and_point_only_while_picking(view):
    heard = []
    view.on_pick(lambda *which: heard.append(which))
    assert not view.picking
    view.picking = True
    assert {trace.hoverinfo for trace in view.widget.data} == {"none"}
    points = {
        "trace_indexes": [LATENT],
        "point_indexes": [5],
        "xs": [0.0],
        "ys": [0.0],
        "zs": [0.0],
    }
    view.widget._js2py_pointsCallback = {
        "event_type": "plotly_click",
        "points": points,
        "device_state": None,
        "selector": None,
    }
    assert heard == [(LATENT, 5)]
    view.picking = False
    assert {trace.hoverinfo for trace in view.widget.data} == {"skip"}
