"""What LION's network costs on a CPU: cells near points beside all cells of the grids.

    python tests/benchmarks/lion.py full

Both ways in turns in one run, seconds of CPU on one thread, the least of several; and which
operators of torch the time of the faster way goes to.
"""

import argparse
import time
from collections.abc import Callable

import torch

from pcvae.data.procedural import generate
from pcvae.models import LionVAE
from pcvae.models.lion import SIZES, blocks
from pcvae.objective import Objective
from pcvae.training.run import keep_freed_memory

WAYS = {"all cells": 10**9, "cells near points": blocks.SPARSE}


def least(work: Callable[[], object], repeats: int) -> dict[str, float]:
    """Return the least CPU seconds of a piece of work, each way."""
    found = dict.fromkeys(WAYS, float("inf"))
    for _ in range(repeats + 1):  # the first warms up
        for way, blocks.SPARSE in WAYS.items():
            start = time.process_time()
            work()
            found[way] = min(found[way], time.process_time() - start)
    return found


def shares(work: Callable[[], object], most: int = 8) -> dict[str, float]:
    """Return the operators that take most of the time, with their shares of it."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        work()
    times = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
    ranked = sorted(times, key=times.get, reverse=True)[:most]
    return {name.removeprefix("aten::"): times[name] / sum(times.values()) for name in ranked}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    torch.manual_seed(0)
    model = LionVAE(options.size)
    x = torch.from_numpy(generate(("chair",), 2, 2048, split="test").points) / 0.4
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)

    @torch.no_grad()
    def rebuild() -> None:
        model.eval().reconstruct(x[:1])

    def step() -> None:
        output = model.train()(x)
        optimizer.zero_grad()
        Objective(reduction="batch")(x, output, 0.5).loss.backward()
        optimizer.step()

    for name, work in {"encode and decode one": rebuild, "a training step of two": step}.items():
        seconds = least(work, options.repeats)
        ratio = seconds["cells near points"] / seconds["all cells"]
        told = ", ".join(f"{way} {value:.2f} s" for way, value in seconds.items())
        print(f"{name}: {told}, ratio {ratio:.2f}", flush=True)
        print("  of it", ", ".join(f"{op} {share:.0%}" for op, share in shares(work).items()))


if __name__ == "__main__":
    main()
