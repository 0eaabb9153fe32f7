"""Does local context draw the slats of a chair's back, or being told where they are? Over seeds.

    python tests/benchmarks/slats.py --minutes 1 --out data/comparisons/slats.json

The shipped flow draws a panel where slats should be. Here a flow is taught to carry the points of
a panel to those of a back of the same size, slatted or not. In place of a z it is told the truth:
the size and the kind of the back, and in some ways how many slats there are, which says where they
are. So the question is what a network can draw, not what z has learned.

"Points" is the course's own flow of h, in which points do not see each other; "neighbors" is the
same with a small U-Net of LION's blocks in place of the network at each point. "Stretched" means
that a back runs from -2 to 2 across and up, whatever its size: so its slats have the same places in
all backs that have as many. Times are of CPU on one thread. A run that is in the file is not made
again.

The score of a back is 1 if all points below the rail lie on slats, and 0 if as many do as on a
panel. It is the largest for 3 to 6 slats, so that panels have a little more than 0. Beside what was
trained stand real backs, and the best that points can do which are told the kind only and do not
see each other: each lies on some slatted back of that size, whichever, independently.
"""

import argparse
import json
import time
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from pcvae.files import write_atomically
from pcvae.models.flow import late_times, pair_by_transport
from pcvae.models.lion import Down, Up
from pcvae.models.lion.unet import LionNetwork
from pcvae.models.prior import PointFlow, PriorConfig
from pcvae.shapes import Chair, Surface
from pcvae.shapes.surface import assemble

SEEDS = (0, 1, 2)
POINTS, TRAIN, HELD_OUT, STEPS = 256, 1024, 128, 10
UNSEEN = 1_000_003  # draws backs that no training has
UNIT = 2.0  # of clouds in the unit sphere, so that coordinates have a standard deviation near 1
COUNTS = torch.tensor([3, 4, 5, 6])  # of slats
RAIL = 0.8  # of the height: slats are looked for below
EDGE = 0.1  # of a slat's width: so far beside it a point still counts
SIZES = PriorConfig(width=96, depth=4, condition_dim=64)


class Way(NamedTuple):
    """How backs are drawn.

    Attributes:
        neighbors: whether points see each other.
        told: how many columns of `Backs.told`: to the kind, or all.
        stretched: whether backs run from -2 to 2 across and up, whatever their size.
        times: for how many times the minutes of other ways it is trained.
    """

    neighbors: bool
    told: int
    stretched: bool
    times: int = 1


KIND, NUMBER = 4, 8
WAYS = {
    "points, told the number": Way(False, NUMBER, False),
    "points, told the number, stretched": Way(False, NUMBER, True),
    "neighbors, told the number, stretched": Way(True, NUMBER, True, times=4),
    "neighbors, told the kind, stretched": Way(True, KIND, True, times=4),
}


class Backs(NamedTuple):
    """Backs of chairs by themselves, in model units.

    Attributes:
        points: of the backs.
        panels: points of a panel of the same size, each beside the one that it is carried to.
        half: half of the size along each axis.
        told: size and tilt in three columns, the kind in one, the number of slats in four.
        count: of slats, 0 for a panel.
    """

    points: Float[Tensor, "S N 3"]
    panels: Float[Tensor, "S N 3"]
    half: Float[Tensor, "S 1 3"]
    told: Float[Tensor, "S 8"]
    count: Int[Tensor, " S"]

    def take(self, rows: Tensor | slice) -> "Backs":
        """Return some of them."""
        return Backs(*(each[rows] for each in self))


def backs(count: int, seed: int) -> Backs:
    """Draw random backs, half of them with slats."""
    rng, factors = drawn_factors(count, seed)
    number = np.where(factors["back_style"] == 1, factors["num_slats"], 0).astype(int)
    surface = surface_of(factors)
    half = UNIT * np.abs(surface.vertices).max(axis=1, keepdims=True)
    panel = surface_of({**factors, "back_style": "solid"})
    points, panels = (torch.from_numpy(on_surface(each, rng)) for each in (surface, panel))
    columns = (
        2 * half[:, 0, :2] - 2,
        factors["back_tilt"][:, None] / 12.5 - 1,
        np.sign(number)[:, None],
        number[:, None] == COUNTS.numpy(),
    )
    told = torch.from_numpy(np.concatenate(columns, axis=1)).float()
    panels = pair_by_transport(panels, points, POINTS)
    return Backs(points, panels, torch.from_numpy(half), told, torch.from_numpy(number))


def apart(count: int, seed: int) -> Float[Tensor, "S N 3"]:
    """Return the same backs, but each point of a slatted one is from a back with 3 to 6 slats."""
    rng, factors = drawn_factors(count, seed)
    each = [on_surface(surface_of({**factors, "num_slats": n}), rng) for n in COUNTS.tolist()]
    chosen = rng.integers(len(each), size=(1, count, POINTS, 1))
    return torch.from_numpy(np.take_along_axis(np.stack(each), chosen, axis=0)[0])


def drawn_factors(count: int, seed: int) -> tuple[np.random.Generator, dict[str, np.ndarray]]:
    """Return factors of random chairs, and random numbers to go on with."""
    rng = np.random.default_rng([17, seed])
    return rng, Chair().random_factors(rng, count)


def on_surface(surface: Surface, rng: np.random.Generator) -> Float[np.ndarray, "S N 3"]:
    """Return points of surfaces in the unit sphere, in the units of `Backs`."""
    return UNIT * surface.sample(POINTS, rng).points


def surface_of(factors: dict[str, np.ndarray]) -> Surface:
    """Return the surfaces of backs alone, centered, each in the unit sphere."""
    chair = Chair()
    parts = chair.parts(SimpleNamespace(**chair.check(factors)))
    return assemble([part for part in parts if chair.part_names[part.label] == "back"])


