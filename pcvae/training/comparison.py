"""`pcvae compare-recipes`: what each recipe makes of the latents, on the same data and steps."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pcvae import checkpoints
from pcvae.data.clouds import CloudSet
from pcvae.diagnostics import diagnose, explained_variance, style_means
from pcvae.files import write_atomically
from pcvae.models import PointCloudVAE
from pcvae.objective import equilibrium_sigma
from pcvae.training.config import RECIPES, TrainConfig
from pcvae.training.run import LAST, MODEL, train

FACTORS = ("chair/leg_height", "chair/seat_width", "chair/seat_depth", "chair/back_height")
EVALUATED = 200  # shapes; the Chamfer distances among the diagnostics take most of the time


def compare_recipes(
    recipes: Sequence[str] = ("lion", "per_shape", "one_shot"),
    steps: int = 1500,
    batch_size: int = 16,
    num_points: int = 512,
    num_shapes: int = 3000,
    data: str = "procedural:chair,table,lamp",
    seed: int = 0,
    out: Path = Path("runs/recipes"),
    progress: bool = True,
) -> dict[str, dict[str, float]]:
    """Train one model by each recipe, and measure what its latents do on held-out shapes.

    What was trained before in the same folder is not trained again.

    Args:
        recipes: names from `RECIPES`.
        steps: optimizer steps for each.
        batch_size: clouds for each step; under LION's loss it decides the balance, too.
        num_points: points for each cloud.
        num_shapes: how many shapes to generate.
        data: procedural shapes, whose factors are known.
        seed: decides everything random.
        out: folder for the runs and for recipes.json.
        progress: show progress bars.

    Returns:
        For each recipe, the diagnostics and R^2 of factors read off z, by name.
    """
    table = {}
    for recipe in recipes:
        config = _configure(
            recipe,
            max_steps=steps,
            batch_size=batch_size,
            num_points=num_points,
            num_shapes=num_shapes,
            data=data,
            seed=seed,
            out=Path(out) / recipe,
            progress=progress,
        )
        model = checkpoints.load(_trained(config))
        table[recipe] = _measure(model, config)
    write_atomically(Path(out) / "recipes.json", json.dumps(table, indent=2) + "\n")
    return table


def _configure(recipe: str, **common: object) -> TrainConfig:
    """Return a recipe's settings with those that all runs share."""
    if recipe not in RECIPES:
        raise ValueError(f"There is no recipe {recipe!r}; there are {', '.join(RECIPES)}.")
    steps_alone = {"max_epochs": 1_000_000, "validate_every": 1_000_000}
    return TrainConfig(**(RECIPES[recipe].settings | steps_alone | common | {"recipe": recipe}))


def _trained(config: TrainConfig) -> Path:
    """Return the run's model, training it if it is not there yet."""
    path = Path(config.out) / MODEL
    if path.is_file():
        return path
    started = (Path(config.out) / LAST).is_file()
    return train(TrainConfig(**(vars(config) | {"resume": config.out if started else None})))


def _measure(model: PointCloudVAE, config: TrainConfig) -> dict[str, float]:
    """Return the diagnostics, the closed form of sigma, and R^2 of each factor."""
    held_out = config.open_data().splits.test
    found = diagnose(model, held_out.points[:EVALUATED])
    copies = config.batch_size if config.reduction == "batch" else 1
    found["sigma_xyz_closed_form"] = equilibrium_sigma(config.kl_weight, copies)
    found |= _factors_read_off(model, held_out)
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def _factors_read_off(model: PointCloudVAE, clouds: CloudSet) -> dict[str, float]:
    """Return R^2 of the known factors from mu_z."""
    means = style_means(model, np.ascontiguousarray(clouds.points))
    known = clouds.factors or {}
    return {
        f"r2 {name}": explained_variance(means, known[name]) for name in FACTORS if name in known
    }
