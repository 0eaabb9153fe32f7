"""Write what `furniture` learns shape from, before it is taught the furniture itself.

    python data/make_mixture.py --out runs/mixture.npz [--assemblies 20000] [--warped 7000]

To train on: random things (`making/assemblies.py`), and the training shapes of the furniture, each
many times, cut into slices across each axis that are stretched by factors of their own, so that a
chair gets longer legs under the same seat. To validate with: the furniture's own shapes for that,
as they are. Those to test with are not looked at: what a
training keeps to test with, a fifth, is of what is made here.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from jsonargparse import auto_cli
from making.assemblies import assembly
from tqdm import tqdm

from pcvae.data.furniture import load_furniture
from pcvae.files import atomic_path
from pcvae.geometry import to_unit_sphere

SLICES, STRETCH = 5, 0.5


def make_mixture(out: Path, assemblies: int = 20000, warped: int = 7000, seed: int = 0) -> None:
    """Write the clouds.

    Args:
        out: an .npz file.
        assemblies: how many random things.
        warped: how many clouds of stretched furniture.
        seed: decides both.
    """
    rng = np.random.default_rng(seed)
    known = load_furniture("train").points
    made = [assembly(rng, known.shape[1]) for _ in tqdm(range(assemblies), mininterval=2)]
    made += [warp(known[row % len(known)], rng) for row in range(warped)]
    held_out = load_furniture("val").points
    splits = ["train"] * len(made) + ["val"] * len(held_out)
    with atomic_path(out) as path:
        np.savez(path, points=np.concatenate([np.stack(made), held_out]), splits=splits)


def warp(cloud: Float[np.ndarray, "N 3"], rng: np.random.Generator) -> Float[np.ndarray, "N 3"]:
    """Stretch the slices of a cloud across each axis, left and right alike."""
    low, high = cloud.min(axis=0), cloud.max(axis=0)
    columns = []
    for axis in range(3):
        factors = np.exp(rng.uniform(-STRETCH, STRETCH, SLICES))
        if axis == 0:
            factors = (factors * factors[::-1]) ** 0.5
        cuts = np.linspace(low[axis], high[axis], SLICES + 1)
        moved = np.concatenate([[0], np.cumsum(factors * np.diff(cuts))])
        columns.append(np.interp(cloud[:, axis], cuts, moved))
    return to_unit_sphere(np.stack(columns, axis=1))[0]


if __name__ == "__main__":
    auto_cli(make_mixture, as_positional=False)