def scores(points: Tensor, half: Float[Tensor, "S 1 3"]) -> Float[Tensor, "S 4"]:
    """Return how far backs (S, N, 3) look like 3, 4, 5 and 6 slats."""
    across, up, _ = ((points / half + 1) / 2).unbind(-1)  # from 0 to 1
    gaps = 2 * COUNTS - 1
    place = across.unsqueeze(-1) * gaps  # a slat from 0 to 1, a gap to 2, a slat to 3: (S, N, 4)
    on = ((place + 0.5) % 2 - 1).abs() < 0.5 + EDGE
    on &= (place > -EDGE) & (place < gaps + EDGE)
    below = (up < RAIL).unsqueeze(-1)
    share = (on & below).sum(dim=1) / below.sum(dim=1)
    panel = (COUNTS + 2 * EDGE * (COUNTS - 1)) / gaps
    return (share - panel) / (1 - panel)


class Drawer(nn.Module):
    """A flow from the points of panels to those of backs."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.way, self.flow = way, PointFlow(way.told, 3, SIZES)
        if way.neighbors:
            seen = 3 + 6 * SIZES.frequencies + 12  # of each point, as the flow's own network does
            downs, ups = (Down((), 0, False, 64, 0.4, 16, (32, 32)),), (Up((32, 32), 1, 16),)
            self.flow.network = LionNetwork(seen, 3, SIZES.condition_dim, downs, ups, 2, 32)
        self.eval()  # without dropout, which blurs

    def unit(self, some: Backs) -> Tensor:
        """Return what coordinates are divided by; from front to back as across."""
        return some.half[..., [0, 1, 0]] / 2 if self.way.stretched else torch.ones(1)

    def loss(self, some: Backs) -> Tensor:
        """Return the mean squared error of the velocity."""
        start, end = some.panels / self.unit(some), some.points / self.unit(some)
        shape = (len(start), 1 if self.way.neighbors else POINTS)  # who see each other, at one time
        when = late_times(torch.rand(shape)).expand(-1, POINTS)
        condition = self.flow.condition(some.told[:, : self.way.told])
        found = self.flow(torch.lerp(start, end, when.unsqueeze(-1)), when, condition)
        return ((found - (end - start)) * self.unit(some)).square().sum(dim=-1).mean()

    @torch.no_grad()
    def draw(self, asked: Backs) -> Tensor:
        """Return backs (S, N, 3) as asked for, from the points of panels."""
        drawn = []
        for row in range(0, len(asked.told), 16):
            some = asked.take(slice(row, row + 16))
            start, told = some.panels / self.unit(some), some.told[:, : self.way.told]
            drawn.append(self.flow.from_noise(start, told, steps=STEPS) * self.unit(some))
        return torch.cat(drawn)


def fitted(way: str, seed: int, seconds: float) -> tuple[Drawer, int]:
    """Train until the time is up; return the flow and how many steps there were."""
    torch.manual_seed(seed)
    model, data, steps = Drawer(WAYS[way]), backs(TRAIN, seed), 0
    batch = 8 if model.way.neighbors else 16
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.99))
    begin = time.process_time()
    while (gone := (time.process_time() - begin) / seconds) < 1:
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1, (steps + 1) / 30, 3 * (1 - gone) + 0.02)
        optimizer.zero_grad()
        model.loss(data.take(torch.randint(TRAIN, (batch,)))).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps += 1
    return model, steps


def look(points: Tensor, asked: Backs) -> dict[str, float | list[float]]:
    """Return scores of backs that were to be slatted, and of those that were to be panels."""
    found, slatted = scores(points, asked.half), asked.count > 0
    best = found.max(dim=1)
    right = COUNTS[best.indices] == asked.count
    return {
        "slats": round(best.values[slatted].mean().item(), 3),
        "panels": round(best.values[~slatted].mean().item(), 3),
        "by_count": [round(best.values[asked.count == n].mean().item(), 3) for n in COUNTS],
        "right_number": round(right[slatted].float().mean().item(), 3),
    }


def front(points: Float[Tensor, "S N 3"], asked: Backs) -> list[str]:
    """Return a back of 3 slats and one of 5, seen from the front: x y x y ..., in hundredths."""
    rows = [(asked.count == n).nonzero()[0, 0] for n in (3, 5)]
    places = (100 * points[rows, :, :2]).round().int().flatten(1).tolist()
    return [" ".join(map(str, row)) for row in places]


def main() -> None:
    """Write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="a JSON file")
    parser.add_argument("--minutes", type=float, default=1, help="of CPU, for each run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    asked = backs(HELD_OUT, UNSEEN)
    known = {"real": asked.points, "each point by itself": apart(HELD_OUT, UNSEEN)}
    found = {"minutes": options.minutes, "runs": {}, "seen": {}}
    found |= json.loads(options.out.read_text()) if options.out.exists() else {}
    for name, points in known.items():
        found["runs"][name] = {"without training": look(points, asked)}
        found["seen"][name] = front(points, asked)
    for (way, kind), seed in product(WAYS.items(), SEEDS):
        runs = found["runs"].setdefault(way, {})
        if str(seed) not in runs:
            model, steps = fitted(way, seed, 60 * options.minutes * kind.times)
            drawn = model.draw(asked)
            runs[str(seed)] = {"steps": steps, **look(drawn, asked)}
            if seed == SEEDS[0]:
                found["seen"][way] = front(drawn, asked)
            print(way, seed, runs[str(seed)], flush=True)
        write_atomically(options.out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
