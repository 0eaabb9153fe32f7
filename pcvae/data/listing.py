"""What a folder of shapes holds: which files, of which class and split, and what is left out.

Hidden by rule, and never counted: names that begin with a dot, what systems and editors leave
behind (`HIDDEN`), and what stands beside shapes to describe them (`COMPANIONS`, `NOTES`). Any other
file is listed, or noted with the reason why it is not.
"""

import logging
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pcvae.data.clouds import NAMED, resembles_split, some, split_of, splits_within

logger = logging.getLogger(__name__)


HIDDEN = (
    "__macosx", "__pycache__", "thumbs.db", "desktop.ini", "lost+found", "#recycle", "@eadir",
    "$recycle.bin", "system volume information",
)  # fmt: skip
COMPANIONS = (".mtl", ".png", ".jpg", ".jpeg", ".md")
NOTES = ("readme", "license", "licence")
# How files begin, or where links point to, that stand for a file which was not fetched.
ANNEX = b"/annex/objects/"
POINTERS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file: `git lfs pull` fetches it",
    ANNEX: "a pointer of git-annex, not the file: `git annex get` fetches it",
}
DVC = ".dvc"
# What lists of splits end in, where they have names as splits do.
LISTS = (".txt", ".csv", ".json", ".lst", ".yaml", ".yml")
A_LIST = ". If it lists splits: sort the shapes into folders named train, val and test"


class ShapeFile(NamedTuple):
    """A file that may hold a shape.

    Attributes:
        path: where it is.
        id: its path within the folder, without its ending.
        kind: its class.
        split: "train", "val", "test", or "" where no folder says.
        digest: of what it holds, once that was read.
    """

    path: Path
    id: str
    kind: str
    split: str
    digest: bytes = b""

    @property
    def name(self) -> str:
        """Its path within the folder."""
        return f"{self.id}{self.path.suffix}"


class Skipped:
    """Files that cannot be used, and why.

    Args:
        where: The folder or file they are in, for messages.
        strict: Stop at the first one.
    """

    def __init__(self, where: str, strict: bool = False) -> None:
        self.where = where
        self.strict = strict
        self.reasons: dict[str, str] = {}

    def add(self, name: str, reason: object) -> None:
        """Note a file.

        Raises:
            ValueError: Unusable files are to be fatal.
        """
        text = " ".join(str(reason).split()).rstrip(".")
        stem, ending = os.path.splitext(name.rpartition("/")[2])
        if ending.lower() in LISTS and splits_within(stem) and not text.endswith(A_LIST):
            text += A_LIST
        if self.strict:
            raise ValueError(
                f"{self.where}: {name} cannot be used: {text}. Mend or remove it, or leave "
                "--strict out to go on without it."
            )
        self.reasons[name] = text

    def tell(self, left: int) -> None:
        """Warn once of everything that was noted, files of one reason together.

        Args:
            left: How many files could be used.

        Raises:
            ValueError: None could.
        """
        if not self.reasons:
            return
        summary = grouped(self.reasons.items())
        if left == 0:
            raise ValueError(f"{self.where}: none of its files can be used: {summary}.")
        count = len(self.reasons)
        logger.warning(
            "%s: skipped %d of %d files: %s. With --strict true this is an error.",
            *(self.where, count, left + count, summary),
        )


def grouped(notes: Iterable[tuple[str, str]]) -> str:
    """Return the first few notes, each once, with the first file that it holds for.

    Args:
        notes: names of files, and what is to be said of them.
    """
    files: dict[str, list[str]] = {}
    for name, note in notes:
        files.setdefault(note, []).append(name)
    told = [
        f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''} ({note})"
        for note, names in list(files.items())[:NAMED]
    ]
    more = sum(map(len, list(files.values())[NAMED:]))
    return "; ".join(told) + (f"; and {more} more" if more else "")


