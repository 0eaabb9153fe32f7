"""The groups of controls behind the explorer's tabs, moved by setting values."""

import re
from dataclasses import replace

import ipywidgets as widgets
import numpy as np
import pytest
import torch

from pcvae import editing
from pcvae.explore import Explorer, GlobalSliders, LocalEditor, StyleSwap, explore
from pcvae.explore.recipe import Recipe
from pcvae.widgets.coloring import ON_DARK, by_label
from pcvae.widgets.view import DECODED, INPUT, LATENT


@pytest.fixture(params=["plotly", "webgl"])
def panel(request, model, chairs) -> Explorer:
    return explore(model, chairs, num_directions=3, view=request.param)


@pytest.fixture
def prior_panel(prior_model, chairs) -> Explorer:
    return explore(prior_model, chairs, num_directions=3, view="webgl")


def drawn(panel) -> list[np.ndarray]:
    view = panel.session.view
    return [view.coordinates(which) for which in (INPUT, LATENT, DECODED)]


def same(before: list[np.ndarray], panel) -> list[bool]:
    return [np.array_equal(a, b) for a, b in zip(before, drawn(panel), strict=True)]


def press(button: widgets.Button) -> None:
    assert not button.disabled
    button.click()


class TestFactors:
    def test_asked_and_measured_stand_beside_each_other(self, panel, chairs):
        panel.factors.reveal()
        sliders, before = panel.factors.sliders, drawn(panel)
        own = float(chairs.factors["chair/leg_height"][0])
        assert sliders["leg_height"].value == pytest.approx(own, abs=0.05)
        measured = dict(
            zip(sliders, (t.value for t in panel.factors.measured.values()), strict=True)
        )
        assert re.search(r"-?[\d.]+ cm", measured["leg_height"])
        assert "cannot be measured" in measured["leg_thickness"]
        sliders["leg_height"].value = 55.0
        assert same(before, panel) == [True, True, False]
        change = 55.0 - round(own, 1)
        directions = panel.session.workshop.factors_of(panel.session.recipe)
        row = directions.names.index("leg_height")
        base = panel.session.reference.state.z
        torch.testing.assert_close(
            panel.state.z - base, change * directions.basis[row], atol=1e-5, rtol=1e-4
        )

    def test_measured_is_what_the_family_measures_on_the_decoded_cloud(self, panel):
        panel.factors.reveal()
        panel.factors.sliders["seat_width"].value = 80.0
        family = panel.factors._family
        cloud = panel.points()
        cloud = cloud - (cloud.min(axis=0) + cloud.max(axis=0)) / 2
        scale = float(np.ravel(family.build(panel.factors.asked()).scale)[0])
        expected = family.measure(cloud[None])["seat_width"][0] / scale
        assert f"{expected:.1f} cm" in panel.factors.measured["seat_width"].value

    def test_another_shape_gets_sliders_of_its_own_family(self, panel):
        panel.factors.reveal()
        panel.shape.value = 1  # a table
        assert "top_thickness" in panel.factors.sliders
        assert "back_height" not in panel.factors.sliders
        assert "table" in panel.factors.note.value

    def test_nothing_is_fitted_before_it_is_looked_at(self, panel):
        assert panel.factors.sliders == {}
        panel.tabs.selected_index = list(panel.tabs.titles).index("Factors")
        assert len(panel.factors.sliders) == 12

    def test_a_slider_where_the_page_rounds_it_changes_nothing(self, panel):
        panel.factors.reveal()
        for made in panel.factors.sliders.values():
            steps = (made.value - made.min) / made.step
            assert steps == pytest.approx(round(steps), abs=1e-4)
            made.value = made.min + round(steps) * made.step  # as the page would report it
        assert panel.session.history.past == ()

    def test_shapes_without_factors_are_told_so(self, model, boxes):
        panel = explore(model, boxes, num_directions=2)
        panel.factors.reveal()
        assert "need shapes whose factors are known" in panel.factors.note.value
        assert panel.message.value == ""


class TestNumbers:
    def test_single_numbers_add_up_and_are_listed(self, panel):
        base = panel.state.z
        panel.numbers.index.value, panel.numbers.amount.value = 3, 1.0
        panel.numbers.index.value = 5
        assert panel.numbers.amount.value == 0.0
        panel.numbers.amount.value = -0.5
        moved = panel.state.z - base
        expected = torch.zeros(16)
        expected[3], expected[5] = 1.0, -0.5
        torch.testing.assert_close(moved, expected)
        assert "z[3] +1.00, z[5] -0.50" in panel.numbers.list.value
        panel.numbers.index.value = 3
        assert panel.numbers.amount.value == 1.0


