"""Answers that are wrong in ways that have nothing to do with the subject: never "done".

All exercises of the course get them, made of the solutions in their notebooks.
"""

import functools
import sys

import numpy as np
import pytest
import torch

from pcvae.exercises import check, exercises
from pcvae.exercises.cards import DONE, WRONG

FUNCTIONS = [exercise for exercise in exercises() if exercise]
IDS = [exercise.id for exercise in FUNCTIONS]


def changed(value, change):
    """Apply a change to all numbers in a result."""
    if isinstance(value, tuple | list):
        return tuple(changed(part, change) for part in value)
    if isinstance(value, dict):
        return {key: changed(part, change) for key, part in value.items()}
    return change(value)


def quietly_stopping(*inputs):
    raise Exception


def leaving(*inputs):
    sys.exit()


class Object:
    """A class where a function is asked for."""

    def __init__(self, *inputs):
        pass


def own(text):
    """Show a shorter id in the report of pytest."""
    return text if isinstance(text, str) else None


ODD = {
    "None": lambda *inputs: None,
    "a string": lambda *inputs: "0.5",
    "a string of numbers": lambda *inputs: ["1", "2"],
    "a dict": lambda *inputs: {"result": 1.0},
    "a function": lambda *inputs: quietly_stopping,
    "a generator": lambda *inputs: (value for value in inputs),
    "a NaN": lambda *inputs: torch.tensor(torch.nan),
    "an empty tensor": lambda *inputs: torch.empty(0),
    "a wrong shape": lambda *inputs: torch.zeros(1, 2, 3, 4, 5),
    "a complex number": lambda *inputs: 1j,
    "a tuple of three": lambda *inputs: (1.0, 2.0, 3.0),
    "a tuple of Nones": lambda *inputs: (None, None),
    "an error without text": quietly_stopping,
    "sys.exit": leaving,
    "its first input": lambda *inputs: inputs[0] if inputs else None,
    "its last input": lambda *inputs: inputs[-1] if inputs else None,
    "all its inputs": lambda *inputs: inputs,
    "too few parameters": lambda: 0.0,
    "a class": Object,
    "a number in place of a function": 0.5,
    "a tensor in place of a function": torch.ones(2),
    "nothing in place of a function": None,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("id", IDS)
def test_an_odd_answer_is_told_what_is_wrong(id, odd):
    card = check(id, odd)
    assert card.status == WRONG, card
    assert len(card.message) > 10


@pytest.fixture(scope="session")
def solutions(posed):
    """A function from an exercise to what its solution defines."""
    return functools.cache(lambda id: posed(id).answer(posed(id).solution))


DISTORTIONS = {
    "NaN": lambda value: value * torch.nan,
    "complex": lambda value: value + 0j,
    "text": str,
    "one axis more": lambda value: value[None] if np.ndim(value) else [[value]],
    "of a known size, but wrong": lambda value: value * 0 + 0.4321,
}
# Their results are no numbers: a dict of a run's parts, True or False, words, nothing at all.
NO_NUMBERS = {"03.3", "07.2", "07.3", "07.4", "11.2"}
# Their checks train for some seconds; mistakes of their own are in the chapters' tests.
OPEN = {exercise.id for exercise in exercises() if exercise.is_open}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("distortion", DISTORTIONS.values(), ids=DISTORTIONS)
@pytest.mark.parametrize("id", [id for id in IDS if id not in NO_NUMBERS | OPEN])
def test_a_distorted_solution_is_wrong(solutions, id, distortion):
    def answer(*inputs, **named):
        return changed(solutions(id)(*inputs, **named), distortion)

    card = check(id, answer)
    assert card.status == WRONG, card


def double(value):
    return value.double() if isinstance(value, torch.Tensor) else np.asarray(value, dtype=float)


def arrays(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else torch.as_tensor(value)


@pytest.mark.parametrize(
    ("id", "kind"),
    [(id, double) for id in IDS if id not in NO_NUMBERS | OPEN]
    + [
        (id, arrays) for id in IDS if id not in NO_NUMBERS | OPEN | {"02.2"}
    ],  # 02.2 needs the gradient
)
def test_other_kinds_of_numbers_will_do(solutions, id, kind):
    def answer(*inputs, **named):
        return changed(solutions(id)(*inputs, **named), kind)

    card = check(id, answer)
    assert card.status == DONE, card


def test_numpy_for_a_gradient_is_told_why_not(solutions, rejects):
    def answer(*inputs):
        return arrays(solutions("02.2")(*inputs))

    rejects("02.2", answer, "No gradient leads back")


SYMMETRIC = {"01.3", "02.3", "06.1"}  # distances are
ONE_INPUT = {"03.2", "03.3", "07.2", "07.3"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("id", [id for id in IDS if id not in SYMMETRIC | ONE_INPUT | OPEN])
def test_swapped_arguments_are_wrong(solutions, id):
    def answer(first, second, *others):
        return solutions(id)(second, first, *others)

    card = check(id, answer)
    assert card.status == WRONG, card


def spoil(value):
    """Change an array, a tensor, or the first ones of a list in place."""
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        value.data.add_(1)
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value += 1
    elif isinstance(value, np.ndarray) and value.dtype.kind == "U":
        value[:] = ""


@pytest.mark.parametrize("id", [id for id in IDS if id not in OPEN])
def test_a_right_answer_that_spoils_its_inputs_is_wrong(solutions, id):
    seen = []

    def answer(*inputs, **named):
        result = solutions(id)(*inputs, **named)
        for value in inputs:
            if isinstance(value, torch.Tensor | np.ndarray):
                spoil(value)
                seen.append(value)
        return result

    card = check(id, answer)
    if not seen:
        pytest.skip("it is given no numbers")
    assert card.status == WRONG, card


@pytest.mark.parametrize("id", [id for id in IDS if id not in OPEN])
def test_a_solution_may_print_and_come_in_other_clothes(solutions, id, capsys):
    solution = solutions(id)

    def talking(*inputs, **named):
        print("x" * 10_000)
        return solution(*inputs, **named)

    for answer in (talking, functools.partial(solution), lambda *i, **n: solution(*i, **n)):
        assert check(id, answer).status == DONE
    assert len(capsys.readouterr().out) < 2200