def list_shapes(folder: Path, endings: Collection[str], skipped: Skipped) -> list[ShapeFile]:
    """Return the files of a folder that may hold shapes, in the order of their ids.

    Classes are named by the folders within `folder`. Folders with a usual name of a split, on any
    level, are splits. Where all shapes lie in one folder, as an unpacked archive has it, classes
    are the folders in that one. What had to be guessed is said.

    Args:
        folder: Where to look, and in all folders in it. Links are followed.
        endings: Of files that are read, in lower case.
        skipped: Takes what is not read.

    Raises:
        FileNotFoundError: There is no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    paths = [
        (path, parts)
        for path, parts in _walk(folder, (), skipped)
        if _is_read(path, parts, endings, skipped)
    ]
    if not paths:
        others = f" Left out: {grouped(skipped.reasons.items())}." if skipped.reasons else ""
        raise FileNotFoundError(
            f"{folder} holds no shapes. Expected files ending in {', '.join(endings)}, in folders "
            f"named after their classes or not.{others}"
        )
    files = _describe(sorted(paths, key=lambda found: found[1]), folder, skipped)
    if files:
        _warn_of_files(folder, files)
    else:
        skipped.tell(0)
    return files


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder never counts."""
    return name.startswith(".") or name.lower() in HIDDEN


def pointer(path: Path) -> str:
    """Say what a file is that stands for one which was not fetched; nothing for any other."""
    try:
        with path.open("rb") as file:
            content = file.read(max(map(len, POINTERS)))
    except OSError:
        return ""
    return next((what for start, what in POINTERS.items() if content.startswith(start)), "")


# A file, and the names on the way to it from the folder that is listed.
_Found = tuple[str, tuple[str, ...]]


