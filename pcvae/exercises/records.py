"""Which exercises are done: a small file beside the notebooks, and a table of it."""

import html
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from pcvae.exercises.cards import DONE, WRONG
from pcvae.exercises.registry import Exercise, dots, exercises
from pcvae.files import write_atomically

NAME = ".progress.json"
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
VARIABLE = "PCVAE_PROGRESS"  # another path for the file, or OFF
OFF = "off"
TRIED = "tried"
PATIENCE = 10  # seconds to wait for another kernel that is writing
LINE = re.compile(rf'"(\d\d\.\d)"\s*:\s*"({DONE}|{TRIED})"')  # what a damaged file still tells

States = dict[str, str]


def location() -> Path | None:
    """Return where progress is kept, or None if it is not.

    It is the folder of the notebooks, wherever a kernel works; the home folder where the package
    was installed without them. The environment variable PCVAE_PROGRESS names another file (from
    that folder on) or says "off", as it does while tests run.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen.lower() == OFF:
        return None
    folder = NOTEBOOKS if NOTEBOOKS.is_dir() else Path.home()
    return folder / Path(chosen or NAME).expanduser()


def record(id: str, status: str) -> None:
    """Keep that an exercise was done or tried. What was done once stays done.

    Args:
        id: the exercise.
        status: of its card. "Not done yet" is not kept: a fresh notebook writes nothing.
    """
    path, new = location(), {DONE: DONE, WRONG: TRIED}.get(status)
    if path is not None and new is not None:
        _update(path, lambda states: states if states.get(id) == DONE else {**states, id: new})


def read(path: Path) -> States:
    """Return the states kept in a file; of a damaged one those that can still be made out."""
    return _read(path)[0]


def _read(path: Path) -> tuple[States, bool]:
    """Return the states kept in a file, and whether it is as this version writes it.

    Raises:
        OSError: it is there, but cannot be read.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}, True
    try:
        kept = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # of brackets, tens of thousands deep
        return _made_out(raw), False
    if isinstance(kept, dict) and all(state in (DONE, TRIED) for state in kept.values()):
        return kept, True
    return _made_out(raw), False


def _made_out(raw: bytes) -> States:
    """Find states in a file that was cut, merged, or written in another encoding."""
    text = raw.replace(b"\0", b"").decode("utf-8", errors="replace")
    states: States = {}
    for id, state in LINE.findall(text):
        states[id] = DONE if DONE in (state, states.get(id)) else state
    return states


def _update(path: Path, change: Callable[[States], States]) -> None:
    """Change the states in a file, while other kernels wait.

    A place that cannot be written to costs the record, not the lesson. A damaged file is kept aside
    before it is written anew.
    """
    path = path.resolve()  # a linked file stays a link
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=PATIENCE):
            states, whole = _read(path)
            changed = change(states)
            if not whole:
                _keep_aside(path, len(states))
            if changed != states or not whole:
                write_atomically(path, json.dumps(dict(sorted(changed.items())), indent=2) + "\n")
    except OSError as error:
        warnings.warn(f"Your progress was not kept: {error}", stacklevel=4)


def _keep_aside(path: Path, count: int) -> None:
    """Copy a damaged file to a free name, and say so."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}.json")).exists():
        number += 1
    shutil.copyfile(path, aside)
    warnings.warn(
        f"{path} is damaged, or from a newer version of the course. It is kept as {aside.name}; "
        f"{count} of its exercises could be made out.",
        stacklevel=5,
    )


def _shown(path: Path) -> States:
    """Return the states in a file, and say what is wrong with it; nothing is written."""
    try:
        states, whole = _read(path)
    except OSError as error:
        warnings.warn(f"Your progress cannot be read: {error}", stacklevel=3)
        return {}
    if not whole:
        warnings.warn(
            f"{path} is damaged, or from a newer version of the course: {len(states)} of its "
            "exercises could be made out. It stays as it is until you solve another one, and is "
            "then kept aside.",
            stacklevel=3,
        )
    return states


def progress() -> "Progress":
    """Return a table of all exercises and how far you are; the last line of a cell shows it."""
    path = location()
    return Progress(tuple(exercises()), _shown(path) if path else {})


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
        _update(path, lambda states: {i: s for i, s in states.items() if not _belongs(i, which)})
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
