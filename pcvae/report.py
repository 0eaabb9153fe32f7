"""`pcvae diagnose`: the diagnostics of a checkpoint as a table and as JSON."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from pcvae.checkpoints import load, notes
from pcvae.data.cloud_files import check_format, export_clouds
from pcvae.data.clouds import CloudSet, check_finite
from pcvae.diagnostics import Diagnosis, examine
from pcvae.evaluation import some_rows
from pcvae.files import atomic_path, write_atomically
from pcvae.models.flow import Solver
from pcvae.models.prior import POINT_SOLVER, POINT_STEPS
from pcvae.objective import equilibrium_sigma
from pcvae.sampling import sample
from pcvae.scorecard import open_data_of, points_of


def sample_checkpoint(
    model: str,
    count: int = 64,
    points: int = 2048,
    out: Path = Path("shapes.npz"),
    seed: int = 0,
    steps: int = POINT_STEPS,
    solver: Solver = POINT_SOLVER,
    progress: bool = True,
) -> list[Path]:
    """Draw new shapes from a model and write them to a file.

    Args:
        model: a shipped model's name, such as shapes, or a .safetensors file.
        count: how many shapes.
        points: points of each.
        out: a .npz file with an array points (shapes, points, 3), or a .ply file, of which there
            will be one for each shape, numbered.
        seed: the same seed gives the same shapes.
        steps: of the prior's flow of h: fewer are faster, more are sharper.
        solver: how the flow of h is followed.
        progress: show a progress bar.

    Returns:
        The files.
    """
    check_format(out)
    clouds = sample(
        load(model), count, points, seed=seed, steps=steps, solver=solver, progress=progress
    )
    return export_clouds(clouds, out)


def diagnose_checkpoint(
    model: str,
    data: str | None = None,
    split: Literal["train", "val", "test"] = "test",
    count: int = 500,
    points: int = 2048,
    seed: int | None = None,
    out: Path | None = None,
    figure: Path | None = None,
) -> dict[str, float]:
    """Print what the latents of a model do on a data set.

    Distances are in model units, in which coordinates have standard deviation 1; a Chamfer distance
    is the mean of squared distances both ways, summed; KL is in nats.

    Args:
        model: a shipped model's name, such as furniture, or a .safetensors file.
        data: which clouds, as for `pcvae train`; by default those that the model was trained on,
            parted in the same way.
        split: which part of them.
        count: at most so many shapes, the first of a random order.
        points: at most so many points of each.
        seed: decides the parts, where the data has none of its own; by default as in training.
        out: a JSON file to write as well.
        figure: a picture to write as well, such as latents.png: it tells a dead z in one look.

    Returns:
        The numbers by name, rounded to four digits.
    """
    if count < 2 or points < 2:
        raise ValueError(f"Expected --count and --points of 2 or more, got {count} and {points}.")
    opened = load(model)
    source, parts = open_data_of(model, data, points, seed)
    chosen = getattr(parts, split)
    clouds = chosen.subset(some_rows(len(chosen), count))
    examined = examine(opened, at_most(clouds, points), clouds.factors)
    found = examined.numbers()
    if figure:
        draw_diagnosis(examined, model, Path(figure))
    table = Table()
    table.add_column("diagnostic")
    table.add_column("value", justify="right")
    for name, value in found.items():
        table.add_row(name, f"{value:g}")
    print(f"{model} on {source}, {split}")  # as a title it would be wrapped to the table's width
    Console().print(table)
    if out:
        write_atomically(Path(out), json.dumps(found, indent=2) + "\n")
    return found


def at_most(clouds: CloudSet, count: int) -> np.ndarray:
    """Return at most so many points of each cloud; where there are no more, in their own order."""
    if clouds.points.shape[1] > count:
        return points_of(clouds, count)
    points = np.asarray(clouds.points)
    check_finite(clouds, points, list(range(len(clouds))))
    return points


def draw_diagnosis(found: Diagnosis, model: str, path: Path) -> None:
    """Write the picture of the diagnostics, with the closed form that the training stands for."""
    from pcvae.figures import diagnosis_figure  # matplotlib takes a second

    trained = notes(model).get("train", {})
    expected = None
    if {"kl_weight", "reduction", "batch_size"} <= set(trained) and trained.get("error") == "l1":
        copies = trained["batch_size"] if trained["reduction"] == "batch" else 1
        expected = equilibrium_sigma(trained["kl_weight"], copies)
    with atomic_path(path) as temporary:
        kind = path.suffix.lstrip(".") or "png"
        diagnosis_figure(found, expected).savefig(temporary, format=kind)