class TestLocalEditor:
    def test_every_edit_moves_chosen_points_and_leaves_the_others(self, panel):
        editor = panel.editor
        editor.bound.value, editor.softness.value = 0.2, 0.0
        chosen = panel.session.reference.input[:, 1] >= np.float32(0.2)
        assert 20 < chosen.sum() < 200
        assert f"<b>{chosen.sum()}</b> of 256" in editor.count.value
        before = drawn(panel)
        for name, slider in editor.edits.items():
            rest, slider.value = slider.value, slider.max
            changed = (drawn(panel)[LATENT] != before[LATENT]).any(axis=1)
            assert not changed[~chosen].any(), name
            assert changed.any() == (name != "feature"), name
            assert not same(before, panel)[DECODED], name
            slider.value = rest
            assert all(same(before, panel)), name

    def test_parts_are_those_of_the_shape(self, panel, chairs):
        panel.editor.way.value = "parts"
        options = dict(panel.editor.parts.options)
        assert set(options) <= {"chair/leg", "chair/seat", "chair/back", "chair/arm"}
        panel.editor.parts.value = (options["chair/leg"],)
        panel.editor.softness.value = 0.0
        panel.editor.edits["y"].value = 1.0
        moved = (drawn(panel)[LATENT] != panel.session.reference.latent).any(axis=1)
        np.testing.assert_array_equal(moved, chairs.labels[0] == options["chair/leg"])

    def test_a_clicked_point_becomes_the_center_of_the_ball(self, panel):
        editor = panel.editor
        editor.way.value = "ball"
        editor.pick.value = True
        assert panel.view.picking
        editor._picked(LATENT, 17)
        assert (editor.view.value, editor.center.value) == ("latent", 17)
        editor.radius.value, editor.softness.value = 0.4, 0.0
        latent = panel.session.reference.latent
        near = np.linalg.norm(latent - latent[17], axis=1) <= 0.4
        assert f"<b>{near.sum()}</b>" in editor.count.value
        editor.way.value = "half-space"
        assert not panel.view.picking
        editor._picked(LATENT, 3)
        assert editor.center.value == 17

    def test_only_the_controls_of_the_way_chosen_are_seen(self, panel):
        editor = panel.editor
        for way, seen in (("parts", "parts"), ("ball", "radius"), ("half-space", "bound")):
            editor.way.value = way
            shown = {n for n in ("parts", "radius", "bound") if _seen(getattr(editor, n))}
            assert shown == {seen}

    def test_kept_edits_stay_when_the_next_begins(self, panel):
        panel.editor.edits["y"].value = 0.5
        once = drawn(panel)
        press(panel.editor.keep)
        assert panel.editor.edits["y"].value == 0.0
        assert all(same(once, panel))
        assert panel.editor.kept.value == "1 kept"
        panel.editor.edits["y"].value = 0.5
        twice = panel.session.state.h[:, 1].numpy()
        chosen = panel.session.recipe.draft.where.weight(panel.session.reference)
        np.testing.assert_allclose(
            twice, panel.session.reference.state.h[:, 1].numpy() + chosen, atol=1e-5
        )
        press(panel.editor.clear)
        np.testing.assert_array_equal(panel.points(), panel.session.reference.decoded)

    def test_choosing_points_colors_them(self, panel):
        panel.editor.bound.value = 0.3
        assert panel.color.value == panel.session.color == "chosen points"
        chosen = panel.session.coloring().values
        assert set(np.unique(chosen)) >= {0.0, 1.0}


def _seen(control: widgets.Widget) -> bool:
    return control.layout.display != "none"


class TestMix:
    def test_swaps_are_the_swap_test(self, panel, model, chairs):
        one, other = (editing.encode(model, chairs.points[i]) for i in (0, 4))
        panel.swap.other.value = 4
        for mix, expected in (
            ("swap z", editing.with_style_of(one, other)),
            ("swap h", editing.with_points_of(one, other)),
        ):
            panel.swap.mix.value = mix
            assert panel.swap.amount.disabled
            np.testing.assert_array_equal(panel.points(), editing.decode(model, expected))

    @pytest.mark.parametrize("mix", ["z", "h", "both"])
    def test_the_ends_of_the_way_are_the_shapes(self, panel, model, chairs, mix):
        before = drawn(panel)
        panel.swap.other.value, panel.swap.mix.value = 4, mix
        assert all(same(before, panel))
        panel.swap.amount.value = 1.0
        if mix == "both":
            other = editing.decode(model, editing.encode(model, chairs.points[4]))
            found = np.sort(panel.points(), axis=0)
            np.testing.assert_allclose(found, np.sort(other, axis=0), atol=1e-4)
        panel.swap.amount.value = 0.0
        assert all(same(before, panel))

    def test_noise_is_offered_where_there_is_a_prior(self, panel, prior_panel):
        assert "noise" not in [value for _, value in panel.swap.mix.options]
        prior_panel.swap.mix.value = "noise"
        prior_panel.swap.amount.value = 1.0
        other = prior_panel.session.workshop.reference(replace(prior_panel.session.recipe, shape=1))
        torch.testing.assert_close(prior_panel.state.z, other.state.z)


