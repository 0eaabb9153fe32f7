"""From settings to clouds, to code and back in time."""

from dataclasses import replace

import numpy as np
import pytest

from pcvae import editing
from pcvae.explore.editor import Editor
from pcvae.explore.settings import (
    MIX,
    MOVE_FACTORS,
    MOVE_NUMBERS,
    MOVE_STYLE,
    ChosenPoints,
    History,
    Settings,
)
from pcvae.explore.shape_list import ShapeList
from pcvae.explore.steps import DECODED, FACTORS, LABELS, LATENTS, POINTS, STATE, Step
from pcvae.explore.tabs import points, sliders
from pcvae.explore.tabs.mix import mixed
from pcvae.explore.tabs.sliders import move_style


def chosen(where: Step, **values: float) -> ChosenPoints:
    edits = [(place, points.EDITS[name], name) for place, name in enumerate(points.EDITS)]
    made = [replace(e.at(values[name]), place=p) for p, e, name in edits if name in values]
    return ChosenPoints(where, tuple(made))


def all_points(*values: float) -> Settings:
    settings = Settings()
    for index, (edit, value) in enumerate(zip(sliders.EDITS, values, strict=True)):
        settings = settings.with_edit(10 + index, edit.at(value))
    return settings


BALL = Step(editing.select_ball, (LATENTS, 7, 0.5, 0.2), "weight")
HALF = Step(editing.select_half_space, (DECODED, 0, 0.1, False, 0.1), "weight")
PARTS = Step(editing.select_parts, (POINTS, LABELS, (0, 1), 0.1), "weight")
EDITS = chosen(BALL, x=0.1, z=-0.2, scale=1.3, turn=20.0, jitter=0.1, feature=0.5)
Z = Settings().with_edit(MOVE_STYLE, move_style((1.0, 0.0, -0.5)))
NUMBERS = Step(editing.move_dimensions, (STATE, {1: -1.0, 3: 0.5}))
LONGER = Step(editing.move_factors, (STATE, FACTORS, {"leg_height": 10.0, "seat_width": -5.0}))
SETTINGS = {
    "nothing": Settings(),
    "z": Z.with_edit(MOVE_NUMBERS, NUMBERS),
    "h": replace(all_points(0.5, 0.3, 1.2, -0.4), seed=4),
    "factors": Settings().with_edit(MOVE_FACTORS, LONGER),
    "points": Settings(kept=(EDITS, chosen(PARTS, feature=1.0)), draft=EDITS),
    "half-space": Settings(draft=chosen(HALF, turn=30.0)),
    "fewer points": replace(Z, shape=3, num_points=100),
    "more points": Settings(shape=3, num_points=300),
    "swap z": Settings(other=4).with_edit(MIX, mixed("swap z", 0.0)),
    "swap h": replace(all_points(1.0, 0.0, 0.8, 0.0), other=4).with_edit(MIX, mixed("swap h", 0.0)),
    "interpolate": Settings(other=4).with_edit(MIX, mixed("both", 0.3)),
    "interpolate to a sample": Settings(other=102).with_edit(MIX, mixed("h", 0.6)),
    "procedural": Settings(shape=100, draft=chosen(PARTS, y=0.1)),
    "sample": Settings(shape=102, seed=3, draft=EDITS),
}


@pytest.fixture(scope="module", params=["held", "prior"])
def editor(request, model, prior_model, chairs) -> Editor:
    shapes = ShapeList(chairs)
    shapes.add_procedural("mug", seed=1, num_points=256)
    shapes.add_procedural("chair", seed=2, num_points=200)
    shapes.add_sample(seed=5)
    return Editor(model if request.param == "held" else prior_model, shapes, None, 3)


def cloud(editor: Editor, settings: Settings) -> np.ndarray:
    return editor.run(settings)[1]


@pytest.mark.parametrize("name", SETTINGS)
def test_the_code_makes_the_same_cloud_bit_for_bit(editor, chairs, name):
    settings = replace(SETTINGS[name], use_prior=editor.has_prior)
    scope = {"model": editor.model, "shapes": chairs}
    exec(editor.code(settings), scope)
    np.testing.assert_array_equal(scope["cloud"], cloud(editor, settings))
    if name != "nothing":
        plain = replace(settings.unedited(), shape=0, num_points=None, seed=0)
        assert not np.array_equal(cloud(editor, plain), scope["cloud"])


