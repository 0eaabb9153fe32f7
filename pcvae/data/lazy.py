"""Clouds that stay on the disk until a batch needs them."""

from __future__ import annotations

import io
import math
import os
import tokenize
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Header(NamedTuple):
    """What a .npy file says of its array."""

    shape: tuple[int, ...]
    dtype: np.dtype


def read_header(path: Path) -> Header:
    """Read what a .npy file says of its array, and nothing of the array.

    Args:
        path: The file.

    Raises:
        ValueError: It is no .npy file, holds Python objects, or is not as long as it says.
        OSError: It cannot be opened.
    """
    with path.open("rb") as file:
        return check_header(file, os.fstat(file.fileno()).st_size)


def check_header(file: io.BufferedIOBase, size: int) -> Header:
    """Do what `read_header` does, of an open file of so many bytes.

    Raises:
        ValueError: It is no .npy file, holds Python objects, or is not as long as it says.
    """
    header, start = _parse(_header_bytes(file))
    if header.dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which are never opened")
    expected = start + math.prod(header.shape) * header.dtype.itemsize
    if size < expected:
        raise ValueError(f"it is cut short: {size} bytes of {expected}")
    if size > expected:
        raise ValueError(f"{size - expected} bytes follow its array")
    return header


def _header_bytes(file: io.BufferedIOBase) -> bytes:
    """Read as far as the array begins: 10 bytes, of which two say how many more there are."""
    start = file.read(10)
    version = tuple(start[6:8])
    if version == (1, 0):
        return start + file.read(int.from_bytes(start[8:10], "little"))
    return start + file.read(2 + int.from_bytes(start[8:10], "little"))


# Thousands of files of one data set begin with the same bytes, which take longest to parse.
@lru_cache(maxsize=64)
def _parse(content: bytes) -> tuple[Header, int]:
    """Return a header, and where the array begins."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"it is written in version {version} of NumPy's format")
    try:
        shape, _, dtype = read(file)
    except (SyntaxError, TypeError, tokenize.TokenError) as error:  # it is written as Python is
        raise ValueError(f"its header is damaged: {error}") from error
    return Header(shape, dtype), file.tell()


class LazyPoints:
    """S clouds of M points on the disk, to be used like an array of shape (S, M, 3) in float32.

    Subclasses say how many there are, how to read one, and how to choose some without reading.
    """

    dtype = np.dtype(np.float32)
    ndim = 3
    shape: tuple[int, int, int]

    @property
    def whole(self) -> LazyPoints:
        """The same clouds with all the points there are of them."""
        return self

    def select(self, rows: Sequence[int] | np.ndarray) -> LazyPoints:
        """Return some of the clouds, still unread."""
        raise NotImplementedError

    def _read(self, row: int) -> np.ndarray:
        """Read one cloud (M, 3)."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return S."""
        return self.shape[0]

    def __getitem__(self, rows: int | np.integer | slice | Sequence[int] | np.ndarray):
        """Read one cloud (M, 3), or several (K, M, 3).

        Raises:
            ValueError: A file is no longer what it was when the set was opened.
        """
        chosen = np.arange(len(self))[rows]
        if chosen.ndim == 0:
            return self._read(int(chosen))
        clouds = np.empty((len(chosen), *self.shape[1:]), self.dtype)
        for cloud, row in zip(clouds, chosen.tolist(), strict=True):
            cloud[:] = self._read(row)
        return clouds

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """Read everything."""
        return self[:].astype(dtype or self.dtype, copy=False)


class PointFiles(LazyPoints):
    """Clouds in a .npy file each.

    A file is mapped into memory when its cloud is asked for, copied from, and let go. So opening
    thousands of clouds costs as much memory as their names.

    Args:
        paths: One file a cloud; each holds (T, 3) numbers, with the same T.
        total: T.
        first: First point of every cloud that is used.
        last: The one behind the last point that is used; T by default.
    """

    def __init__(
        self, paths: Sequence[Path], total: int, first: int = 0, last: int | None = None
    ) -> None:
        self.paths = tuple(paths)
        self.total = total
        self.first, self.last = first, total if last is None else last
        self.shape = len(self.paths), self.last - self.first, 3

    @property
    def whole(self) -> PointFiles:
        """The same clouds with all points that the files hold."""
        return PointFiles(self.paths, self.total)

    def select(self, rows: Sequence[int] | np.ndarray) -> PointFiles:
        """Return some of the clouds, still unread."""
        return PointFiles([self.paths[row] for row in rows], self.total, self.first, self.last)

    def _read(self, row: int) -> np.ndarray:
        path = self.paths[row]
        try:
            content = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{path} cannot be read any more: {error}") from error
        if content.shape != (self.total, 3):
            raise ValueError(f"{path}: expected {(self.total, 3)} numbers, got {content.shape}.")
        return np.asarray(content[self.first : self.last], dtype=self.dtype)


class PointRows(LazyPoints):
    """Some of the clouds of one large file.

    Args:
        clouds: A memory map of shape (T, M, 3).
        rows: Which of its rows; all by default.
    """

    def __init__(self, clouds: np.ndarray, rows: np.ndarray | None = None) -> None:
        self.clouds = clouds
        self.rows = np.arange(len(clouds)) if rows is None else rows
        self.shape = len(self.rows), clouds.shape[1], 3

    def select(self, rows: Sequence[int] | np.ndarray) -> PointRows:
        """Return some of the clouds, still unread."""
        return PointRows(self.clouds, self.rows[np.asarray(rows, dtype=np.int64)])

    def _read(self, row: int) -> np.ndarray:
        return np.asarray(self.clouds[self.rows[row]], dtype=self.dtype)


class ChangedPoints(LazyPoints):
    """Clouds that are changed whenever they are read.

    Args:
        clouds: Clouds on the disk.
        names: A name for each.
        change: Takes a name and a cloud (M, 3); returns another cloud of as many points.
    """

    def __init__(
        self,
        clouds: LazyPoints,
        names: Sequence[str],
        change: Callable[[str, np.ndarray], np.ndarray],
    ) -> None:
        self.clouds = clouds
        self.names = tuple(names)
        self.change = change
        self.shape = clouds.shape

    def select(self, rows: Sequence[int] | np.ndarray) -> ChangedPoints:
        """Return some of the clouds, still unread."""
        names = [self.names[row] for row in rows]
        return ChangedPoints(self.clouds.select(rows), names, self.change)

    def _read(self, row: int) -> np.ndarray:
        return self.change(self.names[row], self.clouds[row])
