"""How long a training step takes beside a straightforward implementation of the same network.

    python tests/benchmarks/training_step.py [--batch_size 16] [--num_points 2048] [--threads 2]

Both take turns, so that a busy machine slows both; the ratio of medians is what counts. Beside it,
the ratio for each conditioning, how many floating point operations a second a step reaches beside
a plain matrix product, where its time goes, how long decoding one cloud takes, and the peak memory
of `pcvae train` at this size by each recipe. With --bf16 true, our step in mixed precision as well.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import profile
from torch.utils.flop_counter import FlopCounterMode

from pcvae.models import PointCloudVAE, VAEConfig
from pcvae.models.layers import CONDITIONING
from pcvae.objective import Objective
from pcvae.training.config import RECIPES
from pcvae.training.run import keep_freed_memory


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


def stepper(
    model: nn.Module, loss: Callable[[Tensor], Tensor], x: Tensor, fused: bool = False
) -> Callable[[], None]:
    """Return a function that makes one training step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99), fused=fused)

    def step() -> None:
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()

    return step


def our_stepper(x: Tensor, conditioning: str = "adain", bf16: bool = False) -> Callable[[], None]:
    """Return a function that makes one step as `pcvae train` does."""
    model = PointCloudVAE(VAEConfig(conditioning=conditioning))
    objective = Objective(reduction="batch")

    def loss(points: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            output = model(points)
        return objective(points, output, 0.5).loss

    return stepper(model, loss, x, fused=True)


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


PARTS = {
    "products": ("convolution", "aten::mm", "aten::addmm", "aten::bmm"),
    "sums over the points": ("aten::sum", "aten::mean", "aten::max_pool", "aten::_softmax"),
    "scale and shift, squares": ("aten::addcmul", "aten::mul", "aten::pow"),
    "relu and its gradient": ("aten::clamp_min", "aten::threshold", "aten::relu"),
    "residuals": ("aten::add",),
    "Adam": ("Optimizer", "aten::_fused_adam"),
    "noise": ("aten::normal_",),
}


def where_it_goes(step: Callable[[], None]) -> dict[str, float]:
    """Return each part's share of the time of a step."""
    with profile() as profiled:
        for _ in range(5):
            step()
    found: Counter[str] = Counter()
    for event in profiled.key_averages():
        fits = (part for part, words in PARTS.items() if any(w in event.key for w in words))
        found[next(fits, "everything else")] += event.self_cpu_time_total
    return {part: time / found.total() for part, time in found.most_common()}


# Linux counts the memory of whoever starts a process as that process's own. So a small one, which
# holds nothing, starts the training, and reads off what it took.
SMALL_PARENT = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def peak_memory(command: list[str]) -> float:
    """Return the peak resident memory of a command's process, in GB (1e9 bytes)."""
    run = [sys.executable, "-c", SMALL_PARENT, *command]
    return int(subprocess.run(run, check=True, stdout=subprocess.PIPE).stdout) / 1e9


def training_memory(batch_size: int, num_points: int, *flags: str, steps: int = 12) -> float:
    """Return the peak memory of `pcvae train`, in GB, validation and diagnostics included.

    Args:
        batch_size: clouds for each step.
        num_points: points for each cloud.
        flags: of `pcvae train`, such as --recipe one_shot.
        steps: how long to train; a pass over the furniture at batch size 16 takes 8 steps.
    """
    with tempfile.TemporaryDirectory() as folder:
        size = f"--batch_size {batch_size} --num_points {num_points} --max_steps {steps}"
        words = f"train {size} --progress false --out {folder}/run"
        return peak_memory([sys.executable, "-m", "pcvae", *words.split(), *flags])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"batch_size": 16, "num_points": 2048, "threads": 2, "rounds": 9}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--bf16", choices=("true", "false"), default="false")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    x = torch.randn(options.batch_size, options.num_points, 3)
    plain = PlainVAE(VAEConfig())
    steps = {name: our_stepper(x, name) for name in CONDITIONING}
    if options.bf16 == "true":
        steps["adain, bf16"] = our_stepper(x, bf16=True)
    steps["straightforward"] = stepper(plain, plain.loss, x)
    times = dict(zip(steps, alternate(list(steps.values()), options.rounds), strict=True))
    for name, time_ in times.items():
        ratio = time_ / times["straightforward"]
        print(f"{'a step, ' + name:32s}{time_ * 1e3:8.1f} ms   ratio {ratio:.2f}")
    report_speed(steps["adain"], times["adain"], options.rounds)
    for recipe in RECIPES:
        memory = training_memory(options.batch_size, options.num_points, "--recipe", recipe)
        print(f"{'peak memory, ' + recipe:32s}{memory:8.2f} GB")


def report_speed(step: Callable[[], None], time_: float, rounds: int) -> None:
    """Print operations a second, where the time goes, and the time of decoding one cloud."""
    with FlopCounterMode(display=False) as counter:
        step()
    reached, peak = counter.get_total_flops() / time_ / 1e9, matmul_gflops(rounds)
    print(f"{'matrix products in a step':32s}{reached:8.1f} GFLOP/s, {peak:.1f} in a product")
    for part, share in where_it_goes(step).items():
        print(f"{'    ' + part:32s}{share:8.0%}")
    model = PointCloudVAE()
    h, z = torch.randn(1, 2048, 3 + model.config.latent_dim), torch.randn(1, model.config.style_dim)
    with torch.inference_mode():
        decode = alternate([lambda: model.decode(h, z)], 40)[0]
    print(f"{'decoding one cloud of 2,048':32s}{decode * 1e3:8.1f} ms")


if __name__ == "__main__":
    main()
