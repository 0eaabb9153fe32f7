"""Which exercises are done: a small file beside the notebooks, and a table of it."""

import html
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pcvae.exercises.cards import DONE, WRONG
from pcvae.exercises.registry import Exercise, dots, exercises
from pcvae.files import write_atomically

NAME = ".progress.json"
VARIABLE = "PCVAE_PROGRESS"  # another path for the file, or OFF
OFF = "off"
TRIED = "tried"


def location() -> Path | None:
    """Return where progress is kept, or None if it is not.

    It is the folder that the notebook runs in, unless the environment variable PCVAE_PROGRESS names
    another file or says "off", as it does while tests run.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen == OFF:
        return None
    return Path(chosen) if chosen else Path.cwd() / NAME


def record(id: str, status: str) -> None:
    """Keep that an exercise was done or tried. What was done once stays done.

    Args:
        id: the exercise.
        status: of its card. "Not done yet" is not kept: a fresh notebook writes nothing.
    """
    path, new = location(), {DONE: DONE, WRONG: TRIED}.get(status)
    if path is None or new is None:
        return
    states = read(path)
    if states.get(id) in (DONE, new):
        return
    _write(path, {**states, id: new})


def read(path: Path) -> dict[str, str]:
    """Return the states kept in a file. What is damaged or unknown in it is passed over."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {id: state for id, state in kept.items() if state in (DONE, TRIED)}


def _write(path: Path, states: Mapping[str, str]) -> None:
    """Write states. A folder that cannot be written to costs the record, not the lesson."""
    text = json.dumps(dict(sorted(states.items())), indent=2) + "\n"
    try:
        write_atomically(path, text)
    except OSError as error:
        warnings.warn(f"Your progress was not kept: {error}", stacklevel=2)


def progress() -> "Progress":
    """Return a table of all exercises and how far you are; the last line of a cell shows it."""
    path = location()
    return Progress(tuple(exercises()), read(path) if path else {})


def reset(which: str = "") -> "Progress":
    """Forget which exercises were done. Your notebooks stay as they are.

    Args:
        which: a chapter ("01") or an exercise ("01.2"); all of the course if empty.

    Returns:
        The table that is left.

    Raises:
        ValueError: no exercise's id begins like this.
    """
    known = [exercise.id for exercise in exercises()]
    if not any(_belongs(id, which) for id in known):
        raise ValueError(
            f"There is no chapter or exercise {which!r}; there are {', '.join(known)}."
        )
    path = location()
    if path is not None and path.exists():
        _write(path, {id: state for id, state in read(path).items() if not _belongs(id, which)})
    return progress()


def _belongs(id: str, which: str) -> bool:
    """Whether an exercise is the one meant, or is in the chapter meant."""
    return which in ("", id, id.partition(".")[0])


@dataclass(frozen=True)
class Progress:
    """How far the reader is.

    Attributes:
        exercises: all of the course.
        states: of those done or tried, by id.
    """

    exercises: tuple[Exercise, ...]
    states: Mapping[str, str]

    @property
    def done(self) -> int:
        """How many are done."""
        return sum(self.states.get(exercise.id) == DONE for exercise in self.exercises)

    @property
    def summary(self) -> str:
        """The table in one sentence."""
        left = sum(e.minutes for e in self.exercises if self.states.get(e.id) != DONE)
        return f"{self.done} of {len(self.exercises)} exercises done, about {left} minutes left."

    def rows(self) -> list[tuple[str, ...]]:
        """Return the rows of the table as text, the first one its head."""
        head = ("", "exercise", "title", "difficulty", "importance", "minutes")
        return [head, *(self._row(exercise) for exercise in self.exercises)]

    def _row(self, exercise: Exercise) -> tuple[str, ...]:
        signs = {DONE: "✓ done", TRIED: "… tried"}
        return (
            signs.get(self.states.get(exercise.id, ""), "○"),
            exercise.id,
            exercise.title,
            dots(exercise.difficulty),
            dots(exercise.importance),
            str(exercise.minutes),
        )

    def __repr__(self) -> str:
        """Return the table as text."""
        rows = self.rows()
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
        return "\n".join(line.rstrip() for line in [*lines, "", self.summary])

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        head, *rows = self.rows()
        cells = "".join(f'<th scope="col" style="text-align:left">{cell}</th>' for cell in head)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
        return f"<table><tr>{cells}</tr>{body}</table><p>{self.summary}</p>"


def _cell(text: str) -> str:
    return f'<td style="text-align:left">{html.escape(text)}</td>'