def _walk(
    folder: str | Path,
    parts: tuple[str, ...],
    skipped: Skipped,
    above: tuple[tuple[int, int], ...] = (),
) -> Iterator[_Found]:
    """Yield the files of a folder and of all within; links are followed, but not in circles."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        here = os.stat(folder)
    except OSError as error:
        skipped.add("/".join(parts) or ".", error.strerror or error)
        return
    above = (*above, (here.st_dev, here.st_ino))
    for entry in entries:
        if is_hidden(entry.name):
            continue
        reason = _dead_end(entry, above)
        if reason:
            skipped.add("/".join((*parts, entry.name)), reason)
        elif entry.is_dir():
            yield from _walk(entry.path, (*parts, entry.name), skipped, above)
        else:
            yield entry.path, (*parts, entry.name)


def _dead_end(entry: os.DirEntry, above: Collection[tuple[int, int]]) -> str:
    """Say why an entry is neither a file nor a folder to go on with; nothing if it is."""
    if entry.is_symlink():
        target = os.readlink(entry.path)
        if not os.path.exists(entry.path):
            gone = f"a link to {target}, which is not there"
            return POINTERS[ANNEX] if ANNEX.decode() in target else gone
        found = os.stat(entry.path)
        if (found.st_dev, found.st_ino) in above:
            return f"a link to {target}, a folder that it lies in"
    return "" if entry.is_dir() or entry.is_file() else "neither a file nor a folder"


def _is_read(path: str, parts: tuple[str, ...], endings: Collection[str], skipped: Skipped) -> bool:
    """Tell whether a file is to be read; note it if it is neither that nor hidden by rule."""
    stem, ending = os.path.splitext(parts[-1].lower())
    if ending in COMPANIONS or stem in NOTES:
        return False
    if ending == ".bin" and any(Path(path).parent.glob("*.gltf")):  # they hold its numbers
        return False
    if ending in endings:
        return True
    name = "/".join(parts)
    if ending != DVC:
        skipped.add(name, f"{ending or 'a file without an ending'} is not read")
    elif not os.path.exists(path[: -len(DVC)]):
        skipped.add(name, "a pointer of DVC, not the file: `dvc pull` fetches it")
    return False


def _describe(found: list[_Found], folder: Path, skipped: Skipped) -> list[ShapeFile]:
    """Return the files with class and split, as their folders say."""
    levels = _levels_of_splits({parts[:-1] for _, parts in found})
    _warn_of_names(folder, levels)
    splits = {names: {split_of(names[k]) for k in own} for names, own in levels.items()}
    unsplit = {
        names: [name for k, name in enumerate(names) if k not in own]
        for names, own in levels.items()
    }
    depth = _depth_of_classes(folder, [unsplit[parts[:-1]] for _, parts in found])
    own = folder.resolve().name
    files = []
    for path, parts in found:
        names = parts[:-1]
        if len(splits[names]) > 1:
            both = " and ".join(sorted(splits[names]))
            skipped.add("/".join(parts), f"its folders name two splits, {both}")
            continue
        kind = unsplit[names][depth] if len(unsplit[names]) > depth else own
        name = os.path.splitext("/".join(parts))[0]
        files.append(ShapeFile(Path(path), name, kind, "".join(splits[names])))
    return files


def _levels_of_splits(above: set[tuple[str, ...]]) -> dict[tuple[str, ...], list[int]]:
    """Return which of the folders on the way to shapes are splits, by their levels.

    Where one way has two such names, the split is on the level that has no other names: ShapeNet
    has a class called train, and train/test/a.npy is a train to be tested on.
    """
    mixed = {k for names in above for k, name in enumerate(names) if not split_of(name)}
    levels = {}
    for names in above:
        named = [k for k, name in enumerate(names) if split_of(name)]
        sure = [k for k in named if k not in mixed]
        levels[names] = sure if len(sure) == 1 else named
    return levels


def _depth_of_classes(folder: Path, above: list[list[str]]) -> int:
    """Return on which level the classes are: below folders that all the shapes lie in."""
    depth = 0
    while _share_a_folder(above, depth):
        below = {tuple(names[depth + 1 : depth + 2]) for names in above}
        if () in below or 2 * len(below) > len(above):  # shapes, or a folder for each of them
            break
        depth += 1
    around = "/".join(above[0][:depth])
    if depth:
        logger.warning(
            "%s: all shapes are in %s; classes are named by the folders in it.", folder, around
        )
    within = {names[depth + 1] for names in above if len(names) > depth + 1}
    if _share_a_folder(above, depth) and len(within) > 1:
        logger.warning(
            "%s: all shapes are of one class, %s. If the folders in it are the classes, name "
            "that folder instead.",
            folder,
            above[0][depth],
        )
    return depth


def _share_a_folder(above: list[list[str]], depth: int) -> bool:
    """Tell whether all shapes are in the same folder on a level."""
    return len(above[0]) > depth and len({tuple(names[: depth + 1]) for names in above}) == 1


def _warn_of_names(folder: Path, levels: dict[tuple[str, ...], list[int]]) -> None:
    """Say what was made of names that resemble splits, and of splits that stand beside classes."""
    names = {name for above in levels for name in above}
    like = {name for name in names if resembles_split(name)}
    if like:
        logger.warning(
            "%s: folders named %s are taken for classes, though they resemble splits. Splits are "
            "named train, val and test, or training, valid, validation, dev and testing.",
            folder,
            some(like),
        )
    splits = {above[: k + 1] for above, own in levels.items() for k in own}
    classes = {above[: k + 1] for above in levels for k in range(len(above))} - splits
    mixed = {way[:-1] for way in splits} & {way[:-1] for way in classes}
    if mixed:
        logger.warning(
            "%s: folders named %s are taken for splits, not for classes; the shapes beside "
            "them, in %s, are trained on.",
            folder,
            some({way[-1] for way in splits if way[:-1] in mixed}),
            some({way[-1] for way in classes if way[:-1] in mixed}),
        )


def _warn_of_files(folder: Path, files: Iterable[ShapeFile]) -> None:
    """Say so if only the names of files tell which split they are of."""
    loose = [file for file in files if not file.split]
    named = {file.name: splits_within(os.path.basename(file.id)) for file in loose}
    most = 2 * sum(map(bool, named.values())) > len(named)
    if most and len(set().union(*named.values())) > 1:
        logger.warning(
            "%s: files are named after splits, such as %s, which says nothing here: sort them into "
            "folders named train, val and test.",
            folder,
            next(name for name, splits in named.items() if splits),
        )
