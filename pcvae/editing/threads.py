"""Small work on one thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

_lock = RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work on one thread inside, and on as many as before afterward.

    One cloud is little work. Several threads would do it hardly sooner, and where another program
    (such as the page that draws the cloud) takes the cores, they wait for each other longer than
    they work. Threads of Python that come here wait for their turn: torch has one number for all.
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