def test_through_the_noise_too(prior_model, chairs):
    editor = Editor(prior_model, ShapeList(chairs), None, 3)
    settings = Settings(use_prior=True, other=4).with_edit(MIX, mixed("noise", 0.5))
    scope = {"model": prior_model, "shapes": chairs}
    exec(editor.code(settings), scope)
    np.testing.assert_array_equal(scope["cloud"], cloud(editor, settings))


@pytest.mark.parametrize("single", [True, False])
def test_code_for_arrays_and_a_reference_names_what_the_reader_has(model, chairs, single):
    shapes = chairs.points[3] if single else chairs.points[:5]
    editor = Editor(model, ShapeList(shapes), chairs, 3)
    settings = replace(Z, shape=0 if single else 4, other=0).with_edit(MIX, mixed("h", 0.2))
    scope = {"model": model, "shapes": shapes, "reference": chairs}
    exec(editor.code(settings), scope)
    np.testing.assert_array_equal(scope["cloud"], cloud(editor, settings))


def test_without_edits_it_is_the_encoded_shape(editor, chairs):
    state = editing.encode(editor.model, chairs.points[5])
    expected = editing.decode(editor.model, state)
    settings = Settings(shape=5, use_prior=editor.has_prior)
    np.testing.assert_array_equal(cloud(editor, settings), expected)


def test_undo_restores_bit_for_bit_and_redo_too(editor):
    settings = [replace(one, use_prior=editor.has_prior) for one in SETTINGS.values()]
    clouds = [cloud(editor, one) for one in settings]
    history = History(settings[0])
    for one in settings[1:]:
        history = history.push(one)
    for expected in clouds[-2::-1]:
        history = history.undo()
        np.testing.assert_array_equal(cloud(editor, history.present), expected)
    assert history.undo() is history
    for expected in clouds[1:]:
        history = history.redo()
        np.testing.assert_array_equal(cloud(editor, history.present), expected)
    assert history.redo() is history


def test_more_points_than_there_are_differ_by_their_noise(editor, chairs):
    state, _ = editor.run(Settings(num_points=300))
    rows = editing.take_points(np.arange(256), 300)
    unedited = editor.unedited(Settings(num_points=300))
    np.testing.assert_array_equal(unedited.input, chairs.points[0][rows])
    assert not np.array_equal(state.h[256:], state.h[rows[256:]])


def test_factor_sliders_start_at_the_shapes_own_factors(editor, chairs):
    own = editor.own_factors(Settings(shape=2))
    assert own["leg_height"] == pytest.approx(float(chairs.factors["chair/leg_height"][2]))
    assert editor.family_of(Settings(shape=2)) == "chair"
    assert editor.family_of(Settings(shape=100)) == ""  # a mug: none among the shapes
    with pytest.raises(ValueError, match="shapes whose factors are known"):
        editor.factors_of(Settings(shape=100))


def test_parts_of_a_shape_without_any_are_refused(editor):
    settings = Settings(shape=102, draft=chosen(PARTS, x=1.0))
    with pytest.raises(ValueError, match="parts of this shape are not known"):
        editor.run(settings)


def test_an_edit_of_chosen_points_does_not_run_the_flow_again(prior_model, chairs, monkeypatch):
    editor = Editor(prior_model, ShapeList(chairs), None, 3)
    flow, runs = type(prior_model.prior.points).from_noise, []

    def counted(self, *arguments, **options):
        runs.append(self)
        return flow(self, *arguments, **options)

    monkeypatch.setattr(type(prior_model.prior.points), "from_noise", counted)
    moved = replace(Z, use_prior=True)
    editor.run(moved)
    editor.unedited(moved)
    before = len(runs)
    for by in (0.1, 0.2, 0.3):  # a drag, of a shape whose z was moved
        editor.run(replace(moved, draft=chosen(HALF, y=by)))
    assert len(runs) == before
