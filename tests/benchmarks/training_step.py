"""How long a training step takes beside a straightforward implementation of the same network.

    python tests/benchmarks/training_step.py [--batch_size 16] [--num_points 2048] [--threads 2]

Both take turns, so that a busy machine slows both; the ratio of medians is what counts. It also
prints how many floating point operations a second a step reaches beside a plain matrix product,
how long decoding one cloud takes, and the peak memory of the process.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pcvae.models import PointCloudVAE, VAEConfig
from pcvae.objective import Objective
from pcvae.training.memory import keep_freed_memory


class PlainBlock(nn.Module):
    """A conditioned residual block on (B, C, N), written as one would at first."""

    def __init__(self, width: int, style_dim: int) -> None:
        super().__init__()
        self.inner = nn.Conv1d(width, width, 1)
        self.norm = nn.InstanceNorm1d(width)
        self.affine = nn.Linear(style_dim, 2 * width)
        self.outer = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        gain, shift = self.affine(z).unsqueeze(-1).chunk(2, dim=1)
        return x + self.outer(F.silu(self.norm(self.inner(x)) * (1 + gain) + shift))


class PlainNetwork(nn.Module):
    """Stem, blocks and head on (B, C, N)."""

    def __init__(self, inputs: int, outputs: int, width: int, depth: int, style_dim: int) -> None:
        super().__init__()
        self.stem = nn.Conv1d(inputs, width, 1)
        self.blocks = nn.ModuleList(PlainBlock(width, style_dim) for _ in range(depth))
        self.head = nn.Conv1d(width, outputs, 1)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x, z)
        return self.head(F.silu(x))


class PlainVAE(nn.Module):
    """The same model with the same sizes on (B, C, N)."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.lift, self.widen = nn.Conv1d(3, 64, 1), nn.Conv1d(64, 128, 1)
        self.mix, self.top = nn.Linear(256, 256), nn.Linear(256, 2 * config.style_dim)
        sizes = {"width": config.width, "style_dim": config.style_dim}
        local = 3 + config.latent_dim
        self.encoder = PlainNetwork(3, 2 * local, depth=config.encoder_depth, **sizes)
        self.decoder = PlainNetwork(local, 3, depth=config.decoder_depth, **sizes)

    def loss(self, points: Tensor) -> Tensor:
        x = points.transpose(1, 2).contiguous()
        features = F.silu(self.widen(F.silu(self.lift(x))))
        pooled = torch.cat([features.amax(dim=2), features.mean(dim=2)], dim=1)
        mu, log_sigma = self.top(F.silu(self.mix(pooled))).chunk(2, dim=1)
        z = mu + log_sigma.exp() * torch.randn_like(mu)
        mean, spread = self.encoder(x, z).chunk(2, dim=1)
        mean = torch.cat([x + self.config.skip_weight * mean[:, :3], mean[:, 3:]], dim=1)
        spread = spread - self.config.sigma_offset
        h = mean + spread.exp() * torch.randn_like(mean)
        decoded = h[:, :3] + self.config.skip_weight * self.decoder(h, z)
        return F.l1_loss(decoded, x, reduction="sum") + 0.5 * (kl(mu, log_sigma) + kl(mean, spread))


def kl(mean: Tensor, log_sigma: Tensor) -> Tensor:
    return (0.5 * (2 * log_sigma).exp() + 0.5 * mean**2 - log_sigma - 0.5).sum() / len(mean)


def stepper(model: nn.Module, loss: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], None]:
    """Return a function that makes one training step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99))

    def step() -> None:
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()

    return step


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def alternate(functions: list[Callable[[], object]], rounds: int) -> list[float]:
    """Time functions in turn and return the median seconds of each."""
    for function in functions:
        function()
    times = [[seconds(function) for function in functions] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def matmul_gflops(rounds: int) -> float:
    """Return what the machine reaches on a plain product of two matrices."""
    a, b = torch.randn(2, 1024, 1024)
    return 2 * 1024**3 / alternate([lambda: a @ b], rounds)[0] / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"batch_size": 16, "num_points": 2048, "threads": 2, "rounds": 9}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    config, objective = VAEConfig(), Objective(reduction="batch")
    model, plain = PointCloudVAE(config), PlainVAE(config)
    x = torch.randn(options.batch_size, options.num_points, 3)

    def loss(points: Tensor) -> Tensor:
        return objective(points, model(points), 0.5).loss

    ours, theirs = stepper(model, loss, x), stepper(plain, plain.loss, x)
    own, other = alternate([ours, theirs], options.rounds)
    with FlopCounterMode(display=False) as counter:
        ours()
    reached, peak = counter.get_total_flops() / own / 1e9, matmul_gflops(options.rounds)
    h, z = torch.randn(1, 2048, 3 + config.latent_dim), torch.randn(1, config.style_dim)
    with torch.inference_mode():
        decode = alternate([lambda: model.decode(h, z)], 40)[0]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"step, this package            {own * 1e3:8.1f} ms")
    print(f"step, straightforward         {other * 1e3:8.1f} ms")
    print(f"ratio                         {own / other:8.2f}")
    print(
        f"matrix products in a step     {reached:8.1f} GFLOP/s (of {peak:.1f} in a plain product)"
    )
    print(f"decoding one cloud of 2,048   {decode * 1e3:8.1f} ms")
    print(f"peak memory of both           {memory:8.2f} GiB")


if __name__ == "__main__":
    main()
