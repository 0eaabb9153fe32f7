"""Files whole or not at all; the folders of what is shipped, and of what can be made again."""

import contextlib
import errno
import functools
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "PCVAE_CACHE"
PACKAGE = Path(__file__).resolve().parent


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, which takes the place of `path` at the end.

    If the block raises, `path` is as it was before and nothing is left over.

    Args:
        path: the file to write; its folder is made.

    Raises:
        OSError: which names `path`, if the disk is full or the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _named(path):
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
        )
        os.close(handle)
        try:
            yield Path(name)
            # mkstemp gives a file for its owner only; the finished one is as readable as any other.
            os.chmod(name, 0o644)
            os.replace(name, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(name)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let an error name the file that was to be written, not a temporary one beside it."""
    try:
        yield
    except OSError as error:
        elsewhere = error.filename and Path(error.filename).parent != path.parent.absolute()
        named = isinstance(error.__cause__, OSError)  # by another of these, around fewer files
        if error.errno is None or elsewhere or named:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def check_writable(*paths: Path | None) -> None:
    """Raise an OSError if a file could not be written, before anything is worked out for it.

    Args:
        paths: files that will be written; None for one that will not.
    """
    for path in filter(None, paths):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "A file is to be written, but a folder is", path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _named(path):
            tempfile.TemporaryFile(dir=path.parent).close()


def write_atomically(path: Path, text: str) -> None:
    """Write a text file, or leave what was there."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def shipped_folder() -> Path:
    """Return the folder of what comes with the course: models, furniture and comparisons.

    It is `data/` beside the package in a clone, and inside the package where `setup.py` put it into
    a wheel.
    """
    inside = PACKAGE / "shipped"
    return inside if inside.is_dir() else PACKAGE.parent / "data"


def cache_folder() -> Path:
    """Return the folder for what can be made again: $PCVAE_CACHE, or the user's cache folder.

    Where nothing can be written to it, that is said once, and a temporary one takes its place.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return _writable(Path(chosen).expanduser() if chosen else user_cache_path("pcvae"))


@functools.cache
def _writable(folder: Path) -> Path:
    """Return a folder if files can be written to it, else a temporary one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        logger.warning(
            "Nothing can be kept in %s (%s): what is made again and again goes to a temporary "
            "folder. Name another one by %s.",
            folder,
            error.strerror,
            CACHE_VARIABLE,
        )
        return Path(tempfile.mkdtemp(prefix="pcvae-"))
    return folder


def fingerprint(*parts: object) -> str:
    """Return a hash of arrays and settings: two runs with the same one compute the same."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape}{part.dtype}".encode())
            digest.update(np.ascontiguousarray(part))
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()
