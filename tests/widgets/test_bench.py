"""The chapters' small widgets: the function hears of every change, and errors are seen."""

import ipywidgets as widgets
import numpy as np
import pytest

from pcvae.toys import LinearVAE, random_side_views
from pcvae.widgets import Bench, Figure, SingleView, slider, table
from pcvae.widgets.plane import DECODED, HERE, LATTICE, POSTERIORS, PlaneView


@pytest.fixture
def calls():
    return []


@pytest.fixture
def bench(calls):
    def update(**values):
        calls.append(values)
        return f"{1 / values['size']:.1f} <b>m</b>"

    controls = {"size": slider("size (m)", 0, 4), "flag": widgets.Checkbox(value=True)}
    return Bench(widgets.HTML("picture"), controls, update, "A thing")


def test_it_is_drawn_at_once_and_after_each_change(bench, calls):
    assert calls == [{"size": 2.0, "flag": True}]
    assert bench.readout.value == "0.5 <b>m</b>"
    bench.controls["size"].value = 4.0
    bench.controls["flag"].value = False
    assert calls[1:] == [{"size": 4.0, "flag": True}, {"size": 4.0, "flag": False}]
    assert bench.readout.value == "0.2 <b>m</b>"


def test_an_error_is_shown_and_goes_away_again(bench):
    bench.controls["size"].value = 0.0
    assert "ZeroDivisionError" in bench.readout.value
    bench.controls["size"].value = 1.0
    assert bench.readout.value == "1.0 <b>m</b>"


def test_an_error_from_the_start_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        Bench(widgets.HTML(), {}, lambda: 1 / 0, "A thing")


@pytest.mark.parametrize("below", [False, True])
def test_the_picture_comes_first_and_leaves_the_controls_their_place(below):
    picture, controls = widgets.HTML("picture"), {"one": slider("one", 0, 1)}
    bench = Bench(picture, controls, lambda **_: "said", "A thing", below=below)
    left, right, _ = bench.children
    assert list(left.children) == [picture]
    assert list(right.children) == [*controls.values(), bench.readout]
    assert bench.layout.flex_flow == "row wrap"  # browser tests look at what comes of it


def test_an_interrupt_is_said_and_the_next_change_is_drawn():
    def update(size):
        if size == 1:
            raise KeyboardInterrupt
        return f"{size} m"

    bench = Bench(widgets.HTML(), {"size": slider("size", 0, 4)}, update, "A thing")
    with pytest.raises(KeyboardInterrupt):  # so that a cell that moves it ends, too
        bench.controls["size"].value = 1
    assert "Interrupted" in bench.readout.value
    assert "2" not in bench.readout.value
    bench.controls["size"].value = 3
    assert bench.readout.value == "3.0 m"


def test_readers_without_a_kernel_are_told_what_it_is(bench):
    assert repr(bench) == "A thing: run this cell in JupyterLab to move it."


def test_sliders_begin_in_the_middle_and_report_while_dragged():
    control = slider("x", -1, 3, step=0.5)
    assert (control.value, control.step, control.continuous_update) == (1, 0.5, True)
    assert slider("x", -1, 3, 0).value == 0


@pytest.mark.parametrize(("step", "shown"), [(5, ".0f"), (1, ".0f"), (0.5, ".1f"), (0.05, ".2f")])
def test_a_slider_shows_as_many_digits_as_it_has_steps(step, shown):
    assert slider("x", 0, 100, step=step).readout_format == shown


def test_the_plane_shows_the_model_and_the_place(rng):
    views, _ = random_side_views(100, rng)
    model = LinearVAE.fit(views.reshape(100, -1), 0.05)
    view = PlaneView()
    view.show(model.decode, model.encode(views.reshape(100, -1))[:5], model.sigma, (1, -0.5))
    here, decoded = view.widget.data[HERE], view.widget.data[DECODED]
    assert (here.x[0], here.y[0]) == (1, -0.5)
    expected = model.decode(np.array([[1, -0.5]])).reshape(24, 2)
    drawn = np.stack([decoded.x, decoded.y], axis=1)
    np.testing.assert_allclose(drawn[~np.isnan(drawn[:, 0])], expected, rtol=1e-5, atol=1e-6)
    assert len(view.widget.data[POSTERIORS].x) == 5 * 26
    before = np.array(view.widget.data[LATTICE].x)
    dead = model.with_beta(1000)
    view.show(dead.decode, dead.encode(views.reshape(100, -1))[:5], dead.sigma, (1, -0.5))
    assert not np.array_equal(before, view.widget.data[LATTICE].x)


def test_several_pictures_stand_side_by_side_in_their_order():
    pictures = [widgets.HTML("one"), widgets.HTML("other")]
    left, *_ = Bench(pictures, {}, lambda: "said", "A thing", below=True).children
    (row,) = left.children
    assert [list(place.children) for place in row.children] == [[picture] for picture in pictures]
    assert row.layout.flex_flow == "row wrap"


def test_a_table_has_a_head_and_a_line_for_each_row():
    page = table(("", "true"), [("legs", "<b>0.7</b>"), ("seat", "1.0")])
    assert page.count("<tr>") == 3
    assert page.count('<th scope="col">') == 2
    assert "<td>legs</td><td><b>0.7</b></td>" in page


def test_its_pictures_are_dark_where_the_page_is():
    view, curve = SingleView(), Figure(data=[{"type": "scatter"}])
    view.show(np.zeros((3, 3), dtype=np.float32))
    curve.reveal()
    bench = Bench([view, curve], {}, lambda: "said", "A thing")
    bench.children[-1].dark = True  # as the page says it
    assert view.dark
    assert curve.dark
    assert {view.widget.layout.paper_bgcolor, curve.layout.plot_bgcolor} == {"#111111"}
    assert view.widget.layout.scene.xaxis.gridcolor == "#444444"
    assert curve.layout.xaxis.zerolinecolor == "#444444"
    bench.children[-1].dark = False
    assert view.widget.layout.paper_bgcolor == "#ffffff"


def test_a_dark_plane_has_pale_lines():
    plane = PlaneView()
    plane.dark = True
    assert plane.widget.data[0].line.color == "#dddddd"
    assert plane.widget.layout.xaxis2.gridcolor == "#444444"
    plane.dark = False
    assert plane.widget.data[0].line.color == "#222222"
