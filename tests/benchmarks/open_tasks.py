"""What the walk-throughs of the open tasks report beside their own scores, over three seeds.

    python tests/benchmarks/open_tasks.py            # some minutes
    python tests/benchmarks/open_tasks.py 01 05      # of some chapters

The scores themselves are on the card of a solved exercise; tests/exercises/test_notebooks.py holds
them. Here are the comparisons: without a mask, other layers, one setting after the other.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for `exercises`, from anywhere

from exercises.chapters.test_chapter11 import SILENT, capstone
from exercises.conftest import pose

from pcvae.exercises.chapters import (
    chapter01,
    chapter03,
    chapter05,
    chapter06,
    chapter07,
    chapter08,
    chapter09,
    chapter11,
    chapter12,
)
from pcvae.exercises.open_tasks import SEEDS
from pcvae.geometry import farthest_points
from pcvae.metrics import chamfer_distance, emd
from pcvae.models import AdaGN, AdaIN, AdaLN, follow
from pcvae.models.layers import AdaptiveNorm, normalized

torch.set_num_threads(1)
WAVES = (np.sin, np.cos)


def solution(id: str) -> Callable:
    """Return what the walk-through in the notebook defines."""
    posed = pose(id)
    return posed.answer(posed.solution)


def say(what: str, values: list[float]) -> None:
    """Print a line: a number for each seed."""
    print(f"{what:45}" + "".join(f"{value:9.3f}" for value in values), flush=True)


def fooling() -> None:
    """01.5: how many points cover the chair; Chamfer over its floor (at most 1 is asked for)."""
    for covering in (100, 150, 250):
        chamfer, times = [], []
        for seed in SEEDS:
            cloud, other = chapter01.two_samples(seed)
            kept = cloud[farthest_points(cloud, covering)]
            away = np.linalg.norm(cloud[:, None] - cloud, axis=-1).mean(axis=1).argmax()
            noise = np.random.default_rng(seed).normal(scale=0.005, size=(512 - covering, 3))
            fake = np.concatenate([kept, cloud[away] + noise]).astype(np.float32)
            chamfer.append(chamfer_distance(cloud, fake) / chamfer_distance(cloud, other))
            times.append(emd(cloud, fake) / emd(cloud, other))
        say(f"01.5 {covering} points cover: Chamfer / floor", chamfer)
        say(f"01.5 {covering} points cover: EMD / floor", times)


def unmasked() -> None:
    """03.5: R^2 of the leg height with the mask, and without it."""
    encoder = solution("03.5")

    class Unmasked(encoder):
        def forward(self, points: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
            return super().forward(points, torch.ones_like(real))

    for name, kind in (("with", encoder), ("without", Unmasked)):
        say(f"03.5 R^2 {name} the mask", [chapter03.leg_height_read(kind, s) for s in SEEDS])


class Shift(AdaptiveNorm):
    """What concatenation does."""

    @staticmethod
    def modulate(features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return features + shift


class Film(AdaptiveNorm):
    """Scale and shift without a norm."""

    @staticmethod
    def modulate(features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return scale * features + shift


class Mapped(nn.Module):
    """A hidden layer on z, then AdaLN."""

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.map = nn.Sequential(nn.Linear(style_dim, channels), nn.ReLU())
        self.norm = AdaLN(channels, channels)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        return self.norm(features, self.map(style))


class Mixing(AdaptiveNorm):
    """AdaLN, and four channels that z mixes."""

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__(channels, style_dim)
        self.mix, self.down = nn.Linear(style_dim, 4 * channels), nn.Linear(channels, 4, bias=False)
        nn.init.normal_(self.mix.weight, std=0.05)
        nn.init.zeros_(self.mix.bias)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        plain = normalized(features, dim=2)
        scale, shift = self.affine(style)[:, None].chunk(2, dim=-1)
        mixed = self.down(plain) @ self.mix(style).view(len(style), 4, -1)  # (B, N, C)
        return scale * plain + shift + mixed


def race() -> None:
    """05.5: how far from the donor a swapped z leads, for each layer."""
    for kind in (AdaIN, AdaGN, Shift, Film, AdaLN, Mapped, Mixing):
        say(f"05.5 from the donor: {kind.__name__}", [chapter05.race(kind, s) for s in SEEDS])


def waking() -> None:
    """06.4: one setting after the other."""
    settings = dict(chapter06.LIONS)
    steps = (
        {},
        {"kl_weight": 8.0},
        {"sigma_offset": 1.0, "schedule": "constant"},
        {"style_weight": 0.1, "skip_weight": 1.0},
    )
    for change in steps:
        settings |= change
        seen = [chapter06.train_by(settings, seed) for seed in SEEDS]
        for name in ("moved", "sigma", "nats", "error"):
            say(f"06.4 {name} with {', '.join(change) or 'LION'}", [getattr(s, name) for s in seen])


def averages() -> None:
    """07.5: the loss of held-out chairs, with averaged weights and with the last ones."""
    fit = solution("07.5")

    def last(model: nn.Module, *others: object) -> dict:
        return fit(model, *others) | {"average": [w.detach().clone() for w in model.parameters()]}

    for name, answer in (("averaged", fit), ("last", last)):
        losses = [chapter07.held_out_loss(answer, seed) for seed in SEEDS]
        say(f"07.5 held-out loss, {name} weights", losses)


def once() -> None:
    """08.5: the leg height's error after several looks, and after a single move."""

    def open_loop(respond: Callable[[float], float], wanted: float) -> float:
        return wanted - respond(0.0)

    for name, answer in (("looking", solution("08.5")), ("moving once", open_loop)):
        missed = [chapter08.leg_height_missed(answer, seed) for seed in SEEDS]
        say(f"08.5 cm off, {name}", missed)


