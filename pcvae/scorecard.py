"""`pcvae evaluate`: the scores of a checkpoint as a table and as JSON."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from pcvae import checkpoints
from pcvae.data.cloud_files import read_split_clouds
from pcvae.data.clouds import CloudSet, Splits, check_finite
from pcvae.data.sources import open_splits
from pcvae.evaluation import evaluate
from pcvae.files import cache_folder, write_atomically
from pcvae.metrics import Score
from pcvae.metrics.pairs import fingerprint
from pcvae.models.flow import Solver
from pcvae.models.prior import POINT_SOLVER, POINT_STEPS

DIGITS = 5
# What an MMD is multiplied by in the table, how that is said, and how many digits are shown.
SCALES = {"cd": (1e3, " × 10³", 2), "emd-512": (1e2, " × 10²", 2)}
GOOD = {"mmd": "↓", "cov": "↑", "1-nna": "→"}


def evaluate_checkpoint(
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
    steps: int = POINT_STEPS,
    solver: Solver = POINT_SOLVER,
    workers: int | None = None,
    cache: Path | None = None,
    out: Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
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
        steps: of the prior's flow of h.
        solver: how the flow of h is followed.
        workers: threads for distances; as many as cores by default.
        cache: a folder that keeps distances. Without it they are kept, too, in the user's cache
            folder, until the evaluation is through, so that one that was stopped goes on.
        out: a JSON file to write as well.
        progress: show progress bars.

    Returns:
        What `pcvae.evaluation.evaluate` returns, with the names of model, data and the nearest
        training shapes.
    """
    opened = checkpoints.load(model)
    source, parts = open_data_of(model, data, 2 * points)
    held_out = getattr(parts, split)
    given = None if samples is None else np.asarray(read_split_clouds(samples)[0].points)
    options = {"count": count, "points": points, "units": units, "seed": seed}
    options |= {"steps": steps, "solver": solver}
    what = (checkpoints.find(model).read_bytes(), source, split, str(samples), options)
    with kept_distances(cache, *what) as folder:
        found = evaluate(
            opened,
            points_of(held_out, 2 * points),
            points_of(parts.train, points),
            samples=given,
            splits=splits,
            emd=emd,
            workers=workers,
            cache=folder,
            progress=progress,
            **options,
        )
    ids = [parts.train.ids[index] for index in found["memorization"]["indices"]]
    found["memorization"]["ids"] = ids
    found["settings"] = {"model": str(model), "data": source, "split": split} | found["settings"]
    found = rounded(found)
    if out:
        write_atomically(Path(out), json.dumps(found, indent=2) + "\n")
    Console().print(scorecard(found))
    return found


@contextlib.contextmanager
def kept_distances(cache: Path | None, *what: object) -> Iterator[Path]:
    """Give a folder for distances, which is removed if all goes well and nobody asked for it.

    Args:
        cache: the folder, if one was asked for.
        what: decides which folder it is, if none was.
    """
    if cache:
        yield Path(cache)
        return
    folder = cache_folder() / "distances" / fingerprint(*what)[:16]
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def open_data_of(
    model: str, data: str | None, num_points: int, seed: int | None = None
) -> tuple[str, Splits]:
    """Open the clouds a model is evaluated on.

    Args:
        model: the checkpoint, which remembers what it was trained on.
        data: the clouds, if others than those. The same ones are parted as for training.
        num_points: points of each.
        seed: decides the parts, where the data has none; by default as in training.

    Returns:
        The name of the clouds, and their parts.

    Raises:
        ValueError: if no data are given and the checkpoint does not remember any.
    """
    trained = checkpoints.notes(model).get("train", {})
    source = data or trained.get("data")
    if not source:
        raise ValueError(f"{model} does not remember its data; name them with --data.")
    if source != trained.get("data"):
        trained = {}
    options = {name: trained[name] for name in ("num_shapes", "up", "strict") if name in trained}
    parts = open_splits(
        source,
        trained.get("seed", 0) if seed is None else seed,
        categories=trained.get("categories", ""),
        num_points=num_points,
        **options,
    )
    return source, parts


