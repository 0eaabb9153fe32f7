"""What each recipe makes of the latents, on the same data and steps.

python tests/benchmarks/recipes.py --steps 1500
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jsonargparse import auto_cli
from rich.console import Console
from rich.table import Table

from pcvae import checkpoints
from pcvae.data.batches import Batch
from pcvae.data.clouds import CloudSet
from pcvae.diagnostics import diagnose, explained_variance, style_means
from pcvae.files import write_atomically
from pcvae.models import PointCloudVAE
from pcvae.models.layers import CONDITIONING
from pcvae.objective import equilibrium_sigma
from pcvae.training import (
    RECIPES,
    TrainConfig,
    VAEModule,
    build_objective,
    build_schedule,
    model_config,
    open_data,
    train,
)
from pcvae.training.resuming import LAST
from pcvae.training.run import MODEL

FACTORS = ("chair/leg_height", "chair/seat_width", "chair/seat_depth", "chair/back_height")
EVALUATED = 200  # shapes; the Chamfer distances among the diagnostics take most of the time
TIMED_STEPS = 15


def compare_recipes(
    recipes: Sequence[str] = ("lion", "per_shape", "one_shot", "joint_flow"),
    conditionings: Sequence[str] = (),
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
        conditionings: how z speaks to the points: each recipe is trained by each of these, such as
            adain, adagn and adaln. By default only by its own.
        steps: optimizer steps for each.
        batch_size: clouds for each step; under LION's loss it decides the balance, too.
        num_points: points for each cloud.
        num_shapes: how many shapes to generate.
        data: procedural shapes, whose factors are known.
        seed: decides everything random.
        out: folder for the runs and for recipes.json.
        progress: show progress bars.

    Returns:
        For each recipe, or recipe and conditioning, by name: the diagnostics, R^2 of factors read
        off z, and milliseconds that one thread works for a step.
    """
    common = {
        "max_steps": steps,
        "batch_size": batch_size,
        "num_points": num_points,
        "num_shapes": num_shapes,
        "data": data,
        "seed": seed,
        "progress": progress,
    }
    runs = {
        name: _configure(name, common | {"out": Path(out) / name.replace(" ", "-")})
        for name in _names(recipes, conditionings)
    }
    models = {name: checkpoints.load(_trained(config)) for name, config in runs.items()}
    times = step_times(list(runs.values()))
    table = {
        name: _measure(models[name], config) | {"ms_per_step_one_thread": milliseconds}
        for (name, config), milliseconds in zip(runs.items(), times, strict=True)
    }
    write_atomically(Path(out) / "recipes.json", json.dumps(table, indent=2) + "\n")
    return table


def _names(recipes: Sequence[str], conditionings: Sequence[str]) -> list[str]:
    """Return the names of the runs: recipes, each followed by a conditioning if any were given."""
    for what, words, known in (
        ("recipe", recipes, RECIPES),
        ("conditioning", conditionings, CONDITIONING),
    ):
        for word in words:
            if word not in known:
                raise ValueError(f"There is no {what} {word!r}; there are {', '.join(known)}.")
    return [" ".join(filter(None, (r, c))) for r in recipes for c in conditionings or [""]]


def _configure(name: str, common: dict[str, object]) -> TrainConfig:
    """Return a run's settings: its recipe's, with those that all runs share."""
    recipe, _, conditioning = name.partition(" ")
    alone = {
        "max_epochs": 1_000_000,
        "validate_every": 1_000_000,
        "diagnose_every": 0,
        "recipe": recipe,
    }
    chosen = {"conditioning": conditioning} if conditioning else {}
    return TrainConfig(**(RECIPES[recipe].settings | alone | common | chosen))


def _trained(config: TrainConfig) -> Path:
    """Return the run's model, training it if it is not there yet."""
    path = Path(config.out) / MODEL
    if path.is_file():
        return path
    started = (Path(config.out) / LAST).is_file()
    return train(TrainConfig(**(vars(config) | {"resume": config.out if started else None})))


def step_times(runs: Sequence[TrainConfig]) -> list[float]:
    """Return how many milliseconds one thread works for a training step of each run.

    Time on the processor, not on the clock, and in turn: other programs disturb all alike.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        steps = [_stepper(config) for config in runs]
        times = [[_seconds_of_work(step) for step in steps] for _ in range(TIMED_STEPS)]
    finally:
        torch.set_num_threads(threads)
    return [float(f"{1e3 * value:.3g}") for value in np.median(times[1:], axis=0)]


def _stepper(config: TrainConfig) -> Callable[[], None]:
    """Return a function that makes a step of a run, on a batch of noise."""
    module = VAEModule(
        PointCloudVAE(model_config(config)),
        build_objective(config),
        build_schedule(config),
        prior_weight=config.prior_weight,
        local_points=config.local_points,
    )
    points = torch.randn(config.batch_size, config.num_points, 3)
    batch = Batch(points, torch.arange(config.batch_size))
    optimizer = torch.optim.Adam(module.parameters(), config.learning_rate, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        module.terms(batch, epoch=0).loss.backward()
        optimizer.step()

    return step


def _seconds_of_work(step: Callable[[], None]) -> float:
    """Return how long the processor works on a step."""
    start = time.process_time()
    step()
    return time.process_time() - start


def _measure(model: PointCloudVAE, config: TrainConfig) -> dict[str, float]:
    """Return the diagnostics, the closed form of sigma, and R^2 of each factor."""
    held_out = open_data(config).splits.test
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


def print_recipes(table: dict[str, dict[str, float]]) -> None:
    """Print a column for each recipe and a row for each diagnostic."""
    printed = Table(title="what each recipe makes of the latents")
    printed.add_column("diagnostic")
    for recipe in table:
        printed.add_column(recipe, justify="right")
    for name in next(iter(table.values())):
        printed.add_row(name, *(f"{column[name]:g}" for column in table.values()))
    Console().print(printed)


if __name__ == "__main__":
    print_recipes(auto_cli(compare_recipes, as_positional=False))
