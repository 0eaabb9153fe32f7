"""The joint flow beside three baselines, on the same shapes and the same CPU minutes, over seeds.

    python tests/benchmarks/baselines.py --cpu_minutes 4 --out data/comparisons/baselines.json

All have the same style encoder, and make points of noise by a point-wise network that z speaks to.

- `autoencoder`: the Chamfer distance as its error, and hardly any price on z (.01 of a nat).
- `VAE`: the same, and z at its full price, a nat a nat; its prior is N(0, I), as that of the first.
- `point flow`: a flow of the points themselves, given z, and a flow of z: PointFlow's idea (Yang et
  al., ICCV 2019) by flow matching. It is the joint flow without h.
- `joint flow`: the package's model with its learned prior.

Each is trained in float32 on one thread until its minutes are used up, and judged on shapes of the
split `test`: how near a shape comes that is made from z alone, and how well new shapes pass for
real. A run that was stopped goes on with the seeds that `--out` lacks.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

from pcvae.data.procedural import generate
from pcvae.evaluation import generation
from pcvae.files import write_atomically
from pcvae.metrics import chamfer_distance
from pcvae.models import LatentPrior, PointCloudVAE
from pcvae.models.layers import ConditionedNetwork
from pcvae.models.style_encoder import StyleEncoder
from pcvae.objective import chamfer
from pcvae.randomness import FlowNoise, flow_noise_for_shapes
from pcvae.training import RECIPES, TrainConfig, build_objective, model_config
from pcvae.training.module import STAGES
from pcvae.training.run import keep_freed_memory

CONFIG = TrainConfig(**RECIPES["joint_flow"].settings)
RATE = 1.5e-3
CHEAP = CONFIG.kl_weight * CONFIG.style_kl_weight  # what a nat of z costs the joint flow: 0.01
FAMILIES = ("chair", "table", "lamp")


class ChamferVAE(nn.Module):
    """z ~ N(0, I), and points that are noise moved by a point-wise network conditioned on z."""

    def __init__(self, style_price: float) -> None:
        super().__init__()
        self.style_price = style_price
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
        """Chamfer distance plus the KL of z at its price."""
        posterior = self.encoder(x)
        local = x[:, : CONFIG.local_points]
        decoded = self.decode(posterior.sample(), CONFIG.local_points)
        return (chamfer(decoded, local) + self.style_price * posterior.kl().sum(dim=1)).mean()

    def from_style(self, x: Tensor) -> Tensor:
        """Return clouds made from z alone."""
        return self.decode(self.encoder(x).mean, x.shape[1])

    def new(self, count: int, num_points: int) -> Tensor:
        """Return new shapes."""
        return self.decode(torch.randn(count, CONFIG.style_dim), num_points)


class PointsGivenStyle(nn.Module):
    """A flow of z, and a flow of the points given z: the joint flow's prior without its h."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = StyleEncoder(CONFIG.style_dim, CONFIG.style_widths)
        self.prior = LatentPrior(CONFIG.style_dim, 3, model_config(CONFIG).prior)
        self.steps = 0

    def loss(self, x: Tensor) -> Tensor:
        """Both flows' losses plus the KL of z at its price; the flow of points teaches z."""
        posterior = self.encoder(x)
        z = posterior.sample()
        self.steps += 1
        noise = _noise(len(x), self.steps, point_dim=3)
        many = z.detach().repeat_interleave(8, dim=0)
        of_style = self.prior.style.loss(many, noise.style, noise.style_times).mean()
        local = x[:, : CONFIG.local_points]
        of_points = self.prior.points.loss(local, z, noise.points, noise.point_times).mean()
        return of_points + of_style + CHEAP * posterior.kl().sum(dim=1).mean()

    def from_style(self, x: Tensor) -> Tensor:
        """Return clouds made from z alone."""
        return self.prior.points.from_noise(torch.randn_like(x), self.encoder(x).mean)

    def new(self, count: int, num_points: int) -> Tensor:
        """Return new shapes."""
        z = self.prior.style.from_noise(torch.randn(count, CONFIG.style_dim))
        return self.prior.points.from_noise(torch.randn(count, num_points, 3), z)


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
        noise = _noise(len(x), self.steps, point_dim=3 + CONFIG.latent_dim)
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


MODELS: dict[str, Callable[[], nn.Module]] = {
    "autoencoder": lambda: ChamferVAE(CHEAP),
    "VAE": lambda: ChamferVAE(1.0),
    "point flow": PointsGivenStyle,
    "joint flow": JointFlow,
}


def _noise(shapes: int, step: int, point_dim: int) -> FlowNoise:
    return flow_noise_for_shapes(
        torch.arange(shapes),
        seed=0,
        epoch=step,
        style_dim=CONFIG.style_dim,
        point_dim=point_dim,
        num_points=CONFIG.local_points,
        repeats=8,
    )


def batches(points: Tensor, seed: int) -> Iterator[Tensor]:
    """Yield batches of random shapes with random points, for ever."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(points), (CONFIG.batch_size,), generator=generator)
        columns = torch.randperm(points.shape[1], generator=generator)[: CONFIG.num_points]
        yield points[rows][:, columns]


def train(model: nn.Module, points: Tensor, cpu_seconds: float, seed: int) -> int:
    """Train until the time is used up, the learning rate falling along half a cosine."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, betas=(0.9, 0.99))
    start, steps = time.process_time(), 0
    for x in batches(points, seed):
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


@torch.no_grad()
def times(repeats: int = 9) -> dict[str, float]:
    """Return the milliseconds that a new shape of 2,048 points takes, a median over turns."""
    models = {name: make().eval() for name, make in MODELS.items()}
    found = {name: [] for name in models}
    for _ in range(repeats):
        for name, model in models.items():
            start = time.process_time()
            model.new(4, 2048)
            found[name].append(1e3 * (time.process_time() - start) / 4)
    return {name: median(values) for name, values in found.items()}


def measured(name: str, seed: int, shapes: tuple[Tensor, Tensor], options) -> dict[str, float]:
    """Train a model anew on the first shapes, and judge it on the second."""
    clouds, held_out = shapes
    mean, scale = clouds.mean(dim=(0, 1)), float(clouds.std())
    torch.manual_seed(seed)
    model = MODELS[name]()
    steps = train(model, (clouds - mean) / scale, 60 * options.cpu_minutes, seed)
    return {"steps": steps} | judge(model, (held_out - mean) / scale, scale, options.count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu_minutes", type=float, default=4)
    parser.add_argument("--count", type=int, default=100, help="held-out shapes of each set")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    sets = (
        generate(FAMILIES, 3000, 2048),
        generate(FAMILIES, 2 * options.count, 2048, split="test"),
    )
    shapes = tuple(torch.from_numpy(clouds.points) for clouds in sets)
    found = {"cpu_minutes": options.cpu_minutes, "shapes": 2 * options.count}
    found |= {name: {"seeds": {}} for name in MODELS}
    if options.out.exists():
        found = json.loads(options.out.read_text(encoding="utf-8"))
    for seed in map(str, range(options.seeds)):
        for name in (name for name in MODELS if seed not in found[name]["seeds"]):
            found[name]["seeds"][seed] = measured(name, int(seed), shapes, options)
            print(name, seed, found[name]["seeds"][seed], flush=True)
            write_atomically(options.out, json.dumps(found, indent=2) + "\n")
    for name, value in times().items():
        weights = sum(weights.numel() for weights in MODELS[name]().parameters())
        found[name] |= {"weights": weights, "ms_a_shape": value}
    write_atomically(options.out, json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
