import ipywidgets as widgets
import numpy as np
import pytest

from pcvae import editing
from pcvae.explore import Explorer, explore
from pcvae.explore.tabs import sliders
from pcvae.widgets.view import DECODED, INPUT, LATENT


@pytest.fixture
def panel(model, boxes) -> Explorer:
    return explore(model, boxes, num_directions=3)


def drawn(panel: Explorer) -> list[np.ndarray]:
    return [panel.session.view.coordinates(which) for which in (INPUT, LATENT, DECODED)]


def moved(before: list[np.ndarray], panel: Explorer) -> list[bool]:
    return [not np.array_equal(a, b) for a, b in zip(before, drawn(panel), strict=True)]


def test_opens_on_the_reconstruction(panel, model, boxes):
    shown = drawn(panel)
    state = editing.encode(model, boxes.points[0])
    np.testing.assert_array_equal(shown[INPUT], boxes.points[0])
    np.testing.assert_array_equal(shown[LATENT], editing.latent_points(state))
    np.testing.assert_array_equal(shown[DECODED], editing.decode(model, state))
    assert "<b>0.000</b>" in panel.session.readout.value


def test_every_style_slider_moves_the_decoded_points_alone(panel):
    for slider in panel.style:
        before = drawn(panel)
        slider.value = 2.0
        assert moved(before, panel) == [False, False, True]
        assert "<b>0.000</b>" not in panel.session.readout.value
        slider.value = 0.0
        np.testing.assert_array_equal(panel.points(), before[DECODED])


@pytest.mark.parametrize("index", range(len(sliders.EDITS)), ids=lambda i: sliders.EDITS[i].label)
def test_every_slider_on_all_points_moves_latent_and_decoded_points(panel, index):
    before = drawn(panel)
    panel.all_points[index].value = sliders.EDITS[index].span[1]
    assert moved(before, panel) == [False, True, True]
    panel.all_points[index].value = sliders.EDITS[index].span[2]
    assert moved(before, panel) == [False, False, False]


def test_what_is_shown_is_the_state_decoded(panel, model):
    panel.style[1].value, panel.all_points[0].value = -1.0, 0.8
    np.testing.assert_array_equal(panel.points(), editing.decode(model, panel.session.state))
    np.testing.assert_array_equal(drawn(panel)[LATENT], editing.latent_points(panel.session.state))


def test_the_order_of_edits_does_not_matter(panel):
    panel.style[0].value, panel.all_points[3].value, panel.all_points[2].value = 1.0, 0.5, 1.3
    once = panel.points()
    panel.reset.click()
    panel.all_points[2].value, panel.all_points[3].value, panel.style[0].value = 1.3, 0.5, 1.0
    np.testing.assert_array_equal(panel.points(), once)


def test_another_shape_keeps_the_sliders(panel, model, boxes):
    panel.style[0].value = 1.5
    panel.shape.value = 4
    np.testing.assert_array_equal(drawn(panel)[INPUT], boxes.points[4])
    state = editing.encode(model, boxes.points[4])
    state = editing.move_style(state, panel.directions, [1.5])
    np.testing.assert_array_equal(panel.points(), editing.decode(model, state))


def test_reset_returns_to_the_reconstruction_and_draws_once(panel, monkeypatch):
    before = drawn(panel)
    for slider in (*panel.style, *panel.all_points):
        slider.value = slider.max
    calls = []
    original = panel.session.view.move
    monkeypatch.setattr(panel.session.view, "move", lambda *a: (calls.append(a), original(*a)))
    panel.reset.click()
    assert len(calls) == 1
    assert moved(before, panel) == [False, False, False]


def test_an_error_is_shown_and_leaves_the_last_view(panel, monkeypatch):
    panel.style[0].value = 1.0
    before = drawn(panel)

    def fail(*_):
        raise RuntimeError("out of <memory>")

    with monkeypatch.context() as broken:
        broken.setattr(editing, "decode", fail)
        panel.style[0].value = 2.0
        assert "RuntimeError: out of &lt;memory&gt;" in panel.session.message.value
        panel.shape.value = 3
        assert moved(before, panel) == [False, False, False]
    panel.style[0].value = 1.5
    assert panel.session.message.value == ""


def test_after_a_failed_shape_the_next_edit_draws_the_chosen_one(panel, boxes, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(editing, "decode", lambda *_: 1 / 0)
        panel.shape.value = 3
    assert "ZeroDivisionError" in panel.session.message.value
    panel.style[0].value = 0.5
    np.testing.assert_array_equal(drawn(panel)[INPUT], boxes.points[3])


def test_every_control_is_named_and_explained(panel):
    controls = (panel.shape, panel.reset, *panel.style, *panel.all_points)
    assert all(control.description and control.tooltip for control in controls)
    assert len({control.description for control in controls}) == len(controls)
    assert all(slider.continuous_update for slider in (*panel.style, *panel.all_points))
    shares = [f"{share:.0%}" for share in panel.directions.variance_share.tolist()]
    assert all(s in slider.description for s, slider in zip(shares, panel.style, strict=True))


def test_is_a_widget_with_every_control_inside(panel):
    def inside(box: widgets.Box) -> set[str]:
        boxes = [child for child in box.children if isinstance(child, widgets.Box)]
        return {child.model_id for child in box.children}.union(*map(inside, boxes))

    controls = [
        panel.shape,
        panel.reset,
        *panel.style,
        *panel.all_points,
        panel.session.view.widget,
    ]
    assert inside(panel) >= {
        w.model_id for w in (*controls, panel.session.readout, panel.session.message)
    }


def test_fewer_points_are_a_fair_draw(model, boxes):
    panel = explore(model, boxes, num_directions=2, num_points=20, start=5)
    expected = editing.take_points(boxes.points[5], 20)
    np.testing.assert_array_equal(drawn(panel)[INPUT], expected)


def test_too_few_shapes_are_named(model, boxes):
    with pytest.raises(ValueError, match="Give more shapes"):
        explore(model, boxes.subset([0, 1, 2]))


def test_says_in_words_what_it_is_where_it_cannot_be_shown(panel):
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == "Explorer of 8 shapes: run this cell in JupyterLab to move it."
    assert "application/vnd.jupyter.widget-view+json" in bundle
