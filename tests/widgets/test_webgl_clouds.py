import numpy as np
import pytest

from pcvae.widgets.coloring import by_label, by_value
from pcvae.widgets.view import DECODED, INPUT, LATENT, CloudView, SingleView


@pytest.fixture
def clouds() -> list[np.ndarray]:
    return list(np.random.default_rng(0).normal(size=(3, 32, 3)).astype(np.float32))


@pytest.fixture
def view(clouds) -> CloudView:
    view = CloudView(renderer="webgl")
    view.show(*clouds)
    return view


@pytest.fixture
def sent(view, monkeypatch) -> list[set[str]]:
    """The names of what goes to the page, message by message."""
    messages = []
    original = view.widget.send_state

    def record(key=None):
        messages.append({key} if isinstance(key, str) else set(key))
        original(key)

    monkeypatch.setattr(view.widget, "send_state", record)
    return messages


def test_a_renderer_that_is_not_there_is_named():
    with pytest.raises(ValueError, match='"plotly" or "webgl", got \'svg\''):
        CloudView(renderer="svg")


def test_shows_each_cloud_as_the_bytes_it_is(view, clouds):
    for which in (INPUT, LATENT, DECODED):
        np.testing.assert_array_equal(view.coordinates(which), clouds[which])
    assert view.widget.cloud2 == clouds[DECODED].tobytes()


def test_colors_are_those_of_plotlys_view(view, clouds):
    expected = by_value(clouds[INPUT][:, 1]).rgb()
    assert view.widget.rgb == expected.tobytes()
    view.recolor(by_label(np.arange(32) % 3))
    assert len({view.widget.rgb[3 * i : 3 * i + 3] for i in range(32)}) == 3


def test_an_edit_is_one_message_with_nothing_but_what_moved(view, clouds, sent):
    view.move(clouds[0])
    view.move(clouds[2], clouds[1] + 1, by_value(np.arange(32.0)))
    assert sent == [{"cloud2"}, {"cloud2", "cloud1", "rgb"}]
    np.testing.assert_array_equal(view.coordinates(LATENT), clouds[1] + 1)


def test_coordinates_of_any_kind_travel_as_float32(view, clouds):
    view.move(clouds[0].astype(np.float64)[::-1])
    assert len(view.widget.cloud2) == 32 * 12
    np.testing.assert_array_equal(view.coordinates(DECODED), clouds[0][::-1])


def test_a_click_is_told_only_while_picking(view):
    heard = []
    view.on_pick(lambda *which: heard.append(which))
    click = {"view": LATENT, "point": 5}
    view.widget._handle_custom_msg(click, [])
    assert heard == []
    view.picking = True
    view.widget._handle_custom_msg(click, [])
    assert heard == [(LATENT, 5)]


def test_a_dark_page_gets_colors_that_show_on_black(view, clouds):
    light = view.widget.rgb
    view.dark = True
    assert min(np.frombuffer(view.widget.rgb, np.uint8).reshape(-1, 3).sum(axis=1)) > 150
    view.dark = False
    assert view.widget.rgb == light


def test_single_view_shows_moves_and_keeps_its_colors(clouds):
    view = SingleView(title="one", renderer="webgl")
    view.show(clouds[0], colors=[0, 1] * 16)
    colors = view.widget.rgb
    view.move(clouds[1])
    np.testing.assert_array_equal(view.coordinates(), clouds[1])
    assert view.widget.rgb == colors
