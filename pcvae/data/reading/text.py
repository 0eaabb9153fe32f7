"""Numbers out of text."""

from __future__ import annotations

import codecs

import numpy as np
from jaxtyping import Float, Int


def read_lines(content: bytes, comment: str | None = None) -> list[str]:
    """Return the lines of a text that are not blank, whatever its byte order mark.

    Args:
        content: The bytes of a file.
        comment: What begins a comment, which is dropped.

    Raises:
        ValueError: It is no text.
    """
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    if "\0" in text:
        raise ValueError("it cannot be read: it is no text")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if comment and comment in text:
        lines = [line.partition(comment)[0] for line in lines]
    return [line for line in lines if line and not line.isspace()]


def numbers(
    rows: list[str], columns: tuple[int, ...] | None = None, delimiter: str | None = None
) -> Float[np.ndarray, "N K"]:
    """Read columns of a table, all of them by default.

    Raises:
        ValueError: Some of it is no number, or the rows have not equally many columns.
    """
    table = np.loadtxt(rows, comments=None, delimiter=delimiter, usecols=columns, ndmin=2)
    if len(table) != len(rows):  # NumPy passes over empty ones
        raise ValueError(f"{len(rows) - len(table)} of {len(rows)} lines hold no numbers")
    return table


def integer_table(rows: list[str]) -> Int[np.ndarray, "N K"] | None:
    """Read rows of equally many integers at once; None where they are anything else."""
    if any("." in row or "e" in row for row in rows):  # some versions of NumPy drop fractions
        return None
    try:
        table = np.loadtxt(rows, np.int64, comments=None, ndmin=2)
    except (ValueError, OverflowError):
        return None
    return table if len(table) == len(rows) else None


def to_integer(word: str) -> int:
    """Read one integer, written in digits and nothing else.

    Raises:
        ValueError: It is none, or one that no file can mean.
    """
    digits = word[1:] if word[:1] in ("-", "+") else word
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise ValueError(f"expected an integer, got {word[:40]!r}")
    return int(word)
