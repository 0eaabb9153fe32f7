"""What puts z to sleep, what wakes it, and what KL annealing is for: over seeds.

    python tests/benchmarks/waking.py --out data/comparisons/waking.json

Five studies, each over the seeds 0, 1, 2 (the toy's over eight): of chapter 02's side views, of
procedural chairs, and of the shipped model `lion`, trained as its card says. "Moved" is the swap
test's answer: how far decoded points move with the z of another held-out shape, in standard
deviations of the coordinates.
"""

import argparse
import json
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from pcvae.data.procedural import generate
from pcvae.diagnostics import swap_test
from pcvae.files import write_atomically
from pcvae.models import DiagonalGaussian, PointCloudVAE, VAEConfig
from pcvae.objective import KLSchedule, Objective
from pcvae.toys import LinearVAE, random_side_views
from pcvae.training import RECIPES, TrainConfig, train

SEEDS = (0, 1, 2)
TOY_SEEDS = range(8)
HELD_OUT = 64


def chairs(count: int, num_points: int) -> tuple[Tensor, Tensor]:
    """Return training and held-out chairs, (S, N, 3) each, in model units."""
    points = torch.from_numpy(generate(["chair"], count + HELD_OUT, num_points, seed=0).points)
    points = points / points.std()
    return points[:count], points[count:]


def fit(
    vae: PointCloudVAE,
    objective: Objective,
    weight: Callable[[int], float],
    steps: int,
    looks: Iterable[int],
    rate: float = 3e-3,
) -> dict[int, dict[str, float]]:
    """Train on batches of 16 chairs of 128 points; return what is seen at some of the steps."""
    train, held_out = chairs(536, 256)
    optimizer = torch.optim.Adam(vae.parameters(), lr=rate, betas=(0.9, 0.99))
    seen = {}
    for step in range(1, steps + 1):
        x = train[torch.randint(len(train), (16,))][:, torch.randperm(256)[:128]]  # (16, 128, 3)
        optimizer.zero_grad()
        objective(x, vae(x), weight(step - 1)).loss.backward()
        optimizer.step()
        if step in looks:
            seen[step] = look(vae, held_out)
    return seen


@torch.no_grad()
def look(vae: PointCloudVAE, x: Tensor) -> dict[str, float]:
    """Return what the swap test says, the KL of z, and the loss of a shape at weight 0.5."""
    swap = swap_test(vae, x)["z"]
    torch.manual_seed(1000)
    terms = Objective("l1", "shape")(x, vae(x), 0.5)
    return {
        "moved": round(swap.displacement, 4),
        "nearer_to_donor": swap.to_donor < swap.to_own,
        "kl_z": round(terms.kl_style.item(), 2),
        "loss": round(terms.loss.item(), 1),
    }


def constant(step: int) -> float:
    """The whole KL weight at once."""
    return 0.5


def starts() -> dict[str, list]:
    """Chapter 04's two VAEs, trained four times as long: does the one from the identity wake?"""
    looks = range(300, 3601, 300)
    found = {}
    for offset, seed in product((6.0, 1.0), SEEDS):
        torch.manual_seed(seed)
        config = VAEConfig(
            sigma_offset=offset, width=32, encoder_depth=1, decoder_depth=2, skip_weight=0.1
        )
        objective = Objective("l1", "shape", style_weight=0.1)
        seen = fit(PointCloudVAE(config), objective, constant, max(looks), looks, 2e-3)
        found.setdefault(f"offset {offset:g}", []).append(seen)
    return found


def suspects() -> dict[str, list]:
    """Chapter 05's three suspects, each free or not: all eight pairs and triples."""
    looks = (200, 600, 1000)
    found = {}
    for skip, offset, reduction, seed in product(
        (0.01, 1.0), (6.0, 1.0), ("batch", "shape"), SEEDS
    ):
        torch.manual_seed(seed)
        config = VAEConfig(style_dim=16, skip_weight=skip, sigma_offset=offset)
        seen = fit(PointCloudVAE(config), Objective("l1", reduction), constant, 1000, looks, 5e-3)
        name = f"skip {skip:g}, offset {offset:g}, error summed over the {reduction}"
        found.setdefault(name, []).append(seen)
    return found


