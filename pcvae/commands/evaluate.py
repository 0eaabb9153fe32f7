"""`pcvae evaluate`: the scores of a checkpoint as a table and as JSON."""

import contextlib
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pcvae import checkpoints, evaluation
from pcvae.commands.held_out import open_data_of, points_of, why_unseen
from pcvae.commands.tables import explained, scorecard, show
from pcvae.data.cloud_files import read_split_clouds
from pcvae.files import cache_folder, check_writable, fingerprint, write_atomically
from pcvae.metrics import Score, Work
from pcvae.sampling import Way, check_way

logger = logging.getLogger(__name__)

DIGITS = 5


def evaluate(
    model: str,
    data: str | None = None,
    split: Literal["train", "val", "test"] = "test",
    count: int = 200,
    points: int = 2048,
    splits: int = 20,
    emd: bool = True,
    units: Literal["shape", "data"] = "shape",
    samples: Path | None = None,
    seed: int = 0,
    way: Way = Way(),
    work: Work = Work(progress=True),
    out: Path | None = None,
) -> None:
    """Print how well a model rebuilds held-out shapes and makes new ones.

    Args:
        model: a shipped model's name, such as shapes, or a .safetensors file.
        data: which clouds, as for `pcvae train`; by default those that the model was trained on,
            parted in the same way.
        split: which part of them was held out.
        count: shapes of each set that is compared; there must be twice as many held-out ones, or
            fewer are taken.
        points: points of each shape.
        splits: how often sets are drawn anew to tell how sure the scores are.
        emd: score by EMD-512 as well, which takes longest.
        units: 'shape' scales each shape to the unit sphere; 'data' takes clouds as they are.
        samples: a .npz file with new shapes to be scored in place of the model's own, as `pcvae
            sample` writes it, in the units of the data.
        seed: decides samples, points and splits.
        way: how the prior's flow of h is followed.
        work: how distances are worked out. Without a folder to keep them in they are kept, too, in
            the user's cache folder, until all is printed, so that a stopped evaluation goes on.
        out: a JSON file to write as well.
    """
    check_writable(out)
    opened = checkpoints.load(model)
    check_way(opened, way)
    source, parts = open_data_of(model, data, 2 * points)
    held_out = getattr(parts, split)
    given = None if samples is None else np.asarray(read_split_clouds(samples)[0].points)
    options = {"count": count, "points": points, "units": units, "seed": seed}
    what = (checkpoints.find(model).read_bytes(), source, split, str(samples), options, way)
    with kept_distances(work.cache, *what) as folder:
        found = evaluation.evaluate(
            opened,
            points_of(held_out, 2 * points),
            points_of(parts.train, points),
            samples=given,
            splits=splits,
            emd=emd,
            way=way,
            work=replace(work, cache=folder),
            **options,
        )
        ids = [parts.train.ids[index] for index in found["memorization"]["indices"]]
        found["memorization"]["ids"] = ids
        settings = {"model": model, "data": source, "split": split}
        settings["unseen"] = why_unseen(model, source, split)
        found["settings"] = settings | found["settings"]
        found = rounded(found)
        if out:
            write_atomically(out, json.dumps(found, indent=2) + "\n")
        show(f"{model} on {source}, {split}", scorecard(found), explained(found))


@contextlib.contextmanager
def kept_distances(cache: Path | None, *what: object) -> Iterator[Path | None]:
    """Give a folder for distances, which is removed if all goes well and nobody asked for it.

    Args:
        cache: the folder, if one was asked for.
        what: decides which folder it is, if none was.
    """
    folder = cache or cache_folder() / "distances" / fingerprint(*what)[:16]
    try:
        check_writable(folder / "chamfer.npz")
    except OSError as error:
        logger.warning("%s cannot be written (%s): no distances are kept.", folder, error.strerror)
        folder = None
    try:
        yield folder
    except BaseException as error:
        if folder:
            error.add_note(f"Distances are kept in {folder}: the same command goes on with them.")
        raise
    if folder and not cache:
        shutil.rmtree(folder, ignore_errors=True)


def rounded(found: Any) -> Any:
    """Return the same with numbers of a few digits, and scores as dictionaries."""
    if isinstance(found, Score):
        return rounded(found._asdict())
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return float(f"{found:.{DIGITS}g}") if isinstance(found, float) else found
