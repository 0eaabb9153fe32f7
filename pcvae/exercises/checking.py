"""Run an answer, compare what it returns, and say what is wrong in terms of the subject."""

import random
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pcvae.exercises.cards import DONE, NOT_DONE, WRONG, Card
from pcvae.exercises.records import record
from pcvae.exercises.registry import Exercise, find

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
TODO = "Write your answer above, then run the cell again."
WELL_DONE = "That is right."
# Relative and absolute: float32 through a handful of operations.
TOLERANCE = 1e-4


class Wrong(Exception):
    """An answer is wrong; the message says so to the reader, code in backticks."""


def check(id: str, answer: Any) -> Card:
    """Judge the reader's answer to an exercise.

    Args:
        id: the exercise, such as "01.2".
        answer: what the reader wrote, usually a function.

    Returns:
        A card. The last line of a cell shows it.

    Raises:
        ValueError: there is no such exercise. Whatever the answer raises becomes a card instead.
    """
    found = find(id)
    status, message = _judged(found, answer)
    record(id, status)
    return Card(found.id, found.title, status, message)


def _judged(found: Exercise, answer: Any) -> tuple[str, str]:
    """Return the status of an answer and what to say about it."""
    try:
        with _same_random_numbers():
            found.judge(answer)
    except NotImplementedError:
        return NOT_DONE, TODO
    except Wrong as wrong:
        return WRONG, str(wrong)
    except Exception as error:  # the reader's own, whatever it is
        return WRONG, _explain(error)
    return DONE, WELL_DONE


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Seed all generators, and put them back: a check must not change what the notebook draws."""
    kept = random.getstate(), np.random.get_state()  # noqa: NPY002 - answers may use the old one
    with torch.random.fork_rng(devices=[]):
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        try:
            yield
        finally:
            random.setstate(kept[0])
            np.random.set_state(kept[1])  # noqa: NPY002


def _explain(error: Exception) -> str:
    """Name the error and the line of the reader's code that it came from."""
    message = f"Python stopped with `{type(error).__name__}: {_short(error)}`."
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if _is_theirs(frame.filename)]
    if not theirs or not theirs[-1].line:
        return message
    return f"{message}\nIt happened in line {theirs[-1].lineno} of the cell: `{theirs[-1].line}`"


def _is_theirs(filename: str) -> bool:
    """Whether a frame belongs to a cell: not to this package, to Python or to a library."""
    return not any(Path(filename).is_relative_to(folder) for folder in (PACKAGE, *LIBRARIES))


def _short(error: Exception) -> str:
    """Return the first line of an error's message, without backticks, which would end the code."""
    lines = str(error).replace("`", "'").splitlines() or [""]
    return lines[0][:200]


def expect(condition: bool | np.bool_ | torch.Tensor, message: str) -> None:
    """Raise Wrong with this message unless the condition holds."""
    if not condition:
        raise Wrong(message)


def numbers(
    value: Any,
    shape: tuple[int, ...] | None = None,
    what: str = "The result",
    shapes: Mapping[tuple[int, ...], str] | None = None,
) -> np.ndarray:
    """Return what an answer returned as float64 numbers, or say why it cannot be right.

    Args:
        value: a number, a NumPy array, a tensor (with or without gradient), a list.
        shape: the shape it must have; any if not given.
        what: what the numbers are, as the beginning of a sentence.
        shapes: messages for shapes that come from a known mistake.

    Raises:
        Wrong: it is None, no numbers, of another shape, or not finite.
    """
    if value is None:
        raise Wrong(f"{what} is `None`. Is the `return` missing?")
    try:
        tensor = isinstance(value, torch.Tensor)
        array = np.asarray(value.detach().cpu() if tensor else value, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = type(value).__name__
        raise Wrong(f"{what} should be numbers, but is of type `{kind}`.") from error
    if shape is not None and array.shape != shape:
        known = (shapes or {}).get(array.shape, "")
        raise Wrong(f"{what} should have shape {shape}, but has {array.shape}. {known}".rstrip())
    if not np.isfinite(array).all():
        raise Wrong(f"{what} holds NaN or infinity.")
    return array


def compare(
    got: Any,
    expected: Any,
    mistakes: Mapping[str, Any] | None = None,
    *,
    what: str = "The result",
    tolerance: float = TOLERANCE,
) -> None:
    """Compare numbers, and recognize the results of known mistakes.

    Args:
        got: the answer's numbers, of the shape of `expected`.
        expected: the right ones.
        mistakes: for each message the numbers that this mistake leads to, of the same shape.
        what: what the numbers are, as the beginning of a sentence.
        tolerance: relative, and absolute.

    Raises:
        Wrong: they differ; with the message of the first mistake that gives the same numbers, else
            with the place where they differ most.
    """
    got, expected = numbers(got, what=what), numbers(expected)
    if _close(got, expected, tolerance):
        return
    for message, value in (mistakes or {}).items():
        if _close(got, numbers(value), tolerance):
            raise Wrong(message)
    if got.shape != expected.shape:
        raise Wrong(f"{what} should have shape {expected.shape}, but has {got.shape}.")
    place = np.unravel_index(np.argmax(np.abs(got - expected)), expected.shape)
    where = f" at index [{', '.join(str(int(i)) for i in place)}]" if place else ""
    raise Wrong(f"{what}{where} should be {expected[place]:.4g}, but is {got[place]:.4g}.")


def _close(one: np.ndarray, other: np.ndarray, tolerance: float) -> bool:
    """Whether shapes are equal, and numbers to within the tolerance."""
    return one.shape == other.shape and np.allclose(one, other, rtol=tolerance, atol=tolerance)
