"""A small report of what a learner has solved, and all reports of a class in one table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pcvae import __version__
from pcvae.exercises.cards import DONE
from pcvae.exercises.records import location, read
from pcvae.exercises.registry import exercises
from pcvae.files import write_atomically

SUFFIX = ".report.json"


def report(name: str, folder: Path | str = ".") -> Path:
    """Write which exercises are done, for an instructor to collect.

    Args:
        name: of the learner; the file is called after it. A report that is there is written anew.
        folder: where to.

    Returns:
        The file's path.

    Raises:
        ValueError: if the name cannot be a file's, or progress is not kept here.
        OSError: if the file cannot be written.
    """
    if not name.strip() or set(name) & set('/\\:*?"<>|\0') or name.startswith("."):
        raise ValueError(f"Expected a name that can be a file's, such as ada, got {name!r}.")
    kept = location()
    if kept is None:
        raise ValueError("Progress is not kept here: the variable PCVAE_PROGRESS says off.")
    known = read(kept)
    states = {exercise.id: known.get(exercise.id, "open") for exercise in exercises()}
    path = Path(folder).expanduser() / f"{name}{SUFFIX}"
    content = {"name": name, "version": __version__, "exercises": states}
    write_atomically(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


@dataclass(frozen=True)
class Reports:
    """The reports of a class.

    Attributes:
        chapters: of the course, such as "01".
        rows: for each learner the name, and how many exercises of each chapter are done.
        left_out: files that are no reports, with the reason.
    """

    chapters: Sequence[str]
    rows: Sequence[tuple[str, tuple[int, ...]]]
    left_out: Sequence[str]

    def __str__(self) -> str:
        """The table as text, one learner a line, and what was left out."""
        width = max([len("name"), *(len(name) for name, _ in self.rows)])
        lines = [f"{'name':{width}}" + "".join(f"{chapter:>5}" for chapter in self.chapters)]
        for name, done in self.rows:
            lines.append(f"{name:{width}}" + "".join(f"{count:5}" for count in done))
        return "\n".join([*lines, *(f"left out: {reason}" for reason in self.left_out)])


def collect(folder: Path | str) -> Reports:
    """Read all reports in a folder.

    Args:
        folder: where files of `report` lie; other files are passed over.

    Raises:
        NotADirectoryError: if there is no such folder.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise NotADirectoryError(f"There is no folder {folder}.")
    known = {exercise.id: exercise.chapter for exercise in exercises()}
    chapters = sorted(set(known.values()))
    rows, left_out = [], []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            name, states = _read(path)
        except (ValueError, OSError) as error:
            left_out.append(f"{path.name}: {error}")
            continue
        done = [chapter for id, chapter in known.items() if states.get(id) == DONE]
        rows.append((name, tuple(done.count(chapter) for chapter in chapters)))
    return Reports(chapters, rows, left_out)


def _read(path: Path) -> tuple[str, dict[str, str]]:
    """Return the learner's name and the states by id.

    Raises:
        ValueError: if the file is no report.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError("no JSON, or cut short") from error
    if not isinstance(content, dict) or not isinstance(content.get("exercises"), dict):
        raise ValueError("no report of pcvae.exercises")
    return str(content.get("name", path.name.removesuffix(SUFFIX))), content["exercises"]
