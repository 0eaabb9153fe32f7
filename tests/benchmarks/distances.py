"""Distances of clouds, beside libraries that compute them too.

Run `python tests/benchmarks/distances.py`. open3d and point-cloud-utils take part if they are
installed. `--full` also times a whole evaluation of 200 shapes against 200, by CD and by EMD-512,
on all cores; that takes minutes. Not a test: times depend on the machine. The methods take turns,
on one thread each, and their CPU time is counted, so that ratios hold on a busy machine, too.
"""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np
import ot
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from pcvae.data.procedural import generate
from pcvae.metrics import (
    Work,
    chamfer_matrix,
    emd_matrix,
    emd_of_neighbors,
    fixed_subsets,
    score_questions,
    set_scores,
    share_solved,
)

POINTS, CLOUDS, ROUNDS = 2048, 10, 7
FAMILIES = ("chair", "table", "lamp", "airplane", "mug")

Method = Callable[[], np.ndarray]


def compare(title: str, methods: dict[str, Method], pairs: int) -> None:
    """Call methods in turn; print the CPU time of a pair, its ratio to ours, and the error.

    Args:
        title: what is compared.
        methods: give the same distances; the first is ours, the last exact.
        pairs: how many distances those are.
    """
    times: dict[str, list[float]] = {name: [] for name in methods}
    found = {}
    for _ in range(ROUNDS):
        for name, method in methods.items():
            start = time.process_time()
            found[name] = method()
            times[name].append((time.process_time() - start) / pairs)
    exact = found[next(reversed(methods))]
    best = {name: statistics.median(values) for name, values in times.items()}
    others = [value for name, value in best.items() if name != next(iter(best))]
    ours = next(iter(best.values()))
    print(f"{title}, {pairs} pairs")
    for name, value in best.items():
        error = np.abs(found[name] / exact - 1).max()
        print(f"  {name:<34} {value * 1e3:8.2f} ms  {value / ours:6.2f}  error {error:.0e}")
    print(f"  ours / fastest of the others       {ours / min(others):8.2f}")


def chamfer_methods(one: np.ndarray, other: np.ndarray) -> dict[str, Method]:
    """Return ways to compute all squared Chamfer distances of two sets."""
    methods: dict[str, Method] = {
        "pcvae.metrics.chamfer_matrix": lambda: chamfer_matrix(one, other, work=Work(workers=1)),
        "torch.cdist": lambda: by_torch(one, other),
    }
    if importlib.util.find_spec("point_cloud_utils"):
        methods["point-cloud-utils, k-nearest"] = lambda: by_point_cloud_utils(one, other)
    if importlib.util.find_spec("open3d"):
        methods["open3d"] = lambda: by_open3d(one, other)
    methods["SciPy, trees built once"] = lambda: by_scipy(one, other)
    return methods


def by_torch(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Chamfer distances by torch."""
    found = np.empty((len(one), len(other)))
    clouds = torch.from_numpy(other)
    for row, cloud in enumerate(torch.from_numpy(one)):
        for column, second in enumerate(clouds):
            squares = torch.cdist(cloud, second).square_()
            found[row, column] = squares.amin(0).mean() + squares.amin(1).mean()
    return found


def by_scipy(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Chamfer distances by SciPy, which computes in float64."""
    trees, others = [cKDTree(cloud) for cloud in one], [cKDTree(cloud) for cloud in other]
    return np.array(
        [
            [
                np.square(b.query(a.data)[0]).mean() + np.square(a.query(b.data)[0]).mean()
                for b in others
            ]
            for a in trees
        ]
    )


def by_point_cloud_utils(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Chamfer distances by point-cloud-utils."""
    import point_cloud_utils

    def way(a: np.ndarray, b: np.ndarray) -> float:
        return np.square(point_cloud_utils.k_nearest_neighbors(a, b, 1, num_threads=0)[0]).mean()

    return np.array([[way(a, b) + way(b, a) for b in other] for a in one])


def by_open3d(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Chamfer distances by open3d."""
    import open3d

    def cloud(points: np.ndarray) -> object:
        return open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points.astype(float)))

    def way(a: object, b: object) -> float:
        return np.square(np.asarray(a.compute_point_cloud_distance(b))).mean()

    clouds, others = [cloud(points) for points in one], [cloud(points) for points in other]
    return np.array([[way(a, b) + way(b, a) for b in others] for a in clouds])


def emd_methods(one: np.ndarray, other: np.ndarray) -> dict[str, Method]:
    """Return ways to compute all earth mover's distances of two sets."""
    weights = np.full(one.shape[1], 1 / one.shape[1])

    def by_pot(a: np.ndarray, b: np.ndarray) -> float:
        return ot.emd2(weights, weights, ot.dist(a, b, "euclidean"), numItermax=10**8)

    def by_assignment(a: np.ndarray, b: np.ndarray) -> float:
        costs = cdist(a, b)
        return costs[linear_sum_assignment(costs)].mean()

    def all_by(distance: Callable[[np.ndarray, np.ndarray], float]) -> Method:
        return lambda: np.array([[distance(a, b) for b in other] for a in one])

    return {
        "pcvae.metrics.emd_matrix": lambda: emd_matrix(one, other, work=Work(workers=1)),
        "POT": all_by(by_pot),
        "SciPy's assignment": all_by(by_assignment),
    }


def full(count: int) -> None:
    """Time the scores of as many shapes against as many, on all cores."""
    shapes = generate(FAMILIES, 2 * count, POINTS).points
    samples, references = np.arange(count), np.arange(count, 2 * count)
    for name, compute in (
        ("CD", lambda: chamfer_matrix(shapes)),
        (
            "EMD-512",
            lambda: emd_of_neighbors(fixed_subsets(shapes), score_questions(samples, references)),
        ),
    ):
        start, cpu = time.perf_counter(), time.process_time()
        distances = compute()
        scores = set_scores(distances, samples, references)
        took, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"{name}, {count} against {count}: {took / 60:.1f} minutes, {cpu / 60:.1f} of CPU")
        print(f"  {share_solved(distances):.0%} of pairs; " + str(scores))


def main() -> None:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="time a whole evaluation as well")
    parser.add_argument("--count", type=int, default=200, help="shapes of each set there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shapes = generate(FAMILIES, 2 * CLOUDS, POINTS).points
    one, other = shapes[:CLOUDS], shapes[CLOUDS:]
    compare(f"Chamfer, {POINTS} points", chamfer_methods(one, other), CLOUDS**2)
    few = fixed_subsets(shapes).astype(np.float64)
    compare("EMD, 512 points", emd_methods(few[:3], few[CLOUDS : CLOUDS + 3]), 9)
    if arguments.full:
        full(arguments.count)


if __name__ == "__main__":
    main()
