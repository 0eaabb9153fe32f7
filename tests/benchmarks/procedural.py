"""How long it takes to make 3,000 procedural shapes of 2,048 points, for 1 and 2 workers.

Run `python tests/benchmarks/procedural.py`. Not a test: times depend on the machine.
"""

import time

from pcvae.data.procedural import generate
from pcvae.shapes import families


def seconds(workers: int, names: list[str], count: int = 3000, num_points: int = 2048) -> float:
    start = time.perf_counter()
    generate(names, count, num_points, workers=workers)
    return time.perf_counter() - start


if __name__ == "__main__":
    for names in (["chair", "table", "lamp"], list(families())):
        for workers in (1, 2):
            print(f"{workers} worker(s): {seconds(workers, names):5.2f} s   {', '.join(names)}")