def fewer() -> None:
    """09.4: four calls of the flow, by several methods, beside eight of Euler's."""

    def by(solver: str, steps: int) -> Callable[[Callable, Tensor], Tensor]:
        return lambda velocity, start: follow(velocity, start, steps=steps, solver=solver)

    ways = {
        "the walk-through's": solution("09.4"),
        "two midpoint steps": by("midpoint", 2),
        "four of Euler's": by("euler", 4),
        "two of Heun's": by("heun", 2),
    }
    for name, answer in ways.items():
        say(f"09.4 beside Euler, {name}", [chapter09.beside_euler(answer, s) for s in SEEDS])


def pooled(cloud: np.ndarray) -> np.ndarray:
    """Point-wise features: waves of the coordinates, averaged over the points."""
    return np.concatenate([wave(k * cloud).mean(0) for k in (1, 2, 4, 8, 16) for wave in WAVES])


def binned(cloud: np.ndarray, ends: tuple[float, float] | None) -> np.ndarray:
    """Return how many upper points lie in 60 bins from left to right, the emptiest bin first."""
    across = cloud[cloud[:, 1] > np.quantile(cloud[:, 1], 0.7), 0]
    return np.sort(np.histogram(across, 60, ends)[0] / len(across))


def slats() -> None:
    """12.4: slats told from panels by neighbors, by bins, and by point-wise features."""
    ways = {
        "the walk-through's": solution("12.4"),
        "sorted bins that stretch with the back": lambda cloud: binned(cloud, None),
        "sorted bins at fixed places": lambda cloud: binned(cloud, (-1.0, 1.0)),
        "point-wise": pooled,
    }
    for name, answer in ways.items():
        say(f"12.4 slats told, {name}", [chapter12.slats_told(answer, seed) for seed in SEEDS])


def handed_over() -> None:
    """11.4: how many floors off stools come back from z alone, by other settings."""

    def floors(changes: dict, seed: int) -> float:
        with tempfile.TemporaryDirectory() as place:
            meshes, out = Path(place) / "meshes", Path(place) / "out"
            chapter11.write_stools(meshes, chapter11.MESHES, seed)
            out.mkdir()
            capstone(meshes, out, seed, **changes)
            return chapter11.measured(out / "model.safetensors", seed)

    ways = {"the walk-through's": {}, "the default loss": SILENT, "longer": {"max_epochs": 150}}
    for name, changes in ways.items():
        say(f"11.4 floors off, {name}", [floors(changes, seed) for seed in SEEDS])


STUDIES = {
    "01": fooling,
    "03": unmasked,
    "05": race,
    "06": waking,
    "07": averages,
    "08": once,
    "09": fewer,
    "11": handed_over,
    "12": slats,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", default=[*STUDIES], help="such as 01")
    for chapter in parser.parse_args().chapters:
        STUDIES[chapter]()
