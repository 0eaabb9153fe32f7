"""All exercises of the course, found in the modules `chapters/chapterNN`."""

import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

OPEN_MINUTES = 30
SECONDS, OPEN_SECONDS = 120, 600  # that judging may take before it is stopped
MOST = 5  # difficulty and importance go from 1 to this
IDENTIFIER = re.compile(r"\d\d\.\d")
MODULE = re.compile(r"chapter\d\d")
CHAPTERS = "pcvae.exercises.chapters"

_known: dict[str, "Exercise"] = {}


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        id: chapter and number, such as "01.2".
        title: a few words.
        difficulty: 1 (a line) to 5 (an evening).
        importance: 1 (a curiosity) to 5 (all later chapters build on it).
        minutes: how long it takes somebody who has read the chapter so far.
        judge: takes the reader's answer; returns if it is right, else raises. What it returns is
            said on the card, if it says anything.
        seconds: how long judging may take.
        in_place: whether the answer is to change its inputs.
    """

    id: str
    title: str
    difficulty: int
    importance: int
    minutes: int
    judge: Callable[[Any], str | None]
    seconds: int = SECONDS
    in_place: bool = False

    @property
    def chapter(self) -> str:
        """The chapter's number, such as "01"."""
        return self.id.partition(".")[0]

    @property
    def is_open(self) -> bool:
        """Whether it is a task of half an hour or more, whose check repeats an experiment."""
        return self.minutes >= OPEN_MINUTES

    @property
    def heading(self) -> str:
        """The markdown heading that announces the exercise in its notebook."""
        return f"### Exercise {self.id}: {self.title}"

    @property
    def effort(self) -> str:
        """The line of markdown below the heading."""
        return (
            f"Difficulty {dots(self.difficulty)} · importance {dots(self.importance)} · "
            f"about {self.minutes} minutes"
        )

    @property
    def announcement(self) -> str:
        """Heading and effort, as they stand in the notebook."""
        return f"{self.heading}\n\n{self.effort}"


def dots(count: int) -> str:
    """Return a number within 1..5 as filled and empty dots."""
    return "●" * count + "○" * (MOST - count)


def exercise(
    id: str, title: str, *, difficulty: int, importance: int, minutes: int, in_place: bool = False
) -> Callable[[Callable[[Any], str | None]], Exercise]:
    """Return a decorator that makes an exercise of its check.

    Args:
        id: chapter and number, such as "01.2".
        title: a few words.
        difficulty: 1 to 5.
        importance: 1 to 5.
        minutes: how long it takes.
        in_place: whether the answer is to change its inputs. Otherwise it must not.

    Raises:
        ValueError: the id has another form, or difficulty, importance or minutes are out of range.
    """
    if not IDENTIFIER.fullmatch(id):
        raise ValueError(f'An id is chapter and number, such as "01.2"; got {id!r}.')
    if not (1 <= difficulty <= MOST and 1 <= importance <= MOST and minutes >= 1):
        raise ValueError(
            f"{id}: expected difficulty and importance within 1..{MOST} and a minute or more, got "
            f"{difficulty}, {importance} and {minutes}."
        )

    def register(judge: Callable[[Any], str | None]) -> Exercise:
        seconds = OPEN_SECONDS if minutes >= OPEN_MINUTES else SECONDS
        _known[id] = Exercise(id, title, difficulty, importance, minutes, judge, seconds, in_place)
        return _known[id]

    return register


def exercises() -> list[Exercise]:
    """Return all exercises of the course, in order."""
    for name in _modules():
        import_module(f"{CHAPTERS}.{name}")
    return [_known[id] for id in sorted(_known)]


def find(id: str) -> Exercise:
    """Return the exercise with this id.

    Raises:
        ValueError: there is none.
    """
    module = f"chapter{str(id)[:2]}"
    if id not in _known and module in _modules():
        import_module(f"{CHAPTERS}.{module}")
    if id not in _known:
        known = ", ".join(exercise.id for exercise in exercises())
        raise ValueError(f"There is no exercise {id!r}; there are {known}.")
    return _known[id]


def _modules() -> list[str]:
    """Return the names of the chapters' modules."""
    folder = Path(__file__).parent / "chapters"
    names = [module.name for module in pkgutil.iter_modules([str(folder)])]
    return [name for name in names if MODULE.fullmatch(name)]
