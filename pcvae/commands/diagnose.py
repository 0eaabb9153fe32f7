"""`pcvae diagnose`: the diagnostics of a checkpoint as a table, as JSON and as a picture."""

import json
from pathlib import Path
from typing import Literal

from pcvae.checkpoints import load, notes
from pcvae.commands.held_out import open_data_of, points_of, why_unseen
from pcvae.commands.tables import show, value_table
from pcvae.diagnostics import Diagnosis, examine
from pcvae.evaluation import some_rows
from pcvae.files import atomic_path, check_writable, write_atomically
from pcvae.objective import equilibrium_sigma


def diagnose(
    model: str,
    data: str | None = None,
    split: Literal["train", "val", "test"] = "test",
    count: int = 500,
    points: int = 2048,
    seed: int | None = None,
    out: Path | None = None,
    figure: Path | None = None,
) -> None:
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
    """
    if count < 2 or points < 2:
        raise ValueError(f"Expected --count and --points of 2 or more, got {count} and {points}.")
    check_writable(out, figure)
    opened = load(model)
    source, parts = open_data_of(model, data, points, seed)
    chosen = getattr(parts, split)
    clouds = chosen.subset(some_rows(len(chosen), count))
    examined = examine(opened, points_of(clouds, points), clouds.factors)
    found = examined.numbers()
    if out:
        write_atomically(out, json.dumps(found, indent=2) + "\n")
    if figure:
        draw_diagnosis(examined, model, figure)
    show(
        f"{model} on {source}, {split}", value_table(found), why_unseen(model, source, split, seed)
    )


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