class TestNoise:
    def test_new_noise_changes_h_and_keeps_z(self, panel):
        before, z = drawn(panel), panel.state.z
        press(panel.noise.new)
        assert panel.noise.seed.value == 1
        assert same(before, panel) == [True, False, False]
        assert torch.equal(panel.state.z, z)
        panel.noise.seed.value = 0
        assert all(same(before, panel))

    def test_number_of_points(self, panel, chairs):
        panel.noise.num_points.value = 128
        assert [len(cloud) for cloud in drawn(panel)] == [128] * 3
        np.testing.assert_array_equal(drawn(panel)[INPUT], chairs.points[0, :128])

    def test_h_follows_z_only_through_the_prior(self, panel, prior_panel):
        assert panel.noise.use_prior.disabled
        assert prior_panel.noise.use_prior.value
        before = drawn(prior_panel)
        prior_panel.style[0].value = 2.0
        assert same(before, prior_panel) == [True, False, False]
        prior_panel.noise.use_prior.value = False
        prior_panel.style[0].value = 0.0
        before = drawn(prior_panel)
        prior_panel.style[0].value = 2.0
        assert same(before, prior_panel) == [True, True, False]


class TestWalk:
    def test_goes_from_end_to_end_and_the_bar_with_it(self, panel):
        press(panel.walk.play)
        assert panel.walk.clock.playing
        assert panel.walk.play.disabled
        seen = []
        for frame in range(31):
            panel.walk.clock.value = frame  # as the page does
            seen.append(panel.style[0].value)
            assert panel.walk.progress.value == frame
        assert (seen[0], seen[15], seen[-1]) == (-3.0, 0.0, 3.0)
        assert not panel.walk.clock.playing
        assert len(set(seen)) == 31
        press(panel.top.undo)
        assert panel.style[0].value == 0.0

    def test_stop_stays_where_it_is(self, panel):
        press(panel.walk.play)
        panel.walk.clock.value = 10
        press(panel.walk.stop)
        assert not panel.walk.clock.playing
        assert panel.style[0].value == pytest.approx(-1.0)

    def test_to_the_other_shape(self, panel):
        panel.walk.way.value = -1
        panel.walk.clock.value = panel.walk.clock.max
        assert (panel.swap.mix.value, panel.swap.amount.value) == ("both", 1.0)

    def test_number_of_frames(self, panel):
        panel.walk.count.value = 5
        places = [recipe.directions[0] for recipe in panel.walk.frames()]
        assert places == pytest.approx([-3, -1.5, 0, 1.5, 3])


class TestMoreShapes:
    def test_added_shapes_are_chosen_and_listed(self, panel):
        panel.more.family.value, panel.more.seed.value = "mug", 3
        press(panel.more.make)
        assert panel.shape.value == 100
        assert dict(panel.shape.options)["mug of seed 3"] == 100
        press(panel.more.sample)
        assert panel.shape.value == 101
        assert len(panel.swap.other.options) == 102
        panel.style[0].value = 1.0
        assert panel.message.value == ""

    def test_a_file_of_ones_own(self, panel, rng):
        text = "\n".join("v {} {} {}".format(*row) for row in np.eye(3))
        upload(panel, "mine.obj", (text + "\nf 1 2 3\n").encode())
        assert dict(panel.shape.options)["your mine.obj"] == 100
        assert len(drawn(panel)[INPUT]) == 2048

    def test_a_damaged_file_is_named_and_the_view_stays(self, panel):
        before = drawn(panel)
        upload(panel, "broken.ply", b"nonsense")
        assert "broken.ply" in panel.message.value
        assert all(same(before, panel))
        assert panel.shape.value == 0


def upload(panel, name: str, content: bytes) -> None:
    panel.more._uploaded({"new": ({"name": name, "content": memoryview(content)},)})


