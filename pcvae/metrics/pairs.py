"""Distances of all pairs of clouds: on all cores, kept on disk, with a progress bar."""

from __future__ import annotations

import logging
import os
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from pcvae.files import atomic_path

logger = logging.getLogger(__name__)

SAVE_EVERY = 20.0  # seconds of work that a stopped run may lose


@dataclass(frozen=True)
class Work:
    """How distances are worked out, which changes none of them.

    Attributes:
        workers: threads; as many as cores by default.
        cache: where distances are kept, so that what was stopped goes on: a folder, or a .npz file
            if there is one matrix of them. What is of other clouds is replaced.
        progress: show progress bars.
    """

    workers: int | None = None
    cache: Path | None = None
    progress: bool = False

    def kept_in(self, name: str) -> Work:
        """Return the same with a file of its folder as the cache, if there is one."""
        return replace(self, cache=self.cache and Path(self.cache) / name)


def check_clouds(clouds: np.ndarray, name: str = "clouds") -> None:
    """Raise a ValueError unless this is an array of clouds that can be compared."""
    if clouds.ndim != 3 or clouds.shape[-1] != 3 or 0 in clouds.shape:
        raise ValueError(
            f"{name}: expected an array of shape (clouds, points, 3) with at least one of each, "
            f"got {clouds.shape}."
        )
    finite = np.isfinite(clouds).all(axis=(1, 2))
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise ValueError(
            f"{name}: expected finite points; {len(bad)} of {len(clouds)} clouds have NaN or "
            f"infinity in them, the first of them number {bad[0]}."
        )


def checked_sets(one: np.ndarray, other: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Return the sets to compare, one or two, if they can be compared."""
    sets = (one,) if other is None else (one, other)
    for clouds in sets:
        check_clouds(clouds)
    return sets


class PairTable:
    """Distances of pairs, as far as they are known; the others are NaN.

    Args:
        shape: clouds of the first and of the second set.
        symmetric: whether both sets are the same: then (i, j) and (j, i) are one pair, and the
            diagonal is 0.
        key: the fingerprint of what is computed.
        cache: a .npz file to go on from, and to keep what is known in. A file with another key, or
            a damaged one, is not used and in the end replaced.
    """

    def __init__(
        self, shape: tuple[int, int], symmetric: bool, key: str, cache: Path | None = None
    ) -> None:
        self.symmetric, self.key = symmetric, key
        self.cache = Path(cache) if cache else None
        self.values = np.full(shape, np.nan)
        if symmetric:
            np.fill_diagonal(self.values, 0.0)
        self._saved = time.monotonic()
        self._lock = threading.Lock()
        if self.cache and self.cache.exists():
            self._load(self.cache)

    def missing(self, row: int) -> np.ndarray:
        """Return the columns of a row that are not known; in a symmetric table those before it."""
        columns = self.values[row, :row] if self.symmetric else self.values[row]
        return np.flatnonzero(np.isnan(columns))

    def put(self, row: int, columns: np.ndarray, values: np.ndarray) -> None:
        """Remember distances of one cloud to others."""
        with self._lock:
            self.values[row, columns] = values
            if self.symmetric:
                self.values[columns, row] = values

    def save_sometimes(self) -> None:
        """Write the file if the last time is long enough ago."""
        if time.monotonic() - self._saved > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write the file, if there is to be one."""
        if self.cache is None:
            return
        with self._lock:
            values = self.values.copy()
        with atomic_path(self.cache) as path, path.open("wb") as file:
            np.savez(file, key=np.array(self.key), values=values)
        self._saved = time.monotonic()

    def _load(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as file:
                key, values = str(file["key"]), file["values"]
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            logger.warning("%s is damaged (%s); its distances are computed anew.", path, error)
            return
        if key != self.key or values.shape != self.values.shape:
            logger.warning("%s is of other clouds or settings; it will be replaced.", path)
            return
        self.values = values


def run_tasks(
    function: Callable[[int], int],
    tasks: Iterable[int],
    table: PairTable,
    *,
    total: int,
    title: str,
    work: Work,
    unit: str = "pair",
) -> None:
    """Run tasks on all cores; keep what they found, also when they are interrupted.

    Args:
        function: does a task, puts what it finds into the table, returns how many units it did.
        tasks: what to give to it.
        table: saved from time to time and at the end.
        total: units in all, for the progress bar.
        title: of the progress bar.
        work: how many threads, and whether there is a progress bar.
        unit: what the progress bar counts.
    """
    pool = ThreadPoolExecutor(work.workers or usable_cores())
    bar = tqdm(total=total, desc=title, unit=unit, disable=not work.progress, unit_scale=True)
    try:
        for done in as_completed([pool.submit(function, task) for task in tasks]):
            bar.update(done.result())
            table.save_sometimes()
    finally:
        # What waits is dropped; what runs is waited for, so that nobody writes while we save.
        pool.shutdown(wait=True, cancel_futures=True)
        bar.close()
        table.save()


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def all_pairs(
    function: Callable[[int, np.ndarray], Float[np.ndarray, " K"]],
    table: PairTable,
    *,
    title: str = "pairs",
    work: Work = Work(),
) -> Float[np.ndarray, "A B"]:
    """Return the distances of all pairs.

    Args:
        function: gives the distances of a cloud of the first set, by its number, to some of the
            second. It must release the interpreter's lock for threads to help.
        table: of both sets; what it lacks is worked out.
        title: of the progress bar.
        work: how they are worked out.
    """
    # Long rows first, so that no thread is left alone with one at the end.
    missing = {row: table.missing(row) for row in reversed(range(len(table.values)))}
    tasks = [row for row, columns in missing.items() if len(columns)]

    def do(row: int) -> int:
        table.put(row, missing[row], function(row, missing[row]))
        return len(missing[row])

    if tasks:
        total = sum(map(len, missing.values()))
        run_tasks(do, tasks, table, total=total, title=title, work=work)
    return table.values
