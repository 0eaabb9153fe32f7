"""Do factor sliders do what they say? Asked against measured, on shapes with known factors.

    python tests/benchmarks/slopes.py shapes

asks for one factor less and more of it, decodes, measures all factors, and prints how far each was
moved per unit asked: 1 for the factor itself and 0 for the others would be perfect.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pcvae import checkpoints
from pcvae.data.clouds import CloudSet
from pcvae.data.procedural import generate
from pcvae.diagnostics import style_means
from pcvae.editing import FactorDirections, draw_noise, fit_factors, scale_of
from pcvae.files import write_atomically
from pcvae.models import PointCloudVAE

# What is asked for, down and up, in the factors' own unit: a fifth of their ranges or less.
CHAIR = {"leg_height": 6.0, "seat_width": 8.0, "seat_depth": 6.0, "back_height": 6.0}
FITTED, TRIED = 1500, 40
# Shapes of these seeds were not trained on.
FITTED_SEED, TRIED_SEED = 11, 12


def factor_slopes(
    model: PointCloudVAE,
    directions: FactorDirections,
    clouds: CloudSet,
    spans: Mapping[str, float | int],
) -> dict[str, dict[str, float]]:
    """Return how far each factor moves for one unit asked of each.

    Args:
        model: a model whose z says what a shape is.
        directions: of z, by `fit_factors`.
        clouds: shapes of the family with their factors, that the directions were not fitted to.
        spans: for each factor how much less and more of it is asked for, in its own unit.

    Returns:
        Under each factor asked, by factor measured, the median over the shapes.
    """
    known = {n.partition("/")[2]: v for n, v in (clouds.factors or {}).items() if "/" in n}
    z = torch.from_numpy(style_means(model, clouds.points))
    slopes = {}
    for asked, span in spans.items():
        unit = directions.basis[directions.names.index(asked)]
        ends = []
        for change in (-span, span):
            points = _decoded(model, z + change * unit, clouds.points.shape[1])
            ends.append(_measured(directions, points, known | {asked: known[asked] + change}))
        low, high = directions.family.factor(asked).bounds
        inside = (known[asked] - span >= low) & (known[asked] + span <= high)
        slopes[asked] = {
            name: float(np.nanmedian((ends[1][name] - ends[0][name])[inside]) / (2 * span))
            for name in spans
        }
    return slopes


def _measured(
    directions: FactorDirections,
    points: Float[np.ndarray, "B N 3"],
    wanted: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Measure clouds in the factors' own units, by the scales of the shapes that were wanted."""
    # Families are centered on their bounding box; what a model decodes is so only nearly.
    points = points - (points.min(axis=1, keepdims=True) + points.max(axis=1, keepdims=True)) / 2
    rows = [{name: float(v[i]) for name, v in wanted.items()} for i in range(len(points))]
    scale = np.array([scale_of(directions.family, row) for row in rows])
    found = directions.family.measure(points.astype(np.float32))
    return {name: directions.family.from_cloud(name, v, scale) for name, v in found.items()}


@torch.inference_mode()
def _decoded(
    model: PointCloudVAE, z: Float[Tensor, "B S"], num_points: int
) -> Float[np.ndarray, "B N 3"]:
    """Return clouds in data units, all of the same noise."""
    noise = draw_noise(torch.empty(num_points, 3 + model.config.latent_dim), seed=0)
    parts = [model.draw_points(noise.expand(len(part), -1, -1), part) for part in z.split(10)]
    return model.normalization.inverse(torch.cat(parts)).numpy()


def chair_slopes(model: PointCloudVAE) -> dict[str, dict[str, float]]:
    """Return the slopes of four measures of chairs, rounded to three digits."""
    fitted = generate(("chair",), FITTED, 2048, seed=FITTED_SEED)
    tried = generate(("chair",), TRIED, 2048, seed=TRIED_SEED)
    directions = fit_factors(style_means(model, fitted.points), fitted.factors, "chair")
    slopes = factor_slopes(model, directions, tried, CHAIR)
    return {a: {b: round(s, 3) for b, s in row.items()} for a, row in slopes.items()}


def main() -> None:
    """Print the table, and write it to a file if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a shipped model's name, or a .safetensors file")
    parser.add_argument("--out", type=Path, help="a JSON file to write as well")
    options = parser.parse_args()
    slopes = chair_slopes(checkpoints.load(options.model))
    print(f"{'asked, measured':<18}" + "".join(f"{name:>14}" for name in slopes))
    for asked, row in slopes.items():
        print(f"{asked:<18}" + "".join(f"{value:>14.3f}" for value in row.values()))
    if options.out:
        write_atomically(options.out, json.dumps(slopes, indent=2) + "\n")


if __name__ == "__main__":
    main()
