"""What the checks of open tasks share: seeds, small chairs, and a result beside the reference.

An open task is an experiment. Its check repeats it over seeds and says what came out, beside what
the walk-through in the notebook scores; `tests/exercises/test_notebooks.py` holds those numbers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.data import generate
from pcvae.diagnostics import swap_test
from pcvae.models import PointCloudVAE, VAEConfig
from pcvae.objective import Terms

SEEDS = (0, 1, 2)
HELD_OUT = 64
BATCH, RATE = 16, 5e-3
SMALL = {"width": 32, "encoder_depth": 1, "decoder_depth": 2, "style_widths": (32, 64, 64)}


@dataclass(frozen=True)
class Seen:
    """What a trained model does with shapes that it was not trained on.

    Attributes:
        moved: how far another shape's z moves the decoded points.
        sigma: standard deviation of the coordinates of h.
        nats: KL of z, in nats for a shape.
        error: mean absolute error of a coordinate.
    """

    moved: float
    sigma: float
    nats: float
    error: float


@cache
def small_chairs(num_points: int = 64) -> tuple[Tensor, Tensor]:
    """Return 256 chairs to train on and 64 others, (S, N, 3) each, in model units."""
    points = torch.from_numpy(generate(["chair"], 256 + HELD_OUT, num_points, seed=0).points)
    points = points / points.std()
    return points[:-HELD_OUT], points[-HELD_OUT:]


def small_vae(seed: int, **settings: float | int) -> PointCloudVAE:
    """Return an untrained model whose networks train in seconds; the seed holds from here on."""
    torch.manual_seed(seed)
    return PointCloudVAE(VAEConfig(style_dim=16, **SMALL | settings))


def fit(
    vae: nn.Module, loss: Callable[[Tensor, int], Terms], steps: int, falling: bool = False
) -> nn.Module:
    """Train on batches of 16 small chairs by a loss of a batch and a step's number.

    With `falling`, the learning rate falls along half a cosine.
    """
    train, _ = small_chairs()
    optimizer = torch.optim.Adam(vae.parameters(), lr=RATE, betas=(0.9, 0.99))
    for step in range(steps):
        if falling:
            optimizer.param_groups[0]["lr"] = 0.5 * RATE * (1 + math.cos(math.pi * step / steps))
        optimizer.zero_grad()
        loss(train[torch.randint(len(train), (BATCH,))], step).loss.backward()
        optimizer.step()
    return vae


@torch.no_grad()
def look(vae: PointCloudVAE, x: Float[Tensor, "B N 3"] | None = None) -> Seen:
    """Return what a model does with held-out chairs."""
    x = small_chairs()[1] if x is None else x
    encoding = vae.encode(x)
    return Seen(
        moved=swap_test(vae, x, encoding)["z"].displacement,
        sigma=encoding.points.sigma[..., :3].mean().item(),
        nats=encoding.style.kl().sum(dim=1).mean().item(),
        error=(vae(x).points - x).abs().mean().item(),
    )


def beside(
    what: str, found: Sequence[float], reference: Sequence[float], over: str = "three seeds"
) -> str:
    """Say what an answer scored over the seeds, beside the walk-through's scores."""
    ours, theirs = (", ".join(f"{value:.4g}" for value in values) for values in (found, reference))
    return f"That is right. {what} over {over}: {ours}; the walk-through's: {theirs}."
