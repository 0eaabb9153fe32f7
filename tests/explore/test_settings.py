"""Settings back in time."""

from dataclasses import replace

from pcvae import editing
from pcvae.explore.settings import ALL_POINTS, ChosenPoints, History, Settings
from pcvae.explore.steps import STATE, WEIGHT, Step


def lift(by: float) -> Step:
    return Step(editing.lift_points, (STATE, by))


def test_edits_stand_at_their_places():
    settings = Settings().with_edit(7, lift(0.7)).with_edit(5, lift(0.5)).with_edit(6, lift(0.6))
    assert [edit.arguments[1] for edit in settings.steps()] == [0.5, 0.6, 0.7]
    settings = settings.with_edit(6, lift(0.1)).with_edit(5, None)
    assert [edit.arguments[1] for edit in settings.steps()] == [0.1, 0.7]
    assert settings.edit(5) is None
    assert settings.edit(7).arguments[1] == 0.7
    assert settings.unedited() == Settings()


def test_chosen_points_are_edited_last_kept_edits_first():
    moves = [Step(editing.move, (STATE, WEIGHT, (by, 0.0, 0.0))) for by in (1.0, 2.0)]
    kept, draft = (ChosenPoints(edits=(move,)) for move in moves)
    settings = replace(Settings().with_edit(9, lift(1.0)), kept=(kept,), draft=draft)
    weight = settings.draft.where
    assert [step.function.__name__ for step in settings.steps()] == [
        "lift_points",
        *("select_half_space", "move") * 2,
    ]
    assert settings.steps()[1:] == [weight, moves[0], weight, moves[1]]
    assert ChosenPoints().steps() == []


def test_a_drag_is_one_step_of_history_and_a_new_edit_ends_the_future():
    start = Settings()
    history = History(start)
    for value in (0.1, 0.2, 0.3):
        history = history.push(start.with_edit(ALL_POINTS, lift(value)), key="lift")
    history = history.push(replace(history.present, seed=4), key="seed")
    assert history.undo().present.edit(ALL_POINTS) == replace(lift(0.3), place=ALL_POINTS)
    back = history.undo().undo()
    assert back.present == start
    assert back.push(start) is back
    assert back.push(replace(start, shape=1)).redo().present.shape == 1


def test_history_forgets_what_is_long_ago():
    history = History(Settings())
    for step in range(3 * History.LIMIT):
        history = history.push(Settings(seed=step + 1))
    assert len(history.past) == History.LIMIT
