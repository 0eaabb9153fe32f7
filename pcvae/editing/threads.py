"""Small work on the threads that serve it, on an idle machine and on a busy one.

torch divides every single operation among its threads, and waits for the last of them each time.
Where another program takes the cores, such as the page that draws the cloud, it waits for longer
than it works. So a small network runs on one thread, and a longer way through one is divided once.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import RLock

import torch
from jaxtyping import Float
from torch import Tensor

FEWEST = 256  # points that are worth a thread

_lock = RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work on one thread inside, and on as many as before afterward.

    Threads of Python that come here wait for their turn: torch has one number for all.
    """
    with _lock:
        before = torch.get_num_threads()
        if before > 1:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if before > 1:
                torch.set_num_threads(before)


def by_parts(
    make: Callable[[Tensor], Tensor], points: Float[Tensor, "N H"]
) -> Float[Tensor, "N H"]:
    """Return what is made of points that are looked at one by one, a part of them on each thread.

    Args:
        make: of some points (K, H) others; it must not look from one point to another.
        points: all of them.
    """
    count = min(torch.get_num_threads(), len(points) // FEWEST)
    if count < 2 or points.device.type != "cpu":
        with one_thread():
            return make(points)
    pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
    with one_thread(), pool:
        return torch.cat(list(pool.map(make, points.chunk(count))))
