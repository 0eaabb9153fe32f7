"""Points in columns of text: .xyz, .pts, .txt and .csv files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from pcvae.data.reading.shape import WHOLE, Shape, check_name
from pcvae.data.reading.text import numbers, read_lines, to_integer

COUNTING = "its first column counts the points: is it x?"
GROWING = "its first column grows from line to line, as times do: is it x?"
UNIT = "its first three columns are of length 1, as normals are: are they x, y and z?"
COMMAS = (
    "it has commas within numbers: write decimal points, and separate columns by blanks, "
    "semicolons or commas alone"
)
# As few lines of as many columns are points that stand in columns.
FEW_LINES, MANY_COLUMNS = 4, 12
MARKS = ("#", "//", "%")
_COMMENT = re.compile(rf"[ \t]*(?:{'|'.join(MARKS)})")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf|infinity)", re.I)
_UNIT = re.compile(r"[\[(].*|[^a-z0-9_]")  # behind or around a name, as in "X [m]" and //X
# Integers are not written so: -0, 007. Decimals after a comma are.
_NO_INTEGER = re.compile(r"-0,|(?:^|,)0\d")
_QUOTED = re.compile(r'"([^"\n]*)"')
_TWO_NUMBERS = re.compile(r"\d[ \t]+[-+.\d]")


class _Table(NamedTuple):
    """The lines of a file: what may be names, the number of points, and the points."""

    comments: list[str]
    names: list[str]
    counts: list[int]
    rows: list[str]


def read_columns(path: Path) -> Shape:
    """Read a point a line: the columns named x, y and z, or the first three.

    Comments (#, //, %), one line of names and a line with the number of points may stand before.

    Raises:
        ValueError: It is no table of points, its number of points does not hold, or it is not
            clear which numbers are coordinates.
    """
    table = _sort_lines(read_lines(path.read_bytes()))
    rows = table.rows
    if not rows or table.counts not in ([], [len(rows)]):
        said = "".join(f" of {count}" for count in table.counts)
        raise ValueError(f"it holds {len(rows) or 'no'} points{said}: it is cut short or damaged")
    delimiter = _delimiter(rows)
    widths = {len(row.split(delimiter)) for row in rows}
    if len(widths) > 1 or max(widths) < 3:
        found = " and ".join(map(str, sorted(widths)[:3]))
        raise ValueError(f"expected a point a line in three columns or more, got {found} columns")
    if len(rows) <= FEW_LINES < MANY_COLUMNS < max(widths):
        raise ValueError(f"expected a point a line, got {len(rows)} lines of {max(widths)} numbers")
    columns = _named_columns(table, *widths)
    if columns:
        return Shape(numbers(rows, columns, delimiter))
    words = [word.strip() for word in rows[0].split(delimiter)]
    numeric = [bool(_NUMBER.fullmatch(word)) for word in words]
    first = tuple(range((*numeric, False).index(False)))  # labels may follow
    if len(first) < 3:
        raise ValueError(f"expected x, y and z as numbers, got {rows[0].strip()[:40]!r}")
    if len(words) == 3:  # colors among more columns are named on purpose
        check_name(path.stem)
    values = numbers(rows, first, delimiter)
    return Shape(values[:, :3], None, _doubts(values))


def _sort_lines(lines: list[str]) -> _Table:
    table = _Table([], [], [], [])
    text = "\n".join(lines)
    if '"' in text:
        within = [word for word in _QUOTED.findall(text) if re.search(r"\d,\d", word)]
        if within:
            raise ValueError(f"{COMMAS} (found {within[0].strip()[:40]!r})")
        lines = text.replace('"', "").split("\n")
    for place, line in enumerate(lines):
        first, *more = re.split(r"[\s,;]+", line.strip())
        if _COMMENT.match(line):
            table.comments.append(line)
        elif first.isdigit() and not any(more):
            table.counts.append(to_integer(first))
        elif not _NUMBER.fullmatch(first):
            table.names.append(line)
        else:
            rows = lines[place:]
            if any(mark in text for mark in MARKS):
                rows = [_COMMENT.split(row, maxsplit=1)[0] for row in rows]
                rows = [row for row in rows if row and not row.isspace()]
            table.rows.extend(rows)
            break
    if len(table.names) > 1 or len(table.counts) > 1:
        found = " and ".join(repr(line.strip()[:40]) for line in lines[:2])
        raise ValueError(f"it is no table of points: it begins with {found}")
    return table


def _delimiter(rows: list[str]) -> str | None:
    """Return what stands between columns; None for blanks.

    Raises:
        ValueError: There are commas that may be decimal ones.
    """
    commas = [row for row in rows if "," in row]
    if not commas:
        return ";" if ";" in rows[0] else None
    whole = not any("." in row for row in rows)
    for row in commas:
        if (
            ";" in row
            or _TWO_NUMBERS.search(row)
            or (whole and _NO_INTEGER.search(row))
            or row.count(", ") not in (0, row.rstrip(" ,").count(","))
        ):
            raise ValueError(f"{COMMAS} (found {row.strip()[:40]!r})")
    return ","


def _named_columns(table: _Table, width: int) -> tuple[int, ...] | None:
    """Return which columns are named x, y and z; None if there are no names.

    Raises:
        ValueError: There are other names.
    """
    for line in (*table.names, *table.comments):
        separator = next((mark for mark in ";,\t" if mark in line), None)
        names = [_UNIT.sub("", name.lower()) for name in line.strip(" ").split(separator)]
        if line in table.comments or len(names) != width:  # else the one without a name counts
            names = [name for name in names if name]
        found = tuple(names.index(axis) for axis in "xyz" if names.count(axis) == 1)
        if len(found) == 3 and len(names) == width:
            return found
        if found == (0, 1, 2):  # other columns have no names: are they behind these or before?
            return None
        if line in table.names:
            said = ", ".join(names)[:60]
            raise ValueError(f"its {width} columns are named {said!r}: expected x, y, z among them")
    return None


def _doubts(values: Float[np.ndarray, "N K"]) -> tuple[str, ...]:
    """Return what is to be noted of columns without names.

    Raises:
        ValueError: The first of them are hardly coordinates.
    """
    whole = (values == np.rint(values)).all(axis=0)  # (K,)
    steps = np.diff(values[:, 0])
    counting = len(values) > 4 and values[0, 0] in (0, 1) and (steps == 1).all()
    leading = int((*whole, False).index(False))
    followed = len(whole) >= leading + 3 and not whole[leading : leading + 3].any()
    if len(whole) > 3 and (counting or (leading and followed)):
        raise ValueError(
            "whole numbers stand before what may be its coordinates, as numbers of points or "
            "classes do: delete these columns, or name all columns in the first line, as in "
            "`id x y z`"
        )
    growing = len(values) > 9 and len(whole) > 3 and (steps > 0).all()
    unit = len(whole) > 5 and _are_unit(values[:, :3]) and not _are_unit(values[:, 3:6])
    found = {WHOLE: whole[:3].all(), COUNTING: counting, GROWING: growing, UNIT: unit}
    return tuple(note for note, there in found.items() if there)[:1]


def _are_unit(vectors: Float[np.ndarray, "N 3"]) -> bool:
    """Tell whether all are of length 1, as far as two digits say."""
    return bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) < 0.02).all())