class TestColors:
    def test_each_way_to_color(self, panel, chairs):
        expected = {
            "part": by_label(chairs.labels[0]).values,
            "feature of h": panel.state.h[:, 3].numpy(),
            "displacement": np.zeros(256),
            "height": chairs.points[0, :, 1],
        }
        before = drawn(panel)
        for color, values in expected.items():
            panel.color.value = color
            np.testing.assert_allclose(panel.session.coloring().values, values, atol=1e-6)
            assert all(same(before, panel))
        panel.color.value = "part"
        assert "chair/seat" in panel.readout.value

    def test_colors_that_tell_of_an_edit_follow_it(self, panel):
        panel.color.value = "displacement"
        panel.style[0].value = 3.0
        moved = np.linalg.norm(panel.points() - panel.session.reference.decoded, axis=1)
        np.testing.assert_allclose(panel.session.view._coloring.values, moved, atol=1e-6)

    def test_what_is_not_known_is_said(self, model, boxes):
        panel = explore(model, boxes, num_directions=2)
        panel.color.value = "part"
        assert "its parts are not known" in panel.readout.value

    def test_the_theme_reaches_the_view(self, panel):
        light = panel.readout.value
        panel.helper.dark = True
        assert panel.view.dark
        assert all(color in panel.readout.value for color in ON_DARK)  # in the legend
        panel.helper.dark = False
        assert not panel.view.dark
        assert panel.readout.value == light


class TestHistory:
    def test_undo_and_redo_restore_picture_and_controls(self, panel):
        clouds = [drawn(panel)]
        edits = (
            lambda: setattr(panel.style[0], "value", 1.5),
            lambda: setattr(panel.local[2], "value", 1.3),
            lambda: setattr(panel.shape, "value", 3),
            lambda: setattr(panel.editor.edits["turn"], "value", 40),
            lambda: setattr(panel.swap.mix, "value", "swap z"),
            lambda: panel.noise.new.click(),
            lambda: panel.reset.click(),
        )
        for edit in edits:
            edit()
            clouds.append(drawn(panel))
        for expected in clouds[-2::-1]:
            press(panel.top.undo)
            assert all(same(expected, panel))
        assert panel.top.undo.disabled
        standing = (panel.style[0].value, panel.local[2].value, panel.shape.value)
        assert standing == (0.0, 1.0, 0)
        for expected in clouds[1:]:
            press(panel.top.redo)
            assert all(same(expected, panel))
        assert panel.top.redo.disabled

    def test_a_drag_is_undone_at_once(self, panel):
        before = drawn(panel)
        for value in np.arange(0.1, 2, 0.1):
            panel.style[1].value = float(value)
        press(panel.top.undo)
        assert all(same(before, panel))


class TestAlone:
    @pytest.mark.parametrize("kind", [GlobalSliders, LocalEditor, StyleSwap])
    def test_each_group_is_a_widget_of_its_own(self, model, chairs, kind):
        alone = kind(model, chairs, num_directions=2, start=2)
        assert alone.session.view.widget in alone.children
        assert alone.session.recipe.shape == 2
        assert "run this cell in JupyterLab" in repr(alone)

    def test_global_sliders_move_points(self, model, chairs):
        alone = GlobalSliders(model, chairs, num_directions=2)
        before = drawn(alone)
        alone.style[1].value = 2.0
        assert same(before, alone) == [True, True, False]
        assert len(alone.factors.sliders) == 12

    def test_a_single_cloud_with_a_reference(self, model, chairs):
        panel = explore(model, chairs.points[0], reference=chairs, num_directions=2)
        np.testing.assert_array_equal(drawn(panel)[INPUT], chairs.points[0])
        assert panel.session.recipe == Recipe(directions=(0.0, 0.0))

    def test_unknown_views_are_refused(self, model, chairs):
        with pytest.raises(ValueError, match='"plotly" or "webgl"'):
            explore(model, chairs, num_directions=2, view="crayon")


def test_errors_in_any_group_are_shown_and_leave_the_view(panel, monkeypatch):
    panel.factors.reveal()
    before = drawn(panel)
    controls = [
        (panel.numbers.amount, 1.0),
        (panel.factors.sliders["leg_height"], 55.0),
        (panel.editor.edits["x"], 1.0),
        (panel.swap.mix, "swap z"),
        (panel.walk.clock, 3),
        (panel.noise.seed, 7),  # the last: a reset keeps the seed, as it keeps the shape
    ]
    for control, value in controls:
        with monkeypatch.context() as broken:
            broken.setattr(editing, "decode", lambda *_: 1 / 0)
            control.value = value
        assert "ZeroDivisionError" in panel.message.value, control
        assert all(same(before, panel)), control
        if control is panel.noise.seed:
            break
        press(panel.reset)
        assert panel.message.value == "", control
