"""Run an answer, and make a card of whatever becomes of it."""

import sysconfig
import traceback
from pathlib import Path
from typing import Any

from pcvae.exercises.cards import DONE, NOT_DONE, WRONG, Card
from pcvae.exercises.comparing import Wrong
from pcvae.exercises.guards import little_printed, same_random_numbers, watched, within
from pcvae.exercises.records import record
from pcvae.exercises.registry import Exercise, find

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
TODO = "Write your answer above, then run the cell again."
WELL_DONE = "That is right."


def check(id: str, answer: Any) -> Card:
    """Judge the reader's answer to an exercise.

    Args:
        id: the exercise, such as "01.2".
        answer: what the reader wrote, usually a function.

    Returns:
        A card. The last line of a cell shows it.

    Raises:
        ValueError: there is no such exercise. Whatever the answer raises becomes a card instead.
        KeyboardInterrupt: the reader interrupted the answer.
    """
    found = find(id)
    status, message = _judged(found, answer)
    record(id, status)
    return Card(found.id, found.title, status, message)


def _judged(found: Exercise, answer: Any) -> tuple[str, str]:
    """Return the status of an answer and what to say about it."""
    if not callable(answer):
        return WRONG, _what_to_give(found, answer)
    try:
        with same_random_numbers(), little_printed(), within(found.seconds):
            said = found.judge(answer if found.in_place else watched(answer))
    except Wrong as wrong:
        return WRONG, str(wrong)
    except SystemExit:
        return WRONG, "Your answer ends Python (`exit` or `sys.exit`). Return the result instead."
    except Exception as error:  # the reader's own, whatever it is
        return (NOT_DONE, TODO) if _is_stub(error) else (WRONG, _explain(error))
    return DONE, said or WELL_DONE


def _what_to_give(found: Exercise, answer: Any) -> str:
    """Say that an answer is what a function returned, and not the function."""
    kind = type(answer).__name__
    return (
        f'`check("{found.id}", ...)` takes the function itself, its name without parentheses, but '
        f"got a value of type `{kind}`."
    )


def _is_stub(error: Exception) -> bool:
    """Whether an error is a stub's own `raise NotImplementedError`.

    torch raises it too, for a module without `forward` and for what it cannot compute.
    """
    frames = traceback.extract_tb(error.__traceback__)
    theirs = bool(frames) and _is_theirs(frames[-1].filename)
    return type(error) is NotImplementedError and not error.args and theirs


def _explain(error: Exception) -> str:
    """Name the error and the line of the reader's code that it came from."""
    text = _short(error)
    named = type(error).__name__ + (f": {text}" if text else "")
    message = f"Python stopped with `{named}`."
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if _is_theirs(frame.filename) and frame.line]
    if not theirs:
        return message
    path = Path(theirs[-1].filename)
    place = f"`{path.name}`" if path.is_file() else "the cell"  # a cell's file is made up
    return f"{message}\nIt happened in line {theirs[-1].lineno} of {place}: `{theirs[-1].line}`"


def _is_theirs(filename: str) -> bool:
    """Whether a frame is the reader's: not of this package, of Python or of a library."""
    return not any(Path(filename).is_relative_to(folder) for folder in (PACKAGE, *LIBRARIES))


def _short(error: Exception) -> str:
    """Return the first line of an error's message, without backticks, which would end the code."""
    try:
        lines = str(error).replace("`", "'").splitlines()
    except Exception:  # an error of the reader's own, whose text fails as well
        lines = []
    return lines[0][:200] if lines else ""
