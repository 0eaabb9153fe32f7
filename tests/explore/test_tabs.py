"""The groups of controls behind the explorer's tabs, moved by setting values."""

import io
import re
from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
import torch

from pcvae import editing
from pcvae.explore import EditsOfChosenPoints, Explorer, FactorSliders, Mix, explore, tabs
from pcvae.explore.panel import TABS
from pcvae.explore.settings import Settings
from pcvae.explore.tabs.more_shapes import MoreShapes
from pcvae.explore.tabs.noise import Noise, NumberSliders
from pcvae.explore.tabs.walk import Walk
from pcvae.widgets import by_label
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


def test_a_file_has_the_title_of_its_tab():
    folder = Path(tabs.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files == {title.lower().replace(" ", "_") for title in TABS}
    for title, groups in TABS.items():
        for group in groups:
            assert group.__module__.endswith("." + title.lower().replace(" ", "_"))


class TestFactors:
    def test_asked_and_measured_stand_beside_each_other(self, panel, chairs):
        group, before = panel.group(FactorSliders), drawn(panel)
        sliders = group.sliders
        own = float(chairs.factors["chair/leg_height"][0])
        assert sliders["leg_height"].value == pytest.approx(own, abs=0.05)
        measured = dict(
            zip(
                sliders,
                (t.value for t in panel.group(FactorSliders).measured.values()),
                strict=True,
            )
        )
        assert re.search(r"-?[\d.]+ cm", measured["leg_height"])
        assert "cannot be measured" in measured["leg_thickness"]
        sliders["leg_height"].value = 55.0
        assert same(before, panel) == [True, True, False]
        change = 55.0 - round(own, 1)
        directions = panel.session.editor.factors_of(panel.session.settings)
        row = directions.names.index("leg_height")
        base = panel.session.unedited.state.z
        torch.testing.assert_close(
            panel.session.state.z - base, change * directions.basis[row], atol=1e-5, rtol=1e-4
        )

    def test_measured_is_what_the_family_measures_on_the_decoded_cloud(self, panel):
        panel.group(FactorSliders).sliders["seat_width"].value = 80.0
        family = panel.group(FactorSliders)._family
        cloud = panel.points()
        cloud = cloud - (cloud.min(axis=0) + cloud.max(axis=0)) / 2
        scale = float(np.ravel(family.build(panel.group(FactorSliders).asked()).scale)[0])
        expected = family.measure(cloud[None])["seat_width"][0] / scale
        assert f"{expected:.1f} cm" in panel.group(FactorSliders).measured["seat_width"].value

    def test_another_shape_gets_sliders_of_its_own_family(self, panel):
        panel.shape.value = 1  # a table
        assert "top_thickness" in panel.group(FactorSliders).sliders
        assert "back_height" not in panel.group(FactorSliders).sliders
        assert "table" in panel.group(FactorSliders).note.value

    def test_nothing_is_fitted_before_it_is_looked_at(self, panel):
        assert FactorSliders not in panel._groups
        panel.tabs.selected_index = list(panel.tabs.titles).index("Factors")
        assert len(panel._groups[FactorSliders].sliders) == 12

    def test_a_slider_where_the_page_rounds_it_changes_nothing(self, panel):
        for made in panel.group(FactorSliders).sliders.values():
            steps = (made.value - made.min) / made.step
            assert steps == pytest.approx(round(steps), abs=1e-4)
            made.value = made.min + round(steps) * made.step  # as the page would report it
        assert panel.session.history.past == ()

    def test_shapes_without_factors_are_told_so(self, model, boxes):
        panel = explore(model, boxes, num_directions=2)
        assert "need shapes whose factors are known" in panel.group(FactorSliders).note.value
        assert panel.session.message.value == ""


class TestNumbers:
    def test_single_numbers_add_up_and_are_listed(self, panel):
        base = panel.session.state.z
        panel.group(NumberSliders).index.value, panel.group(NumberSliders).amount.value = 3, 1.0
        panel.group(NumberSliders).index.value = 5
        assert panel.group(NumberSliders).amount.value == 0.0
        panel.group(NumberSliders).amount.value = -0.5
        moved = panel.session.state.z - base
        expected = torch.zeros(16)
        expected[3], expected[5] = 1.0, -0.5
        torch.testing.assert_close(moved, expected)
        assert "z[3] +1.00, z[5] -0.50" in panel.group(NumberSliders).list.value
        panel.group(NumberSliders).index.value = 3
        assert panel.group(NumberSliders).amount.value == 1.0


class TestEditsOfChosenPoints:
    def test_every_edit_moves_chosen_points_and_leaves_the_others(self, panel):
        editor = panel.group(EditsOfChosenPoints)
        editor.bound.value, editor.softness.value = 0.2, 0.0
        chosen = panel.session.unedited.input[:, 1] >= np.float32(0.2)
        assert 20 < chosen.sum() < 200
        assert f"<b>{chosen.sum()}</b> of 256" in editor.count.value
        before = drawn(panel)
        for name, slider in editor.sliders.items():
            rest, slider.value = slider.value, slider.max
            changed = (drawn(panel)[LATENT] != before[LATENT]).any(axis=1)
            assert not changed[~chosen].any(), name
            assert changed.any() == (name != "feature"), name
            assert not same(before, panel)[DECODED], name
            slider.value = rest
            assert all(same(before, panel)), name

    def test_parts_are_those_of_the_shape(self, panel, chairs):
        panel.group(EditsOfChosenPoints).way.value = "parts"
        options = dict(panel.group(EditsOfChosenPoints).parts.options)
        assert set(options) <= {"chair/leg", "chair/seat", "chair/back", "chair/arm"}
        panel.group(EditsOfChosenPoints).parts.value = (options["chair/leg"],)
        panel.group(EditsOfChosenPoints).softness.value = 0.0
        panel.group(EditsOfChosenPoints).sliders["y"].value = 1.0
        moved = (drawn(panel)[LATENT] != panel.session.unedited.latent).any(axis=1)
        np.testing.assert_array_equal(moved, chairs.labels[0] == options["chair/leg"])

    def test_a_clicked_point_becomes_the_center_of_the_ball(self, panel):
        editor = panel.group(EditsOfChosenPoints)
        editor.way.value = "ball"
        editor.pick.value = True
        assert panel.session.view.picking
        editor._picked(LATENT, 17)
        assert (editor.view.value, editor.center.value) == ("latent", 17)
        editor.radius.value, editor.softness.value = 0.4, 0.0
        latent = panel.session.unedited.latent
        near = np.linalg.norm(latent - latent[17], axis=1) <= 0.4
        assert f"<b>{near.sum()}</b>" in editor.count.value
        editor.way.value = "half-space"
        assert not panel.session.view.picking
        editor._picked(LATENT, 3)
        assert editor.center.value == 17

    def test_only_the_controls_of_the_way_chosen_are_seen(self, panel):
        editor = panel.group(EditsOfChosenPoints)
        for way, seen in (("parts", "parts"), ("ball", "radius"), ("half-space", "bound")):
            editor.way.value = way
            shown = {n for n in ("parts", "radius", "bound") if _seen(getattr(editor, n))}
            assert shown == {seen}

    def test_kept_edits_stay_when_the_next_begins(self, panel):
        panel.group(EditsOfChosenPoints).sliders["y"].value = 0.5
        once = drawn(panel)
        press(panel.group(EditsOfChosenPoints).keep)
        assert panel.group(EditsOfChosenPoints).sliders["y"].value == 0.0
        assert all(same(once, panel))
        assert panel.group(EditsOfChosenPoints).kept.value == "1 kept"
        panel.group(EditsOfChosenPoints).sliders["y"].value = 0.5
        twice = panel.session.state.h[:, 1].numpy()
        chosen = panel.session.chosen(panel.session.unedited)
        np.testing.assert_allclose(
            twice, panel.session.unedited.state.h[:, 1].numpy() + chosen, atol=1e-5
        )
        press(panel.group(EditsOfChosenPoints).clear)
        np.testing.assert_array_equal(panel.points(), panel.session.unedited.decoded)

    def test_choosing_points_colors_them(self, panel):
        panel.group(EditsOfChosenPoints).bound.value = 0.3
        assert panel.color.value == panel.session.color == "chosen points"
        chosen = panel.session.coloring().values
        assert set(np.unique(chosen)) >= {0.0, 1.0}


def _seen(control: widgets.Widget) -> bool:
    return control.layout.display != "none"


class TestMix:
    def test_swaps_are_the_swap_test(self, panel, model, chairs):
        one, other = (editing.encode(model, chairs.points[i]) for i in (0, 4))
        panel.group(Mix).other.value = 4
        for mix, expected in (
            ("swap z", editing.with_style_of(one, other)),
            ("swap h", editing.with_points_of(one, other)),
        ):
            panel.group(Mix).what.value = mix
            assert panel.group(Mix).amount.disabled
            np.testing.assert_array_equal(panel.points(), editing.decode(model, expected))

    @pytest.mark.parametrize("mix", ["z", "h", "both"])
    def test_the_ends_of_the_way_are_the_shapes(self, panel, model, chairs, mix):
        before = drawn(panel)
        panel.group(Mix).other.value, panel.group(Mix).what.value = 4, mix
        assert all(same(before, panel))
        panel.group(Mix).amount.value = 1.0
        if mix == "both":
            other = editing.decode(model, editing.encode(model, chairs.points[4]))
            found = np.sort(panel.points(), axis=0)
            np.testing.assert_allclose(found, np.sort(other, axis=0), atol=1e-4)
        panel.group(Mix).amount.value = 0.0
        assert all(same(before, panel))

    def test_noise_is_offered_where_there_is_a_prior(self, panel, prior_panel):
        assert "noise" not in [value for _, value in panel.group(Mix).what.options]
        prior_panel.group(Mix).what.value = "noise"
        prior_panel.group(Mix).amount.value = 1.0
        other = prior_panel.session.editor.unedited(replace(prior_panel.session.settings, shape=1))
        torch.testing.assert_close(prior_panel.session.state.z, other.state.z)


class TestNoise:
    def test_new_noise_changes_h_and_keeps_z(self, panel):
        before, z = drawn(panel), panel.session.state.z
        press(panel.group(Noise).new)
        assert panel.group(Noise).seed.value == 1
        assert same(before, panel) == [True, False, False]
        assert torch.equal(panel.session.state.z, z)
        panel.group(Noise).seed.value = 0
        assert all(same(before, panel))

    def test_number_of_points(self, panel, chairs):
        panel.group(Noise).num_points.value = 128
        assert [len(cloud) for cloud in drawn(panel)] == [128] * 3
        expected = editing.take_points(chairs.points[0], 128)
        np.testing.assert_array_equal(drawn(panel)[INPUT], expected)

    def test_h_follows_z_only_through_the_prior(self, panel, prior_panel):
        assert panel.group(Noise).use_prior.disabled
        assert prior_panel.group(Noise).use_prior.value
        before = drawn(prior_panel)
        prior_panel.style[0].value = 2.0
        assert same(before, prior_panel) == [True, False, False]
        prior_panel.group(Noise).use_prior.value = False
        prior_panel.style[0].value = 0.0
        before = drawn(prior_panel)
        prior_panel.style[0].value = 2.0
        assert same(before, prior_panel) == [True, True, False]


class TestWalk:
    def test_goes_from_end_to_end_and_the_bar_with_it(self, panel):
        press(panel.group(Walk).play)
        assert panel.group(Walk).clock.playing
        assert panel.group(Walk).play.disabled
        seen = []
        for frame in range(31):
            panel.group(Walk).clock.value = frame  # as the page does
            seen.append(panel.style[0].value)
            assert panel.group(Walk).progress.value == frame
        assert (seen[0], seen[15], seen[-1]) == (-3.0, 0.0, 3.0)
        assert not panel.group(Walk).clock.playing
        assert len(set(seen)) == 31
        press(panel.top.undo)
        assert panel.style[0].value == 0.0

    def test_stop_stays_where_it_is(self, panel):
        press(panel.group(Walk).play)
        panel.group(Walk).clock.value = 10
        press(panel.group(Walk).stop)
        assert not panel.group(Walk).clock.playing
        assert panel.style[0].value == pytest.approx(-1.0)

    def test_to_the_other_shape(self, panel):
        panel.group(Walk).way.value = -1
        panel.group(Walk).clock.value = panel.group(Walk).clock.max
        assert (panel.group(Mix).what.value, panel.group(Mix).amount.value) == ("both", 1.0)

    def test_number_of_frames(self, panel):
        group, places = panel.group(Walk), []
        group.count.value = 5
        for frame in (4, 3, 2, 1, 0):
            group.clock.value = frame
            places.append(panel.style[0].value)
        assert places == pytest.approx([3, 1.5, 0, -1.5, -3])


class TestMoreShapes:
    def test_added_shapes_are_chosen_and_listed(self, panel):
        panel.group(MoreShapes).family.value, panel.group(MoreShapes).seed.value = "mug", 3
        press(panel.group(MoreShapes).make)
        assert panel.shape.value == 100
        assert dict(panel.shape.options)["mug of seed 3"] == 100
        press(panel.group(MoreShapes).sample)
        assert panel.shape.value == 101
        assert len(panel.group(Mix).other.options) == 102
        panel.style[0].value = 1.0
        assert panel.session.message.value == ""

    def test_a_file_of_ones_own(self, panel, rng):
        text = "\n".join("v {} {} {}".format(*row) for row in np.eye(3))
        upload(panel, "mine.obj", (text + "\nf 1 2 3\n").encode())
        assert dict(panel.shape.options)["your mine.obj"] == 100
        assert len(drawn(panel)[INPUT]) == 2048

    def test_a_file_that_has_changed_is_drawn_as_it_is_now(self, panel, rng):
        clouds = []
        for stretch in (1, 5):
            np.save(buffer := io.BytesIO(), rng.normal(size=(300, 3)) * (1, stretch, 1))
            upload(panel, "mine.npy", buffer.getvalue())
            clouds.append(drawn(panel)[INPUT])
        assert panel.shape.value == 100
        assert np.ptp(clouds[1], axis=0)[0] < 0.6 * np.ptp(clouds[0], axis=0)[0]

    def test_a_damaged_file_is_named_and_the_view_stays(self, panel):
        before = drawn(panel)
        upload(panel, "broken.ply", b"nonsense")
        assert "broken.ply" in panel.session.message.value
        assert all(same(before, panel))
        assert panel.shape.value == 0


def upload(panel, name: str, content: bytes) -> None:
    panel.group(MoreShapes)._uploaded({"new": ({"name": name, "content": memoryview(content)},)})


class TestColors:
    def test_each_way_to_color(self, panel, chairs):
        expected = {
            "part": by_label(chairs.labels[0]).values,
            "feature of h": panel.session.state.h[:, 3].numpy(),
            "displacement": np.zeros(256),
            "height": chairs.points[0, :, 1],
        }
        before = drawn(panel)
        for color, values in expected.items():
            panel.color.value = color
            np.testing.assert_allclose(panel.session.coloring().values, values, atol=1e-6)
            assert all(same(before, panel))
        panel.color.value = "part"
        assert "chair/seat" in panel.session.readout.value

    def test_colors_that_tell_of_an_edit_follow_it(self, panel):
        panel.color.value = "displacement"
        panel.style[0].value = 3.0
        moved = np.linalg.norm(panel.points() - panel.session.unedited.decoded, axis=1)
        np.testing.assert_allclose(panel.session.view._coloring.values, moved, atol=1e-6)

    def test_what_is_not_known_is_said(self, model, boxes):
        panel = explore(model, boxes, num_directions=2)
        panel.color.value = "part"
        assert "its parts are not known" in panel.session.readout.value

    def test_the_theme_reaches_the_view(self, panel):
        panel.helper.dark = True
        assert panel.session.view.dark
        panel.helper.dark = False
        assert not panel.session.view.dark


class TestHistory:
    def test_undo_and_redo_restore_picture_and_controls(self, panel):
        clouds = [drawn(panel)]
        edits = (
            lambda: setattr(panel.style[0], "value", 1.5),
            lambda: setattr(panel.all_points[2], "value", 1.3),
            lambda: setattr(panel.shape, "value", 3),
            lambda: setattr(panel.group(EditsOfChosenPoints).sliders["turn"], "value", 40),
            lambda: setattr(panel.group(Mix).what, "value", "swap z"),
            lambda: panel.group(Noise).new.click(),
            lambda: panel.reset.click(),
        )
        for edit in edits:
            edit()
            clouds.append(drawn(panel))
        for expected in clouds[-2::-1]:
            press(panel.top.undo)
            assert all(same(expected, panel))
        assert panel.top.undo.disabled
        standing = (panel.style[0].value, panel.all_points[2].value, panel.shape.value)
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
    @pytest.mark.parametrize("kind", [FactorSliders, EditsOfChosenPoints, Mix])
    def test_each_group_is_a_widget_of_its_own(self, model, chairs, kind):
        alone = kind(model, chairs, num_directions=2, start=2)
        assert alone.session.view.widget in alone.children
        assert alone.session.settings.shape == 2
        assert "run this cell in JupyterLab" in repr(alone)

    def test_sliders_of_one_alone_move_points(self, model, chairs):
        alone = FactorSliders(model, chairs, num_directions=2)
        before = drawn(alone)
        alone.sliders["leg_height"].value += 3
        assert same(before, alone) == [True, True, False]

    def test_a_single_cloud_with_a_reference(self, model, chairs):
        panel = explore(model, chairs.points[0], reference=chairs, num_directions=2)
        np.testing.assert_array_equal(drawn(panel)[INPUT], chairs.points[0])
        assert panel.session.settings == Settings()

    def test_unknown_views_are_refused(self, model, chairs):
        with pytest.raises(ValueError, match='"plotly" or "webgl"'):
            explore(model, chairs, num_directions=2, view="crayon")


def test_errors_in_any_group_are_shown_and_leave_the_view(panel, monkeypatch):
    before = drawn(panel)
    controls = [
        (panel.group(NumberSliders).amount, 1.0),
        (panel.group(FactorSliders).sliders["leg_height"], 55.0),
        (panel.group(EditsOfChosenPoints).sliders["x"], 1.0),
        (panel.group(Mix).what, "swap z"),
        (panel.group(Walk).clock, 3),
        (panel.group(Noise).seed, 7),  # the last: a reset keeps the seed, as it keeps the shape
    ]
    for control, value in controls:
        with monkeypatch.context() as broken:
            broken.setattr(editing, "decode", lambda *_: 1 / 0)
            control.value = value
        assert "ZeroDivisionError" in panel.session.message.value, control
        assert all(same(before, panel)), control
        if control is panel.group(Noise).seed:
            break
        press(panel.reset)
        assert panel.session.message.value == "", control
