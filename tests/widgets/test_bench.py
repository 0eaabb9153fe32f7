"""The chapters' small widgets: the function hears of every change, and errors are seen."""

import ipywidgets as widgets
import numpy as np
import pytest

from pcvae.toys import LinearVAE, random_side_views
from pcvae.widgets.bench import Bench, slider
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


def test_controls_are_beside_the_picture_or_below_it(calls):
    def bench(below):
        controls = {"one": slider("one", 0, 1), "two": slider("two", 0, 1)}
        return Bench(widgets.HTML("picture"), controls, lambda **_: "said", "A thing", below=below)

    beside, below = bench(False), bench(True)
    assert (beside.layout.flex_flow, below.layout.flex_flow) == ("row", "column")
    assert list(beside.children[1].children) == [*beside.controls.values(), beside.readout]
    assert list(below.children[1].children) == list(below.controls.values())
    assert below.children[2].value == "said"


def test_readers_without_a_kernel_are_told_what_it_is(bench):
    assert repr(bench) == "A thing: run this cell in JupyterLab to see it."


def test_sliders_begin_in_the_middle_and_report_while_dragged():
    control = slider("x", -1, 3, step=0.5)
    assert (control.value, control.step, control.continuous_update) == (1, 0.5, True)
    assert slider("x", -1, 3, 0).value == 0


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