def points_of(clouds: CloudSet, count: int) -> np.ndarray:
    """Return at most so many random points of each cloud, in random order, reading one at a time.

    Those in a file may stand in an order that means something: the first ones are then no fair
    draw.

    Raises:
        ValueError: if a cloud that was still on the disk is damaged or not finite.
    """
    found = []
    for row in range(len(clouds)):
        cloud = np.asarray(clouds.points[row])
        check_finite(clouds, cloud[None], [row])
        found.append(cloud[np.random.default_rng((0, row)).permutation(len(cloud))[:count]])
    return np.stack(found)


def rounded(found: Any) -> Any:
    """Return the same with numbers of a few digits, and scores as dictionaries."""
    if isinstance(found, Score):
        return rounded(found._asdict())
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return float(f"{found:.{DIGITS}g}") if isinstance(found, float) else found


def scorecard(found: dict[str, Any]) -> Table:
    """Return the table that `pcvae evaluate` prints.

    Args:
        found: what `evaluate_checkpoint` returns.
    """
    settings, made, rebuilt = (found[k] for k in ("settings", "generation", "reconstruction"))
    table = Table(
        title=f"{settings['model']} on {settings['data']}, {settings['split']}",
        caption=f"↓ low is good, ↑ high, → near the floor. CD is squared, both ways summed.\n"
        f"Units: {settings['units']}.\n"
        f"Rebuilt from {rebuilt['points']} points. New shapes from {settings['drawn_from']}:\n"
        f"sets of {made['shapes']}, of {made['points']} points each; "
        f"± is the standard deviation over {made['splits']} splits.",
        box=box.SIMPLE_HEAD,
        caption_justify="left",
    )
    table.add_column("")
    for name in ("model", "floor", "above floor"):
        table.add_column(name, justify="right", no_wrap=True)
    for title, floor, rows in (
        (f"{rebuilt['shapes']} shapes rebuilt", "two samples", _reconstruction_rows(rebuilt)),
        (f"{made['shapes']} new shapes", "held-out ones", _generation_rows(made)),
        ("nearest training shapes", "held-out ones", _memorization_rows(found["memorization"])),
    ):
        table.add_row(f"[bold]{title}", "", f"[italic]{floor}")
        for row in rows:
            table.add_row(*row)
        table.add_section()
    return table


def _reconstruction_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    times = f"{found['cd_style_over_floor']:.2f} times"
    return [
        ("CD from z and h ↓ × 10³", f"{1e3 * found['cd_posterior']:.2f}"),
        (
            "CD from z alone ↓ × 10³",
            f"{1e3 * found['cd_style']:.2f}",
            f"{1e3 * found['cd_floor']:.2f}",
            times,
        ),
        ("F-score from z and h ↑", f"{found['f_posterior']:.3f}"),
        ("F-score from z alone ↑", f"{found['f_style']:.3f}", f"{found['f_floor']:.3f}"),
    ]


def _generation_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for distance in ("cd", "emd-512"):
        for name, score in found.get(distance, {}).items():
            scale, unit, digits = SCALES[distance] if name == "mmd" else (1.0, "", 3)
            label = f"{name.upper()}-{distance.upper()} {GOOD[name]}{unit}"
            rows.append((label, *_columns(score, scale, digits)))
    rows.append(("JSD ↓ nats", *_columns(found["jsd"], 1.0, 3)))
    return rows


def _columns(score: dict[str, float], scale: float, digits: int) -> tuple[str, str, str]:
    """Return a score, its floor and their difference, with the spread of each."""

    def written(name: str, spread: str, sign: str = "") -> str:
        return f"{scale * score[name]:{sign}.{digits}f} ± {scale * score[spread]:.{digits}f}"

    return (
        written("value", "std"),
        written("floor", "floor_std"),
        written("excess", "excess_std", sign="+"),
    )


def _memorization_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    medians = (
        f"{1e3 * found[name]:.2f}" for name in ("median_distance", "median_distance_of_held_out")
    )
    return [
        ("median CD → × 10³", *medians),
        ("nearer than held-out ones →", f"{found['nearer_than_held_out']:.3f}", "0.500"),
    ]
