"""What steps of the prior's flow cost, and what they bring: ways to follow it, side by side.

    python tests/benchmarks/solvers.py shapes --out data/comparisons/solvers.json

For each way: the Chamfer distance of held-out shapes that are made from z alone, over the
resampling floor of the same run, and how long a slider on z waits for a decoded cloud (h made anew
from its noise, then decoded), as a share of the first way's time. Milliseconds are printed only.
"""

import argparse
import json
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch

import pcvae
from pcvae.commands.held_out import open_data_of, points_of
from pcvae.evaluation import reconstruction, some_rows
from pcvae.files import write_atomically
from pcvae.models import PointCloudVAE
from pcvae.sampling import Way

WAYS = [
    ("euler", 8),
    ("euler", 1),
    ("euler", 2),
    ("euler", 4),
    ("euler", 16),
    ("midpoint", 1),
    ("midpoint", 2),
    ("midpoint", 4),
    ("heun", 2),
    ("heun", 4),
]
SIZES = (1024, 2048)


@torch.inference_mode()
def waiting(model: PointCloudVAE, num_points: int, repeats: int) -> list[float]:
    """Return milliseconds from a moved z to the decoded cloud for each way, taken in turn."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, num_points, 3 + model.config.latent_dim, generator=generator)
    z = model.draw_style(torch.randn(1, model.config.style_dim, generator=generator))
    spent = np.empty((repeats + 1, len(WAYS)))
    for row, (column, (solver, steps)) in product(range(repeats + 1), enumerate(WAYS)):
        start = time.perf_counter()
        model.draw_points(noise, z, steps=steps, solver=solver)
        spent[row, column] = 1000 * (time.perf_counter() - start)
    return np.median(spent[1:], axis=0).tolist()  # the first ones warm up


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a shipped model's name or a .safetensors file")
    parser.add_argument("--count", type=int, default=200, help="held-out shapes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = pcvae.load(options.model)
    _, parts = open_data_of(options.model, None, 2 * max(SIZES))
    clouds = points_of(parts.test, 2 * max(SIZES))
    clouds = clouds[some_rows(len(clouds), options.count)]
    times = [waiting(model, size, options.repeats) for size in SIZES]
    table = {}
    for column, (solver, steps) in enumerate(WAYS):
        found = reconstruction(model, clouds, way=Way(steps, solver))
        spent = [row[column] for row in times]
        table[f"{solver} {steps}"] = {
            "cd_style_over_floor": round(found["cd_style_over_floor"], 3),
            "time": round(spent[-1] / times[-1][0], 2),
        }
        written = "  ".join(f"N = {n}: {ms:5.1f} ms" for n, ms in zip(SIZES, spent, strict=True))
        print(f"{solver:9s} {steps:3d}  {table[f'{solver} {steps}']}  {written}", flush=True)
    if options.out:
        write_atomically(options.out, json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
