"""Do factor sliders do what they say? Asked against measured, on shapes with known factors.

    python tests/benchmarks/slopes.py shapes

asks for one factor less and more of it, decodes, measures all factors of the family, and says how
far each was moved for what was asked. Both are shares of the factors' ranges, so that centimeters
and degrees can be compared: 1 for the factor itself and 0 for the others would be perfect.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pcvae import checkpoints
from pcvae.data.procedural import generate
from pcvae.diagnostics import style_means
from pcvae.editing import (
    FactorDirections,
    LatentState,
    draw_noise,
    fit_factors,
    move_factors,
    scale_of,
)
from pcvae.files import write_atomically
from pcvae.models import PointCloudVAE
from pcvae.shapes import Family, families

ASKED = 0.15  # of a factor's range, less and more
FITTED, TRIED = 512, 60
SEEDS = (11, 12, 13)  # each draws other shapes, to fit the directions to and to try them on

Slopes = dict[str, dict[str, float]]
"""Under each factor asked, by factor measured."""


def asked_factors(family: Family) -> tuple[str, ...]:
    """Return the factors that can be measured and take any value."""
    return tuple(n for n in family.measured if family.factor(n).kind == "continuous")


def factor_slopes(
    model: PointCloudVAE,
    directions: FactorDirections,
    points: Float[np.ndarray, "S N 3"],
    factors: dict[str, Float[np.ndarray, " S"]],
    names: Sequence[str],
) -> Slopes:
    """Return how far each factor moves for what is asked of each, in shares of their ranges.

    Args:
        model: a model whose z says what a shape is.
        directions: of z, by `fit_factors`.
        points: shapes of the family that the directions were not fitted to.
        factors: of these shapes, by their names in the family.
        names: of the factors to ask for and to measure.

    Returns:
        Under each factor asked, by factor measured, the median over the shapes.
    """
    z = torch.from_numpy(style_means(model, points))
    bounds = {name: directions.family.factor(name).bounds for name in names}
    slopes = {}
    for asked, (low, high) in bounds.items():
        span = ASKED * (high - low)
        # Shapes that have the factor, and whose factor stays in its range; NaN compares as False.
        inside = (factors[asked] - span >= low) & (factors[asked] + span <= high)
        own = {name: values[inside] for name, values in factors.items()}
        less, more = (
            measured_factors(
                directions,
                decoded(model, asked_of(z[inside], directions, asked, change), points.shape[1]),
                own | {asked: own[asked] + change},
            )
            for change in (-span, span)
        )
        slopes[asked] = {
            name: float(np.nanmedian((more[name] - less[name])[np.isfinite(own[name])]))
            / (high - low)
            / (2 * ASKED)
            for name, (low, high) in bounds.items()
        }
    return slopes


def asked_of(
    z: Float[Tensor, "B S"], directions: FactorDirections, name: str, change: float
) -> Float[Tensor, "B S"]:
    """Return z of shapes that are asked for more of one factor, as its slider asks."""
    blank = torch.zeros(1, 4)
    states = [LatentState(row, blank, blank, blank) for row in z]
    return torch.stack([move_factors(state, directions, {name: change}).z for state in states])


def measured_factors(
    directions: FactorDirections,
    points: Float[np.ndarray, "B N 3"],
    wanted: dict[str, Float[np.ndarray, " B"]],
) -> dict[str, Float[np.ndarray, " B"]]:
    """Measure clouds in the factors' own units, by the scales of the shapes that were wanted."""
    # Families are centered on their bounding box; what a model decodes is so only nearly.
    points = points - (points.min(axis=1, keepdims=True) + points.max(axis=1, keepdims=True)) / 2
    rows = [{name: float(v[i]) for name, v in wanted.items()} for i in range(len(points))]
    scale = np.array([scale_of(directions.family, row) for row in rows])
    found = directions.family.measure(points.astype(np.float32))
    return {name: directions.family.from_cloud(name, v, scale) for name, v in found.items()}


@torch.inference_mode()
def decoded(
    model: PointCloudVAE, z: Float[Tensor, "B S"], num_points: int
) -> Float[np.ndarray, "B N 3"]:
    """Return clouds in data units, all of the same noise."""
    noise = draw_noise(torch.empty(num_points, 3 + model.config.latent_dim), seed=0)
    parts = [model.draw_points(noise.expand(len(part), -1, -1), part) for part in z.split(10)]
    return model.normalization.inverse(torch.cat(parts)).numpy()


def slopes_of(model: PointCloudVAE, family: Family, seed: int, *, curved: bool = True) -> Slopes:
    """Return the slopes of one family, by shapes that no training has seen."""
    clouds = generate((family.name,), FITTED + TRIED, 2048, seed=seed, split="test")
    means = style_means(model, clouds.points[:FITTED])
    fitted = {name: values[:FITTED] for name, values in clouds.factors.items()}
    directions = fit_factors(means, fitted, family.name, curved=curved)
    tried = {n.partition("/")[2]: v[FITTED:] for n, v in clouds.factors.items() if "/" in n}
    return factor_slopes(model, directions, clouds.points[FITTED:], tried, asked_factors(family))


def summary(seeds: Sequence[Slopes]) -> dict[str, dict[str, float | str]]:
    """Return for each factor its slope, the slope's spread over the seeds, and the worst leak."""
    rows = {}
    for asked in seeds[0]:
        own = [slopes[asked][asked] for slopes in seeds]
        leaks = {n: np.mean([s[asked][n] for s in seeds]) for n in seeds[0] if n != asked}
        into = max(leaks, key=lambda name: abs(leaks[name]))
        rows[asked] = {
            "slope": round(float(np.mean(own)), 3),
            "spread": round(float(np.std(own)), 3),
            "leak": round(float(leaks[into]), 3),
            "into": into,
        }
    return rows


def main() -> None:
    """Print the table, and write it to a file if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a shipped model's name, or a .safetensors file")
    parser.add_argument("--straight", action="store_true", help="one direction for all shapes")
    parser.add_argument("--out", type=Path, help="a JSON file to write as well")
    options = parser.parse_args()
    model = checkpoints.load(options.model)
    table = {
        name: summary(
            [slopes_of(model, family, seed, curved=not options.straight) for seed in SEEDS]
        )
        for name, family in families().items()
    }
    for name, rows in table.items():
        for asked, row in rows.items():
            told = f"{row['slope']:6.2f} +- {row['spread']:.2f}"
            print(f"{name:<10}{asked:<18}{told}   {row['leak']:+.2f} into {row['into']}")
    if options.out:
        write_atomically(options.out, json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
