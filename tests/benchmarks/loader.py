"""How much of a training step the loader takes, and what opening a large tree costs.

Run `python tests/benchmarks/loader.py`. Not a test: times depend on the machine.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from pcvae.data import PointCloudData, Splits, open_splits
from pcvae.data.batches import Augmentation
from pcvae.models import PointCloudVAE
from pcvae.training import TrainConfig, VAEModule, build_objective, build_schedule, model_config

CHAIR = "03001627"
POINTS = 15_000


def memory() -> float:
    """Return the most memory this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_tree(root: Path, count: int) -> None:
    """Write noise in PointFlow's layout: `count` training shapes, a few others."""
    rng = np.random.default_rng(0)
    for split, number in (("train", count), ("val", 16), ("test", 16)):
        folder = root / CHAIR / split
        folder.mkdir(parents=True)
        for row in range(number):
            np.save(folder / f"{row:06d}{split}.npy", rng.random((POINTS, 3), dtype=np.float32))


def step_function(batch_size: int, num_points: int):
    """Return what does one optimizer step on a batch."""
    config = TrainConfig(batch_size=batch_size, num_points=num_points)
    module = VAEModule(
        PointCloudVAE(model_config(config)), build_objective(config), build_schedule(config)
    )
    module.schedule_steps = 100
    module._trainer = SimpleNamespace(global_step=1)
    optimizer = torch.optim.Adam(module.parameters())

    def step(batch) -> None:
        optimizer.zero_grad()
        module.terms(batch, epoch=0).loss.backward()
        optimizer.step()

    return step


def shares(splits: Splits, steps: int, **options) -> tuple[float, float]:
    """Return seconds for loading and for computing, each for one step."""
    data = PointCloudData(splits, num_points=2048, batch_size=16, **options)
    step = step_function(16, 2048)
    loader = data.train_dataloader()
    data.trainer = SimpleNamespace(training=True, current_epoch=0)
    loading, computing, batches = [], [], iter(())
    for _ in range(steps):
        start = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            batches = iter(loader)
            batch = next(batches)
        batch = data.on_after_batch_transfer(batch, 0)
        middle = time.perf_counter()
        step(batch)
        loading.append(middle - start)
        computing.append(time.perf_counter() - middle)
    return float(np.median(loading)), float(np.median(computing))


def report(name: str, splits: Splits, steps: int, **options) -> None:
    """Print one line."""
    loading, computing = shares(splits, steps, **options)
    share = loading / (loading + computing)
    print(f"{name:44} {1e3 * loading:6.1f} ms of {1e3 * computing:7.1f} ms: {share:6.2%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", type=int, default=6778, help="180 kB each are written")
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    everything = {
        "replacement": True,
        "augmentation": Augmentation(mirror=True, stretch=0.1, jitter=0.01),
    }
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Path(folder), arguments.shapes)
        before, start = memory(), time.perf_counter()
        splits = open_splits(f"shapenet:{folder}")
        seconds = time.perf_counter() - start
        size = 12 * POINTS * arguments.shapes / 1e6
        print(f"opening {size:.0f} MB took {seconds:.2f} s and {memory() - before:.1f} MB")
        data, start = PointCloudData(splits, batch_size=16), time.perf_counter()
        data.normalization()
        next(iter(data.train_dataloader()))
        seconds = time.perf_counter() - start
        print(f"statistics and first batch: {seconds:.2f} s, {memory() - before:.1f} MB in all")
        furniture = open_splits("furniture")
        print("a step at B 16, N 2048:")
        report("furniture", furniture, arguments.steps)
        report("furniture, all augmentations", furniture, arguments.steps, **everything)
        report("ShapeNet", splits, arguments.steps)
        report("ShapeNet, with replacement", splits, arguments.steps, replacement=True)
        report("ShapeNet, all augmentations", splits, arguments.steps, **everything)
