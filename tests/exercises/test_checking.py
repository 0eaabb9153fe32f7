"""The machinery: what becomes of right, wrong, broken and missing answers."""

import dataclasses
import functools
import importlib
import linecache
import random
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from pcvae.exercises import Wrong, check, compare, exercise, expect, find, numbers, registry
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
        (3, '`check("99.1", ...)` takes the function itself'),
        (None, '`check("99.1", ...)` takes the function itself'),
        (torch.tensor([2.0, 6.0]), '`check("99.1", ...)` takes the function itself'),
        (lambda x: "2.0", "The result should be numbers, but is of type `str`."),
        (lambda x: ["2", "6"], "The result should be numbers, but is of type `list`."),
        (lambda x: [2.0, None], "The result should be numbers, but is of type `list`."),
        (lambda x: {2.0, 6.0}, "The result should be numbers, but is of type `set`."),
        (lambda x: 2 * x + 0j, "The result should be real, but holds complex numbers."),
        (lambda x: (2 * x + 0j).numpy(), "The result should be real, but holds complex numbers."),
        (lambda x: x.mul_(2), "Your function changed the tensor that it was given."),
        (lambda x: sys.exit(), "Your answer ends Python"),
        (nn.Linear(2, 2).forward.__func__, "Python stopped with `TypeError"),
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
    assert message.endswith("of `test_checking.py`: `return torch.matmul(x, torch.ones(3))`")


def test_a_line_of_a_cell_is_said_to_be_of_the_cell():
    source = "def answer(x):\n    return x.nothing"
    linecache.cache["<cell>"] = (len(source), None, source.splitlines(True), "<cell>")
    namespace = {}
    exec(compile(source, "<cell>", "exec"), namespace)
    message = check(ID, namespace["answer"]).message
    assert message.endswith("It happened in line 2 of the cell: `return x.nothing`")


CONVERSIONS = [
    torch.Tensor.numpy,
    torch.Tensor.tolist,
    torch.Tensor.double,
    torch.Tensor.half,
    torch.Tensor.bfloat16,
    torch.Tensor.int,
    torch.Tensor.to_sparse,
    tuple,
    lambda x: list(x.requires_grad_()),
    lambda x: np.ma.array(x.numpy()),
]


@pytest.mark.parametrize("convert", CONVERSIONS)
def test_any_kind_of_numbers_will_do(convert):
    assert check(ID, lambda x: convert(2 * x)).status == "done"


def test_inputs_may_take_part_in_a_gradient():
    assert check(ID, lambda x: 2 * x.requires_grad_()).status == "done"


class Double(nn.Module):
    """An answer that is a module."""

    def forward(self, x):
        return 2 * x


class Misspelt(nn.Module):
    """torch raises NotImplementedError for it."""

    def forwards(self, x):
        return 2 * x


@pytest.mark.parametrize(
    "answer",
    [
        Double(),
        functools.partial(torch.mul, 2),
        np.vectorize(lambda x: 2 * x),
    ],
    ids=["a module", "a partial", "a vectorized function"],
)
def test_whatever_can_be_called_will_do(answer):
    assert check(ID, answer).status == "done"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_jitted_function_will_do():
    assert check(ID, torch.jit.trace(lambda x: 2 * x, torch.ones(2))).status == "done"


def test_an_answer_from_a_file_of_ones_own(tmp_path, monkeypatch):
    source = "def double(x):\n    return 2 * x\n\n\ndef broken(x):\n    return x.nothing\n"
    (tmp_path / "my_answers.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    answers = importlib.import_module("my_answers")
    assert check(ID, answers.double).status == "done"
    message = check(ID, answers.broken).message
    assert message.endswith("It happened in line 6 of `my_answers.py`: `return x.nothing`")


def test_a_stub_is_not_done_and_shows_no_error():
    def stub(x):
        raise NotImplementedError

    assert check(ID, stub).status == "not done yet"


def meta(x):
    return torch.ones(2, device="meta").numpy()


def with_text(x):
    raise NotImplementedError("this case")


@pytest.mark.parametrize("answer", [Misspelt(), meta, with_text, nn.Module()])
def test_only_the_stubs_own_error_means_not_done_yet(answer):
    card = check(ID, answer)
    assert card.status == "not right yet"
    assert card.message.startswith("Python stopped with `")


class Silent(Exception):
    """An error whose text fails as well."""

    def __str__(self):
        raise ValueError


@pytest.mark.parametrize("error", [Exception(), AssertionError(), Silent(), Exception("\n")])
def test_an_error_without_text_is_named(error):
    def answer(x):
        raise error

    card = check(ID, answer)
    assert card.status == "not right yet"
    assert card.message.startswith(f"Python stopped with `{type(error).__name__}`.\nIt happened")


def test_the_readers_interrupt_goes_through_and_puts_random_numbers_back():
    def answer(x):
        torch.rand(3)
        raise KeyboardInterrupt

    before = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        check(ID, answer)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_endless_answer_is_stopped(monkeypatch):
    def answer(x):
        while True:
            pass

    quick = dataclasses.replace(find(ID), seconds=1)
    monkeypatch.setitem(registry._known, ID, quick)
    card = check(ID, answer)
    assert card.status == "not right yet"
    assert "had not come to an end after 1 seconds" in card.message
    assert check(ID, lambda x: 2 * x).status == "done"


def test_a_check_in_another_thread_has_no_limit_but_works():
    assert ThreadPoolExecutor().submit(check, ID, lambda x: 2 * x).result().status == "done"


def test_what_an_answer_prints_is_cut_off(capsys):
    def answer(x):
        for line in range(10_000):
            print(line)
        return 2 * x

    assert check(ID, answer).status == "done"
    printed = capsys.readouterr().out
    assert printed.startswith("0\n1\n2\n")
    assert printed.endswith("leaves out the rest of what your answer prints.\n")
    assert len(printed) < 2200
    print("after")
    assert capsys.readouterr().out == "after\n"


def test_an_exercise_may_ask_for_a_change_in_place():
    @exercise("99.2", "In place", difficulty=1, importance=1, minutes=1, in_place=True)
    def judge(answer):
        x = torch.ones(2)
        answer(x)
        compare(x, [2, 2])

    assert check("99.2", lambda x: x.mul_(2)).status == "done"
    assert check("99.2", lambda x: 2 * x).status == "not right yet"


def test_a_check_may_say_what_it_found():
    @exercise("99.2", "Say", difficulty=1, importance=1, minutes=1)
    def judge(answer):
        return f"It is {answer()}."

    assert repr(check("99.2", lambda: 7)) == "✓ Exercise 99.2, Say: done. It is 7."


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
