"""What is left when an edit fails, or somebody presses the stop button in the midst of one."""

import numpy as np
import pytest

from pcvae import editing
from pcvae.explore import EditsOfChosenPoints, Explorer, Mix, explore
from pcvae.widgets.view import DECODED, INPUT, LATENT


@pytest.fixture(params=["plotly", "webgl"])
def panel(request, model, chairs) -> Explorer:
    panel = explore(model, chairs, num_directions=2, view=request.param)
    for group in (EditsOfChosenPoints, Mix):
        panel.group(group)
    return panel


def drawn(panel: Explorer) -> list[np.ndarray]:
    return [panel.session.view.coordinates(which) for which in (INPUT, LATENT, DECODED)]


def agree(panel: Explorer) -> bool:
    """Whether controls, settings and picture say the same."""
    session = panel.session
    state, cloud = session.editor.run(session.settings)
    expected = [session.editor.unedited(session.settings).input, editing.latent_points(state)]
    same = zip(drawn(panel), [*expected, cloud], strict=True)
    standing = [made.value for made in (*panel.style, *panel.all_points)]
    with session.hold():
        for group in session._groups:
            group.follow(session.settings)
    moved = standing != [made.value for made in (*panel.style, *panel.all_points)]
    return all(np.array_equal(*pair) for pair in same) and not moved


def interrupt(*_, **__):
    raise KeyboardInterrupt


WHERE = {
    "while it is decoded": (editing, "decode"),
    "before it is sent": (editing, "latent_points"),
    "while the displacement is measured": (editing, "mean_displacement"),
}


DOES = {
    "a drag": lambda panel: setattr(panel.all_points[2], "value", 1.3),
    "an undo": lambda panel: panel.session.undo(),
    "another shape": lambda panel: setattr(panel.shape, "value", 3),
}


@pytest.mark.parametrize("where", [*WHERE, "while it is sent", "after half of it was sent"])
@pytest.mark.parametrize("what", DOES)
def test_an_interrupt_is_told_and_the_next_change_mends_it(panel, monkeypatch, where, what):
    panel.style[0].value, panel.all_points[3].value = 1.0, 0.5
    view = panel.session.view
    clouds, place = view._clouds, view._clouds.place

    def half(which, points):
        if which == LATENT:
            raise KeyboardInterrupt
        place(which, points)

    with monkeypatch.context() as stopped:
        if where == "while it is sent":
            stopped.setattr(view, "_draw", interrupt)
        elif where == "after half of it was sent":
            stopped.setattr(clouds, "place", half)
        else:
            stopped.setattr(*WHERE[where], interrupt)
        with pytest.raises(KeyboardInterrupt):
            DOES[what](panel)
    assert "interrupted" in panel.session.message.value
    panel.style[1].value = 0.25
    assert panel.session.message.value == ""
    assert agree(panel)


def test_an_interrupt_while_the_controls_follow_is_told_and_mended(panel, monkeypatch):
    panel.style[0].value, panel.all_points[3].value = 1.0, 0.5
    with monkeypatch.context() as stopped:
        stopped.setattr(panel.session._groups[2], "follow", interrupt)
        with pytest.raises(KeyboardInterrupt):
            panel.session.reset()
    assert "interrupted" in panel.session.message.value
    panel.style[1].value = 0.25
    assert panel.style[0].value == 0.0
    assert agree(panel)


def test_undo_after_an_edit_that_failed_goes_back_to_what_is_drawn(panel, monkeypatch):
    panel.style[0].value = 1.0
    before = drawn(panel)
    with monkeypatch.context() as broken:
        broken.setattr(editing, "decode", lambda *_: 1 / 0)
        panel.all_points[2].value = 1.4
    assert "ZeroDivisionError" in panel.session.message.value
    panel.session.undo()
    assert panel.session.message.value == ""
    assert (panel.style[0].value, panel.all_points[2].value) == (1.0, 1.0)
    assert all(np.array_equal(a, b) for a, b in zip(before, drawn(panel), strict=True))
    panel.session.undo()
    assert panel.style[0].value == 0.0


def test_the_legend_has_the_colors_that_the_points_have(panel):
    light = panel.session.readout.value
    panel.helper.dark = True
    dark = panel.session.readout.value
    coloring = panel.session.coloring()
    assert all(color in light for color in coloring.colors)
    assert all(color in dark for color in coloring.on_dark().colors)
    panel.helper.dark = False
    assert panel.session.readout.value == light


def test_undo_after_an_interrupt_sends_what_the_page_may_have_otherwise(panel, monkeypatch):
    before = drawn(panel)
    clouds, place = panel.session.view._clouds, panel.session.view._clouds.place

    def last(which, points):
        place(which, points)
        if which == LATENT:
            raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(clouds, "place", last)
        with pytest.raises(KeyboardInterrupt):
            panel.all_points[2].value = 1.3
    assert not np.array_equal(drawn(panel)[LATENT], before[LATENT])
    panel.session.undo()
    assert panel.all_points[2].value == 1.0
    assert all(np.array_equal(a, b) for a, b in zip(before, drawn(panel), strict=True))
