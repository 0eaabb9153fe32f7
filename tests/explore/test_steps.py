"""Steps: run and printed from one list. And what a new edit needs: a function and its slider."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pcvae import editing
from pcvae.explore import EditsOfChosenPoints, Explorer, explore
from pcvae.explore.controls import VALUE, SliderEdit
from pcvae.explore.steps import (
    MODEL,
    POINTS,
    STATE,
    WEIGHT,
    Given,
    Name,
    Runner,
    Step,
    prepared,
    printed,
)
from pcvae.explore.tabs import points, sliders
from pcvae.explore.tabs.save import Save
from pcvae.widgets.view import LATENT


def twist_points(state: editing.LatentState, degrees: float) -> editing.LatentState:
    """Twist h_xyz about the upright axis, each point by its height."""

    def twisted(h: torch.Tensor) -> torch.Tensor:
        angle = torch.deg2rad(degrees * h[:, 1])
        x, z = h[:, 0], h[:, 2]
        turned = (angle.cos() * x + angle.sin() * z, angle.cos() * z - angle.sin() * x)
        return torch.stack([turned[0], h[:, 1], turned[1], *h.T[3:]], dim=1)

    return state.edited(twisted)


def mirror(state: editing.LatentState, weight: np.ndarray, amount: float) -> editing.LatentState:
    """Carry chosen points to the other side."""
    side = torch.tensor([-1.0, 1.0, 1.0, 1.0])
    chosen = amount * torch.from_numpy(weight)[:, None]
    return state.edited(lambda h: torch.lerp(h, side * h, chosen))


def shown_code(panel: Explorer) -> str:
    saver = panel.group(Save)
    saver.buttons["Python"].click()
    assert panel.session.message.value == ""
    return saver.code.value


def drawn_and_printed_agree(panel: Explorer, model, shapes) -> None:
    scope = {"model": model, "shapes": shapes}
    # What the tests' own module is called when it is imported depends on pytest.
    exec(shown_code(panel).replace(f"from {__name__} import", "#"), scope | globals(), scope)
    np.testing.assert_array_equal(scope["cloud"], panel.points())


class TestANewEdit:
    """Two files: the function in `pcvae.editing`, and a line in a tab's `EDITS`."""

    def test_of_all_points(self, model, chairs, monkeypatch):
        line = SliderEdit(
            "twist", "Twists.", (-90.0, 90.0, 0.0), Step(twist_points, (STATE, VALUE))
        )
        monkeypatch.setattr(sliders, "EDITS", (*sliders.EDITS, line))
        panel = explore(model, chairs, num_directions=2, view="webgl")
        before = panel.session.view.coordinates(LATENT)
        for degrees in (10.0, 20.0, 30.0):  # a drag
            panel.all_points[-1].value = degrees
        latent = panel.session.view.coordinates(LATENT)
        assert np.linalg.norm(latent - before, axis=1).mean() > 0.05
        radius, rose = (np.hypot(c[:, 0], c[:, 2]) for c in (before, latent))
        np.testing.assert_allclose(rose, radius, atol=1e-5)
        assert "twist_points(state, 30.0)" in shown_code(panel)
        drawn_and_printed_agree(panel, model, chairs)
        panel.top.undo.click()
        assert panel.all_points[-1].value == 0.0
        np.testing.assert_array_equal(panel.session.view.coordinates(LATENT), before)
        panel.top.redo.click()
        assert panel.all_points[-1].value == 30.0
        np.testing.assert_array_equal(panel.session.view.coordinates(LATENT), latent)

    def test_of_chosen_points(self, model, chairs, monkeypatch):
        line = SliderEdit("mirror", "", (0.0, 1.0, 0.0), Step(mirror, (STATE, WEIGHT, VALUE)))
        monkeypatch.setattr(points, "EDITS", points.EDITS | {"mirror": line})
        panel = explore(model, chairs, num_directions=2, view="webgl")
        panel.group(EditsOfChosenPoints).sliders["mirror"].value = 1.0
        unedited = panel.session.unedited
        sides = np.where(unedited.input[:, 1] >= 0, -1, 1)
        latent = panel.session.view.coordinates(LATENT)
        np.testing.assert_allclose(latent[:, 0], sides * unedited.latent[:, 0], atol=1e-6)
        assert "mirror(state, weight, 1.0)" in shown_code(panel)
        drawn_and_printed_agree(panel, model, chairs)


@pytest.mark.parametrize("line", [*sliders.EDITS, *points.EDITS.values()], ids=lambda e: e.label)
def test_sliders_stand_where_their_steps_say(line):
    low, high, rest = line.span
    assert line.at(rest) is None
    assert line.value_of(None) == rest
    for value in (low, high, 0.3):
        assert line.value_of(line.at(value)) == value


def test_what_a_step_needs_is_made_before_it_and_once():
    sources = {
        "points": [Step(None, (Given("shapes", 1),), "points")],
        "state": [Step(abs, (MODEL, POINTS), "state"), Step(abs, (STATE,), "state")],
        "order": [Step(abs, (POINTS, STATE), "order")],
    }
    made = [step.to for step in prepared(["order", "state", "points", "model"], sources)]
    assert made == ["points", "state", "state", "order"]


class TestRunner:
    @pytest.fixture
    def counted(self) -> list:
        return []

    @pytest.fixture
    def steps(self, counted) -> list[Step]:
        def add(one, other):
            counted.append((one, other))
            return one + other

        return [
            Step(None, (Given("start", 1),), "state"),
            Step(add, (STATE, 10)),
            Step(add, (STATE, Name("more"))),
        ]

    def test_only_what_has_changed_runs_again(self, steps, counted):
        runner = Runner({"more": 100})
        assert runner.run(steps)["state"] == 111
        for last in (200, 300, 200):
            moved = [*steps[:2], replace(steps[2], arguments=(STATE, last))]
            assert runner.run(moved)["state"] == 11 + last
        assert counted == [(1, 10), (11, 100), (11, 200), (11, 300)]
        runner.forget()
        runner.run(steps)
        assert counted[4:] == [(1, 10), (11, 100)]

    def test_a_changed_beginning_runs_all_again(self, steps, counted):
        runner = Runner({"more": 100})
        runner.run(steps)
        assert runner.run([Step(None, (2,), "state"), *steps[1:]])["state"] == 112
        assert len(counted) == 4

    def test_a_step_that_failed_is_tried_again(self):
        calls = iter([ZeroDivisionError, None])

        def sometimes():
            if error := next(calls):
                raise error
            return 5

        runner, steps = Runner({}), [Step(sometimes, (), "state")]
        with pytest.raises(ZeroDivisionError):
            runner.run(steps)
        assert runner.run(steps)["state"] == 5


def test_printed_code_imports_what_it_needs():
    given = Given("generate(1)", 1, "from pcvae.data.procedural import generate")
    steps = [Step(None, (given,), "points"), Step(twist_points, (STATE, 3.0))]
    text = printed([*steps, Step(editing.hold, (STATE,))], "what you have")
    assert text.splitlines() == [
        "from pcvae import editing",
        "from pcvae.data.procedural import generate",
        f"from {__name__} import twist_points",
        "",
        "# what you have",
        "points = generate(1)",
        "state = twist_points(state, 3.0)",
        "state = editing.hold(state)",
    ]
