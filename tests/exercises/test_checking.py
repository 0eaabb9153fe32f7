"""The machinery: what becomes of right, wrong, broken and missing answers."""

import random

import numpy as np
import pytest
import torch

from pcvae.exercises import Wrong, check, compare, exercise, expect, find, numbers
from pcvae.exercises.cards import Card

ID = "99.1"


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """One exercise, which is there during these tests only: double what you get."""
    monkeypatch.setattr("pcvae.exercises.registry._known", {})
    monkeypatch.setattr("pcvae.exercises.registry._modules", list)

    @exercise(ID, "Twice & again", difficulty=2, importance=3, minutes=4)
    def judge(answer):
        x = torch.tensor([1.0, 3.0])
        got = numbers(answer(x.clone()), shape=(2,), shapes={(): "You summed."})
        compare(got, 2 * x, {"You squared `x`.": x * x})


def test_right(known):
    card = check(ID, lambda x: 2 * x)
    assert repr(card) == "✓ Exercise 99.1, Twice & again: done. That is right."
    assert "<b>✓ Exercise 99.1, Twice &amp; again: done.</b>" in card._repr_html_()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x * x, "You squared `x`."),
        (lambda x: x.sum(), "The result should have shape (2,), but has (). You summed."),
        (lambda x: x[None], "The result should have shape (2,), but has (1, 2)."),
        (lambda x: x + 7, "The result at index [0] should be 2, but is 8."),
        (lambda x: None, "The result is `None`. Is the `return` missing?"),
        (lambda x: x / 0, "The result holds NaN or infinity."),
        (lambda x: "four", "The result should be numbers, but is of type `str`."),
        (lambda x, y: x, "Python stopped with `TypeError"),
        (3, "Python stopped with `TypeError: 'int' object is not callable`."),
    ],
)
def test_wrong(answer, message):
    card = check(ID, answer)
    assert card.status == "not right yet"
    assert card.message.startswith(message)


def test_an_error_names_the_readers_line():
    def answer(x):
        return torch.matmul(x, torch.ones(3))

    message = check(ID, answer).message
    assert message.startswith("Python stopped with `RuntimeError")
    assert message.endswith("of the cell: `return torch.matmul(x, torch.ones(3))`")


@pytest.mark.parametrize("convert", [torch.Tensor.numpy, torch.Tensor.tolist, torch.Tensor.double])
def test_any_kind_of_numbers_will_do(convert):
    assert check(ID, lambda x: convert(2 * x)).status == "done"
    assert check(ID, lambda x: 2 * x.requires_grad_()).status == "done"


def test_a_stub_is_not_done_and_shows_no_error():
    def stub(x):
        raise NotImplementedError

    assert check(ID, stub).status == "not done yet"


def test_checks_leave_the_notebooks_random_numbers_alone():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    drawn = []

    def answer(x):
        drawn.append(draw())
        return 2 * x

    check(ID, answer)
    first = draw()
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    assert draw() == first == drawn[0]
    check(ID, answer)
    assert drawn[0] == drawn[1]


def test_expect():
    expect(torch.tensor(True), "no")
    with pytest.raises(Wrong, match="no"):
        expect(np.bool_(False), "no")


def test_markup_in_messages_is_code_or_nothing():
    page = Card(ID, "t", "not right yet", "`a < b`\n<script>")._repr_html_()
    assert "a &lt; b</code><br>&lt;script&gt;" in page
    assert "<script>" not in page


def test_an_unknown_id_names_those_there_are():
    with pytest.raises(ValueError, match=r"no exercise '12.3'; there are 99.1"):
        check("12.3", None)


@pytest.mark.parametrize("id", ["1.2", "01", "01.2 "])
def test_ids_have_one_form(id):
    with pytest.raises(ValueError, match="chapter and number"):
        exercise(id, "t", difficulty=1, importance=1, minutes=1)


@pytest.mark.parametrize(("difficulty", "minutes"), [(0, 1), (6, 1), (1, 0)])
def test_effort_has_bounds(difficulty, minutes):
    with pytest.raises(ValueError, match=r"within 1\.\.5"):
        exercise(ID, "t", difficulty=difficulty, importance=1, minutes=minutes)


def test_announcement():
    assert find(ID).announcement == (
        "### Exercise 99.1: Twice & again\n\nDifficulty ●●○○○ · importance ●●●○○ · about 4 minutes"
    )
