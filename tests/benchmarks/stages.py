"""LION's two stages beside a joint training: what each does to z, over seeds.

    python tests/benchmarks/stages.py --out data/comparisons/stages.json

Two small models of chairs for each of the seeds 0, 1, 2. Networks, data, loss and number of steps
are the same, one thing differs. In "two stages" the VAE is trained first, by itself, and then the
flows of z and of h given z, on latents that no longer move. In "joint" both are trained at once,
so that the loss of h's flow reaches z; then the flows go on alone for as many steps.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

import pcvae
from pcvae.data import generate
from pcvae.diagnostics import explained_variance, mean_chamfer, resampling_floor
from pcvae.files import write_atomically
from pcvae.metrics import chamfer_matrix, set_scores
from pcvae.models import PointCloudVAE
from pcvae.sampling import sample
from pcvae.training import RECIPES, TrainConfig, train

SEEDS = (0, 1, 2)
FIRST = {"two stages": "vae", "joint": "all"}  # what the first half of the steps trains
UNSEEN = 1_000_003  # draws chairs that no training has
SMALL = {
    "width": 32,
    "decoder_depth": 2,
    "style_widths": (64, 128, 128),
    "prior_width": 96,
    "prior_depth": 4,
    "num_points": 256,
    "local_points": 128,
    "batch_size": 16,
}


def fitted(first: str, seed: int, steps: int, folder: Path) -> PointCloudVAE:
    """Train the first half by one way, then the flows alone; return the model."""
    common = {
        **RECIPES["joint_flow"].settings,
        **SMALL,
        "recipe": "joint_flow",
        "data": "procedural:chair",
        "max_epochs": 100_000,
        "max_steps": steps,
        "validate_every": 1000,
        "diagnose_every": 0,
        "progress": False,
        "learning_rate": 2e-3,
        "seed": seed,
    }
    start = train(TrainConfig(**common, fit=first, out=folder / "first"))
    end = TrainConfig(**common, fit="prior", start_from=str(start), out=folder / "second")
    return pcvae.load(train(end))


@torch.no_grad()
def look(model: PointCloudVAE, count: int = 100) -> dict[str, float]:
    """Return what z says of unseen chairs, and how near new ones come to them."""
    chairs = generate(["chair"], 2 * count, 1024, seed=UNSEEN)
    x = model.normalization(torch.from_numpy(chairs.points))  # (2 count, 1024, 3)
    style, generator = model.encode_style(x), torch.Generator().manual_seed(0)
    noise = torch.randn(count, 512, 4, generator=generator)
    drawn = model.draw_points(noise, style.mean[:count])
    new = sample(model, count, 512, seed=0)
    real = chairs.points[:count, :512]
    distances = chamfer_matrix(np.concatenate([new, real]))
    scores = set_scores(distances, np.arange(count), np.arange(count, 2 * count))
    factors = {name: chairs.factors[f"chair/{name}"] for name in ("leg_height", "seat_width")}
    return {
        "cd_from_z_over_floor": mean_chamfer(drawn, x[:count, :512]) / resampling_floor(x[:count]),
        "kl_z": style.kl().sum(dim=1).mean().item(),
        "1-nna": scores["1-nna"],
        **{
            f"r2_{name}": explained_variance(style.mean.numpy(), value)
            for name, value in factors.items()
        },
    }


def compare(steps: int) -> dict[str, list[dict[str, float]]]:
    """Train and look at both, over the seeds."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in FIRST}
    for seed in SEEDS:
        for name, first in FIRST.items():
            with TemporaryDirectory() as folder:
                seen = look(fitted(first, seed, steps, Path(folder)))
            found[name].append({key: round(value, 3) for key, value in seen.items()})
            print(name, seed, found[name][-1], flush=True)
    return found


def main() -> None:
    """Write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="a JSON file")
    parser.add_argument("--steps", type=int, default=1500, help="of each half")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = {"steps": options.steps, **compare(options.steps)}
    write_atomically(options.out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
