"""Sampling surfaces and thinning clouds, beside libraries that do it too.

Run `python tests/benchmarks/sampling.py`. fpsample takes part if it is installed. Not a test: times
depend on the machine; the methods take turns, so their ratios can be compared.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np
import trimesh

from pcvae.geometry import farthest_points, sample_surface

DRAWN, KEPT, ROUNDS = 8192, 2048, 9


def alternate(functions: dict[str, Callable[[], object]]) -> None:
    """Call functions in turn and print the median milliseconds of each, and its ratio to ours."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ours = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"  {name:<28} {median * 1e3:7.1f} ms   {median / ours:5.2f}")


def main() -> None:
    """Print both comparisons."""
    mesh = trimesh.creation.icosphere(subdivisions=5)
    vertices, faces = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces)

    def with_trimesh() -> object:
        return trimesh.sample.sample_surface(trimesh.Trimesh(vertices, faces, process=False), DRAWN)

    print(f"{DRAWN} points on {len(faces)} triangles")
    rng = np.random.default_rng(0)
    own = lambda: sample_surface(vertices, faces, DRAWN, rng)  # noqa: E731
    alternate({"pcvae.geometry": own, "trimesh": with_trimesh})

    cloud = own()[0]
    thinning = {"pcvae.geometry": lambda: farthest_points(cloud, KEPT)}
    if importlib.util.find_spec("fpsample"):
        import fpsample

        thinning["fpsample, plain"] = lambda: fpsample.fps_sampling(cloud, KEPT)
        thinning["fpsample, buckets"] = lambda: fpsample.bucket_fps_kdline_sampling(cloud, KEPT, 5)
    print(f"{KEPT} farthest points of {DRAWN}")
    alternate(thinning)


if __name__ == "__main__":
    main()
