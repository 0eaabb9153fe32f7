"""The joint flow beside the baseline of every paper, on the same shapes and the same CPU minutes.

    python tests/benchmarks/baseline.py --cpu_minutes 10 --out data/comparisons/baseline.json

The baseline is a point-wise autoencoder of the same size: the same style encoder, z with a Gaussian
prior, a decoder that moves noise to points by what z says, and the Chamfer distance as its error.
Both are trained in float32 on one thread until the minutes are used up, and judged on held-out
shapes: how near a shape comes that is made from z alone, and how well new shapes pass for real.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pcvae.data.procedural import generate
from pcvae.evaluation import generation
from pcvae.files import write_atomically
from pcvae.metrics import chamfer_distance
from pcvae.models import PointCloudVAE
from pcvae.models.layers import ConditionedNetwork
from pcvae.models.style_encoder import StyleEncoder
from pcvae.objective import chamfer
from pcvae.randomness import flow_noise_for_shapes
from pcvae.training import RECIPES, TrainConfig, build_objective, model_config
from pcvae.training.module import STAGES
from pcvae.training.run import keep_freed_memory

CONFIG = TrainConfig(**RECIPES["joint_flow"].settings)
RATE = 1.5e-3


class PlainAutoencoder(nn.Module):
    """z ~ N(0, I), and points that are noise moved by a point-wise network conditioned on z."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = StyleEncoder(CONFIG.style_dim, CONFIG.style_widths)
        self.network = ConditionedNetwork(
            3,
            3,
            width=CONFIG.prior_width,
            depth=CONFIG.prior_depth,
            style_dim=CONFIG.style_dim,
            conditioning="adaln",
        )

    def decode(self, z: Tensor, num_points: int) -> Tensor:
        """Return clouds of any number of points."""
        noise = torch.randn(len(z), num_points, 3)
        return noise + self.network(noise, z)

    def loss(self, x: Tensor) -> Tensor:
        """Chamfer distance plus the KL of z, both weighed as the joint flow weighs them."""
        posterior = self.encoder(x)
        local = x[:, : CONFIG.local_points]
        decoded = self.decode(posterior.sample(), CONFIG.local_points)
        return chamfer(decoded, local).mean() + 0.01 * posterior.kl().sum(dim=1).mean()

    def from_style(self, x: Tensor) -> Tensor:
        """Return clouds made from z alone."""
        return self.decode(self.encoder(x).mean, x.shape[1])

    def new(self, count: int, num_points: int) -> Tensor:
        """Return new shapes."""
        return self.decode(torch.randn(count, CONFIG.style_dim), num_points)


class JointFlow(nn.Module):
    """The package's model with its learned prior, under the same four calls."""

    def __init__(self) -> None:
        super().__init__()
        self.model = PointCloudVAE(model_config(CONFIG))
        self.objective = build_objective(CONFIG)
        self.steps = 0

    def loss(self, x: Tensor) -> Tensor:
        """The loss of the recipe joint_flow."""
        local = x[:, : CONFIG.local_points]
        output = self.model(local, seen=x)
        self.steps += 1
        noise = flow_noise_for_shapes(
            torch.arange(len(x)),
            seed=0,
            epoch=self.steps,
            style_dim=CONFIG.style_dim,
            point_dim=3 + CONFIG.latent_dim,
            num_points=CONFIG.local_points,
            repeats=8,
        )
        flows = STAGES["all"].prior_losses(self.model.prior, output, noise)
        return self.objective(local, output, CONFIG.kl_weight).loss + sum(flows)

    def from_style(self, x: Tensor) -> Tensor:
        """Return clouds made from z alone."""
        z = self.model.encode_style(x).mean
        return self.model.draw_points(torch.randn(*x.shape[:2], 4), z)

    def new(self, count: int, num_points: int) -> Tensor:
        """Return new shapes."""
        z = self.model.draw_style(torch.randn(count, CONFIG.style_dim))
        return self.model.draw_points(torch.randn(count, num_points, 4), z)


def batches(points: Tensor, seed: int) -> Iterator[Tensor]:
    """Yield batches of random shapes with random points, for ever."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(points), (CONFIG.batch_size,), generator=generator)
        columns = torch.randperm(points.shape[1], generator=generator)[: CONFIG.num_points]
        yield points[rows][:, columns]


def train(model: nn.Module, points: Tensor, cpu_seconds: float) -> int:
    """Train until the time is used up, the learning rate falling along half a cosine."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, betas=(0.9, 0.99))
    start, steps = time.process_time(), 0
    for x in batches(points, seed=0):
        used = (time.process_time() - start) / cpu_seconds
        if used >= 1:
            return steps
        optimizer.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * used))
        optimizer.zero_grad()
        model.loss(x).backward()
        optimizer.step()
        steps += 1
    return steps


@torch.no_grad()
def in_parts(make: Callable[[Tensor], Tensor], x: Tensor) -> np.ndarray:
    """Return what is made of a few shapes at a time."""
    return torch.cat([make(part) for part in x.split(20)]).numpy()


def judge(model: nn.Module, held_out: Tensor, scale: float, count: int) -> dict[str, float]:
    """Return Chamfer distance from z alone, times 1e3, and 1-NNA with what real shapes score."""
    model.eval()
    torch.manual_seed(1)
    seen, other = held_out[:count].chunk(2, dim=1)
    made = in_parts(model.from_style, seen)
    near = [
        chamfer_distance(a * scale, b.numpy() * scale) for a, b in zip(made, other, strict=True)
    ]
    floor = [
        chamfer_distance(a * scale, b * scale)
        for a, b in zip(seen.numpy(), other.numpy(), strict=True)
    ]
    new = in_parts(lambda part: model.new(len(part), seen.shape[1]), held_out)
    real = (held_out[:, : seen.shape[1]] * scale).numpy()
    scores = generation(new * scale, real, points=seen.shape[1], splits=10, emd=False)
    accuracy = scores["cd"]["1-nna"]
    return {
        "cd_from_z": 1e3 * float(np.mean(near)),
        "cd_floor": 1e3 * float(np.mean(floor)),
        "1-nna": accuracy.value,
        "1-nna_floor": accuracy.floor,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu_minutes", type=float, default=10)
    parser.add_argument("--count", type=int, default=100, help="held-out shapes of each set")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    clouds = torch.from_numpy(generate(("chair", "table", "lamp"), 3000, 2048).points)
    held_out = torch.from_numpy(
        generate(("chair", "table", "lamp"), 2 * options.count, 2048, seed=1).points
    )
    mean, scale = clouds.mean(dim=(0, 1)), float(clouds.std())
    found = {"cpu_minutes": options.cpu_minutes, "shapes": 2 * options.count}
    for name, kind in {"plain autoencoder": PlainAutoencoder, "joint flow": JointFlow}.items():
        torch.manual_seed(0)
        model = kind()
        steps = train(model, (clouds - mean) / scale, 60 * options.cpu_minutes)
        size = sum(weights.numel() for weights in model.parameters())
        scores = judge(model, (held_out - mean) / scale, scale, options.count)
        found[name] = {"weights": size, "steps": steps} | scores
        print(name, found[name], flush=True)
    if options.out:
        write_atomically(options.out, json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
