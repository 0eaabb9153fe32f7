"""LION's network in little beside the course's, on the same chairs and in the same CPU minutes.

    python tests/benchmarks/networks.py --minutes 2 --out data/comparisons/networks.json

Both are trained by the same ELBO of a shape, for each of the seeds 0, 1, 2, on one thread. Then
they rebuild 32 chairs that neither has seen, and swap their z. Times are the process's own.
"""

import argparse
import json
import time
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from pcvae.data import generate
from pcvae.diagnostics import mean_chamfer, resampling_floor, swap_test
from pcvae.files import write_atomically
from pcvae.models import LionVAE, PointCloudVAE
from pcvae.objective import Objective

SEEDS = (0, 1, 2)
POINTS, BATCH, HELD_OUT = 512, 8, 32
KINDS = {"points": PointCloudVAE, "LION's, small": lambda: LionVAE("small")}


@cache
def chairs() -> tuple[Tensor, Tensor]:
    """Return chairs to train on, (1000, 512, 3), and others of twice the points, in model units."""
    points = torch.from_numpy(generate(["chair"], 1000 + HELD_OUT, 2 * POINTS, seed=0).points)
    points = points / points.std()
    return points[:1000, :POINTS], points[1000:]


def fitted(name: str, seed: int, seconds: float) -> tuple[PointCloudVAE, int]:
    """Train until the time is up; return the model and how many steps there were."""
    torch.manual_seed(seed)
    model, (train, _), steps = KINDS[name](), chairs(), 0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99))
    end = time.process_time() + seconds
    while time.process_time() < end:
        x = train[torch.randint(len(train), (BATCH,))]
        optimizer.zero_grad()
        Objective("l1", "shape")(x, model(x), 0.5).loss.backward()
        optimizer.step()
        steps += 1
    return model.eval(), steps


@torch.no_grad()
def look(model: PointCloudVAE, steps: int, seconds: float) -> dict[str, float]:
    """Return sizes, times, and what the model does with chairs that it has not seen."""
    both = chairs()[1]  # (32, 1024, 3)
    x = both[:, :POINTS]
    torch.manual_seed(1000)
    rebuilt, swap = model(x), swap_test(model, x)["z"]
    began = time.process_time()
    for _ in range(3):
        model.decode(rebuilt.h[:1], rebuilt.z[:1])
    return {
        "weights": sum(weight.numel() for weight in model.parameters()),
        "steps": steps,
        "ms_step": round(1000 * seconds / steps, 1),
        "ms_decode": round(1000 * (time.process_time() - began) / 3, 1),
        "cd_over_floor": round(mean_chamfer(rebuilt.points, x) / resampling_floor(both), 3),
        "moved_by_z": round(swap.displacement, 4),
        "kl_z": round(rebuilt.encoding.style.kl().sum(dim=1).mean().item(), 2),
        "sigma_h": round(rebuilt.encoding.points.sigma[..., :3].mean().item(), 4),
    }


def main() -> None:
    """Write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="a JSON file")
    parser.add_argument("--minutes", type=float, default=2, help="of CPU, for each of six runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, object] = {"minutes": options.minutes}
    for name in KINDS:
        seconds = 60 * options.minutes
        found[name] = [look(*fitted(name, seed, seconds), seconds) for seed in SEEDS]
        print(name, found[name], flush=True)
    write_atomically(options.out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
