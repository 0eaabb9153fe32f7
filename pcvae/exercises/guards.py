"""What an answer may do while it is judged: its inputs, random numbers, printing and time."""

import _thread
import contextlib
import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from pcvae.exercises.comparing import Wrong

MOST_PRINTED = 2000  # characters


@contextlib.contextmanager
def same_random_numbers() -> Iterator[None]:
    """Seed all generators, and put them back: a check must not change what the notebook draws."""
    kept = random.getstate(), np.random.get_state()  # noqa: NPY002 - answers may use the old one
    with torch.random.fork_rng(devices=[]):
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        try:
            yield
        finally:
            random.setstate(kept[0])
            np.random.set_state(kept[1])  # noqa: NPY002


@contextlib.contextmanager
def little_printed() -> Iterator[None]:
    """Pass on the beginning of what is printed: a check calls an answer many times."""
    with contextlib.redirect_stdout(_Beginning(sys.stdout)):
        yield


class _Beginning:
    """A stream that passes on its first characters, and says when it stops.

    Attributes:
        stream: where they go.
        left: how many more go there.
    """

    def __init__(self, stream: Any) -> None:
        self.stream, self.left = stream, MOST_PRINTED

    def write(self, text: str) -> int:
        """Pass on what is still allowed."""
        if self.left > 0:
            self.stream.write(text[: self.left])
            if len(text) > self.left:
                self.stream.write("\n... `check` leaves out the rest of what your answer prints.\n")
        self.left -= len(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        """Be in all else what the stream is."""
        return getattr(self.stream, name)


class _Timer:
    """Interrupts the main thread once, unless it is stopped before."""

    def __init__(self, seconds: float | int) -> None:
        self.lock, self.running, self.expired = threading.Lock(), True, False
        self.timer = threading.Timer(seconds, self._expire)
        self.timer.daemon = True

    def _expire(self) -> None:
        with self.lock:
            if self.running:
                self.expired = True
                _thread.interrupt_main()

    def stop(self) -> None:
        """Take it back; an interrupt that is on its way arrives before this returns."""
        with self.lock:
            self.running = False
        self.timer.cancel()


@contextlib.contextmanager
def within(seconds: float | int) -> Iterator[None]:
    """Stop an answer that takes longer. The reader's own interrupt goes through as one.

    Python can be interrupted between its own steps and in its main thread only: a single call into
    a library that never returns is left alone, and so is a check that runs in another thread.

    Raises:
        Wrong: it took longer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    timer = _Timer(seconds)
    timer.timer.start()
    try:
        try:
            yield
        finally:
            timer.stop()
    except KeyboardInterrupt:
        if not timer.expired:
            raise
        raise Wrong(
            f"Your answer was stopped: it had not come to an end after {seconds:g} seconds. Is "
            "there a loop that never ends?"
        ) from None


def watched(answer: Any) -> Any:
    """Return a function that does the same, and notices if an input is changed in place.

    Classes and whatever cannot be called are returned as they are.
    """
    if isinstance(answer, type) or not callable(answer):
        return answer

    def call(*inputs: Any, **named: Any) -> Any:
        kept = [_copy(value) for value in (*inputs, *named.values())]
        result = answer(*inputs, **named)
        for value, copy in zip((*inputs, *named.values()), kept, strict=True):
            _expect_unchanged(value, copy)
        return result

    return call


def _copy(value: Any) -> Any:
    """Copy arrays and tensors; None stands for anything else."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return value.copy() if isinstance(value, np.ndarray) else None


def _expect_unchanged(value: Any, copy: Any) -> None:
    """Raise Wrong if an array or tensor is no longer like its copy."""
    if copy is None:
        return
    same: Callable[..., bool] = torch.equal if isinstance(copy, torch.Tensor) else np.array_equal
    if not same(value, copy):
        kind = "tensor" if isinstance(copy, torch.Tensor) else "array"
        raise Wrong(
            f"Your function changed the {kind} that it was given. `x -= ...`, `x[...] = ...` and "
            "methods like `x.mul_()` work in place; write `x = x - ...`, or begin with a copy."
        )