def ramps() -> dict[str, list]:
    """The KL weight ramped up, in cycles, or constant; from the identity and from noise."""
    steps = 1000
    found = {}
    settings = product(("batch", "shape"), (6.0, 1.0), ("constant", "linear", "cyclical"), SEEDS)
    for reduction, offset, kind, seed in settings:
        torch.manual_seed(seed)
        config = VAEConfig(style_dim=16, skip_weight=1.0, sigma_offset=offset)
        schedule = KLSchedule(kind)
        seen = fit(
            PointCloudVAE(config),
            Objective("l1", reduction),
            lambda step, schedule=schedule: schedule(step, steps),
            steps,
            (steps,),
        )
        name = f"{kind}, offset {offset:g}, error summed over the {reduction}"
        found.setdefault(name, []).append(seen)
    return found


class Looks(pl.Callback):
    """What is seen of a run's validation shapes, every so many steps."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.seen: dict[int, dict[str, float]] = {}

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: object
    ) -> None:
        """Look, and draw nothing that the run would draw."""
        if trainer.global_step % self.every == 0:
            points = torch.from_numpy(trainer.datamodule.splits.val.points[:HELD_OUT, :512])
            with torch.random.fork_rng():
                self.seen[trainer.global_step] = look(
                    module.model, module.model.normalization(points)
                )


def shipped(steps: int = 3000, every: int = 500) -> dict[str, list]:
    """The run that made the shipped model `lion`: does its z stay silent, whatever the seed?"""
    seeds = []
    for seed in SEEDS:
        looks = Looks(every)
        with TemporaryDirectory() as folder:
            config = TrainConfig(
                **RECIPES["lion"].settings,
                recipe="lion",
                data="procedural",
                num_shapes=15000,
                num_points=512,
                max_steps=steps,
                seed=seed,
                validate_every=20,
                progress=False,
                out=Path(folder) / "run",
            )
            train(config, [looks])
        seeds.append(looks.seen)
    return {"lion": seeds}


class ToyVAE(nn.Module):
    """Chapter 02's VAE of side views: two hidden layers each way, two latents."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = (
            nn.Sequential(
                nn.Linear(a, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, b)
            )
            for a, b in ((48, 4), (2, 48))
        )


def toy(noise: float = 0.05, beta: float = 3.0, steps: int = 1500) -> dict[str, list]:
    """Chapter 02's toy at beta 3, whose latents should both live: constant beta, or raised."""
    views, _ = random_side_views(600, np.random.default_rng(0))
    data = views.reshape(600, 48)
    x_all = torch.from_numpy(data)
    alive = LinearVAE.fit(data, noise).with_beta(beta)
    found = {"formula": [{"loss": float(alive.error + beta * alive.kl.sum())}]}
    for kind, seed in product(("constant", "linear"), TOY_SEEDS):
        torch.manual_seed(seed)
        vae, weight = ToyVAE(), KLSchedule(kind, end=beta)
        optimizer = torch.optim.Adam(vae.parameters(), lr=1e-2)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for step in range(steps):
            x = x_all[torch.randint(len(x_all), (128,))]
            loss, _ = toy_loss(vae, x, noise, weight(step, steps))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            falling.step()
        with torch.no_grad():
            loss, kl = toy_loss(vae, x_all, noise, beta)
        row = {"loss": round(loss.item(), 1), "kl": [round(v, 2) for v in sorted(kl.tolist())]}
        found.setdefault(kind, []).append(row)
    return found


def toy_loss(vae: ToyVAE, x: Tensor, noise: float, beta: float) -> tuple[Tensor, Tensor]:
    """Return the mean loss, and the mean KL of each latent, (2,)."""
    q = DiagonalGaussian(*vae.encoder(x).chunk(2, dim=1))
    error = (x - vae.decoder(q.sample())).square().sum(dim=1) / (2 * noise**2)
    return (error + beta * q.kl().sum(dim=1)).mean(), q.kl().mean(dim=0)


STUDIES = {"toy": toy, "starts": starts, "suspects": suspects, "ramps": ramps, "shipped": shipped}


def main() -> None:
    """Run the studies one after the other; what is done already is kept in the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="a JSON file; filled study by study"
    )
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=list(STUDIES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.studies:
        if name not in found:
            found[name] = STUDIES[name]()
            write_atomically(options.out, json.dumps(found, indent=1) + "\n")
            print(name, "done", flush=True)


if __name__ == "__main__":
    main()
