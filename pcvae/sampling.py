"""New shapes: latents drawn from the prior, and decoded."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from pcvae.models import PointCloudVAE
from pcvae.models.flow import Solver
from pcvae.models.prior import POINT_SOLVER, POINT_STEPS, STYLE_STEPS
from pcvae.randomness import Stream, draw_for_shapes, normal

BATCH = 16


@dataclass(frozen=True)
class Way:
    """The way from noise to h along the prior's flow.

    Attributes:
        steps: of the prior's flow of h: fewer are faster, more are sharper.
        solver: how the flow of h is followed, see `pcvae.models.flow.follow`.
    """

    steps: int = POINT_STEPS
    solver: Solver = POINT_SOLVER


def check_way(model: PointCloudVAE, way: Way) -> None:
    """Refuse a way other than usual for a model that has no flow to follow.

    Raises:
        ValueError: which names the flags.
    """
    if model.prior is None and way != Way():
        raise ValueError("--steps and --solver are of the learned prior, which this model lacks.")


@torch.inference_mode()
def sample(
    model: PointCloudVAE,
    count: int,
    num_points: int = 2048,
    *,
    seed: int = 0,
    way: Way = Way(),
    style_steps: int = STYLE_STEPS,
    progress: bool = False,
) -> Float[np.ndarray, "S N 3"]:
    """Draw new shapes.

    Shape number i has random numbers of its own: the first ten of a hundred are the ten that were
    asked for alone.

    Args:
        model: a trained model. Without a learned prior, latents are drawn from N(0, I), and what
            they decode to are blobs: a model's latents fill only a small part of it.
        count: how many shapes.
        num_points: points of each.
        seed: the same seed gives the same shapes.
        way: how the prior's flow of h is followed.
        style_steps: of the prior's flow of z, always by Heun's method.
        progress: show a progress bar.

    Returns:
        Clouds in data units, (count, num_points, 3) float32.

    Raises:
        ValueError: if count, points or steps are below 1, or there is no such solver.
    """
    if count < 1 or num_points < 1:
        raise ValueError(f"Expected one shape and one point or more, got {count}, {num_points}.")
    device = next(model.parameters()).device
    clouds = []
    for first in tqdm(range(0, count, BATCH), disable=not progress, desc="sampling"):
        shapes = range(first, min(first + BATCH, count))
        style_noise, point_noise = (
            noise.to(device) for noise in noise_of_samples(model, shapes, num_points, seed)
        )
        z = model.draw_style(style_noise, steps=style_steps)
        drawn = model.draw_points(point_noise, z, **vars(way))
        clouds.append(model.normalization.inverse(drawn).cpu().numpy())
    return np.concatenate(clouds)


def noise_of_samples(
    model: PointCloudVAE, shapes: range, num_points: int, seed: int
) -> tuple[Float[Tensor, "B S"], Float[Tensor, "B N H"]]:
    """Return the noise that `sample` makes shapes of, for z and for h, on the CPU.

    Args:
        model: whose latents are drawn.
        shapes: which of the shapes that `sample` draws.
        num_points: points of each.
        seed: as in `sample`.
    """
    draw = normal((model.config.style_dim,), (num_points, 3 + model.config.latent_dim))
    return tuple(draw_for_shapes(Stream.SAMPLE, shapes, draw, seed=seed))
