"""Compare what an answer returns, and say what is wrong in terms of the subject."""

import numbers as kinds
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

# Relative and absolute: float32 through a handful of operations.
TOLERANCE = 1e-4


class Wrong(Exception):
    """An answer is wrong; the message says so to the reader, code in backticks."""


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
        Wrong: it is None, no numbers or complex ones, of another shape, or not finite.
    """
    if value is None:
        raise Wrong(f"{what} is `None`. Is the `return` missing?")
    array = _real(value, what)
    if shape is not None and array.shape != shape:
        known = (shapes or {}).get(array.shape, "")
        raise Wrong(f"{what} should have shape {shape}, but has {array.shape}. {known}".rstrip())
    if not np.isfinite(array).all():
        raise Wrong(f"{what} holds NaN or infinity.")
    return array


def _real(value: Any, what: str) -> np.ndarray:
    """Return real numbers as float64, or say of what type they are instead."""
    kind = type(value).__name__
    try:
        array = np.asarray(_plain(value))
        real = array.dtype.kind in "biuf" or all(
            isinstance(number, kinds.Real) for number in array.flat
        )
        if array.dtype.kind == "c":
            raise Wrong(f"{what} should be real, but holds complex numbers.")
        if real:
            return array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise Wrong(f"{what} should be numbers, but is of type `{kind}`.") from error
    raise Wrong(f"{what} should be numbers, but is of type `{kind}`.")


def _plain(value: Any) -> Any:
    """Return tensors as NumPy arrays, those inside lists and tuples as well."""
    if isinstance(value, torch.Tensor):
        dense = value.detach().cpu().to_dense()
        return (dense.float() if dense.dtype is torch.bfloat16 else dense).numpy(force=True)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def compare(
    got: Any,
    expected: Any,
    mistakes: Mapping[str, Any] | None = None,
    *,
    what: str = "The result",
    tolerance: float = TOLERANCE,
    cases: Sequence[str] = (),
) -> None:
    """Compare numbers, and recognize the results of known mistakes.

    Args:
        got: the answer's numbers, of the shape of `expected`.
        expected: the right ones.
        mistakes: for each message the numbers that this mistake leads to, of the same shape.
        what: what the numbers are, as the beginning of a sentence.
        tolerance: relative, and absolute.
        cases: what the answer was given for each entry of the first axis, where the reader cannot
            see it, such as "w = 0.5 and R = 2".

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
    where = _where([int(index) for index in place], cases)
    raise Wrong(f"{what}{where} should be {expected[place]:.4g}, but is {got[place]:.4g}.")


def _where(place: list[int], cases: Sequence[str]) -> str:
    """Name a place in an array by what the answer was given, if that is known, else by index."""
    named = f" for {cases[place.pop(0)]}" if cases else ""
    return f" at index [{', '.join(map(str, place))}]{named}" if place else named


def _close(one: np.ndarray, other: np.ndarray, tolerance: float) -> bool:
    """Whether shapes are equal, and numbers to within the tolerance."""
    return one.shape == other.shape and np.allclose(one, other, rtol=tolerance, atol=tolerance)
