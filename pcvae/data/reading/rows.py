"""Tables of numbers with lists in them, in text and binary, as PLY and PCD files hold them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from pcvae.data.reading.text import numbers, read_lines

CUT = "it is cut short or damaged"
KINDS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")

# The values of a field in all rows, one after the other, and how many each row has.
Column = tuple[np.ndarray, np.ndarray]
# The columns of a table by their fields' names.
Columns = dict[str, Column]


class Field(NamedTuple):
    """A number in each row of a table, or a list.

    Attributes:
        name: what it is called.
        type: of the numbers, as NumPy writes it.
        length: the type of a list's length, which stands before it; "" for a number.
    """

    name: str
    type: str
    length: str = ""


class Table(NamedTuple):
    """Rows of the same fields.

    Attributes:
        count: how many there are.
        fields: what each holds.
    """

    count: int
    fields: list[Field]


def read_binary(content: bytes, tables: dict[str, Table]) -> dict[str, Columns]:
    """Read tables that stand one behind the other, and nothing behind them.

    Args:
        content: what follows the header.
        tables: by name, in their order.

    Returns:
        The columns of the tables that have rows.

    Raises:
        ValueError: There is less or more than the tables need. Nothing was made of that size.
    """
    found, start = {}, 0
    for name, table in tables.items():
        if table.count:
            found[name], start = _read_table(content, start, table)
    if content[start:].strip(b"\0 \t\r\n"):
        raise ValueError(f"{len(content) - start} bytes follow what its header promises")
    return found


def read_text(content: bytes, tables: dict[str, Table]) -> dict[str, Columns]:
    """Do what `read_binary` does for text: each line is read as a binary row of doubles."""
    lines = read_lines(content)
    promised = sum(table.count for table in tables.values())
    if promised != len(lines):
        raise ValueError(f"its header promises {promised} lines, but {len(lines)} follow: {CUT}")
    found, start = {}, 0
    for name, (count, fields) in tables.items():
        if count:
            rows, start = lines[start : start + count], start + count
            try:
                values = numbers(rows)
            except ValueError:  # rows of different lengths are read as one
                values = numbers([" ".join(rows)])
            wide = [field._replace(type="<f8", length=field.length and "<f8") for field in fields]
            found[name], end = _read_table(values.tobytes(), 0, Table(count, wide))
            if end != values.nbytes:
                raise ValueError(f"lines of {name!r} are longer than its header promises: {CUT}")
    return found


def _read_table(content: bytes, start: int, table: Table) -> tuple[Columns, int]:
    """Return the columns of a table, and where it ends."""
    count, fields = table
    least = count * sum(np.dtype(field.length or field.type).itemsize for field in fields)
    if least > len(content) - start:  # before anything of that size is made
        raise ValueError(f"its header promises {least} bytes or more, which are not there: {CUT}")
    first, _ = _read_row(content, start, fields)
    parts = []
    for field, values in zip(fields, first, strict=True):
        parts += [(f"{field.name} length", field.length)] * bool(field.length)
        parts.append((field.name, field.type, values.shape))
    kind = np.dtype(parts)
    end = start + count * kind.itemsize
    if end <= len(content):  # most often all rows are as long as the first
        rows = np.frombuffer(content, kind, count, start)
        lengths = [rows[f"{field.name} length"] for field in fields if field.length]
        if all((length == length[0]).all() for length in lengths):
            sizes = [np.full(count, values.size) for values in first]
            columns = [rows[field.name].reshape(-1) for field in fields]
            return _by_name(fields, columns, sizes), end
    found, end = [], start
    for _ in range(count):
        row, end = _read_row(content, end, fields)
        found.append(row)
    columns = [np.concatenate(values) for values in zip(*found, strict=True)]
    sizes = [np.array([*map(len, values)]) for values in zip(*found, strict=True)]
    return _by_name(fields, columns, sizes), end


def _by_name(fields: list[Field], columns: list[np.ndarray], sizes: list[np.ndarray]) -> Columns:
    pairs = zip(columns, sizes, strict=True)
    return {field.name: pair for field, pair in zip(fields, pairs, strict=True)}


def _read_row(
    content: bytes, start: int, fields: list[Field]
) -> tuple[list[Shaped[np.ndarray, " K"]], int]:
    """Return the values of each field in one row, and where it ends."""
    row = []
    for field in fields:
        try:
            count = 1
            if field.length:
                (length,) = np.frombuffer(content, field.length, 1, start)
                count, start = int(length), start + length.itemsize
                if not 0 <= count == length:
                    raise ValueError(f"a list of {length}")
            values = np.empty(0, field.type)
            if count:
                values = np.frombuffer(content, field.type, count, start)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{field.name!r} cannot be read: {CUT}") from error
        start += values.nbytes
        row.append(values)
    return row, start
