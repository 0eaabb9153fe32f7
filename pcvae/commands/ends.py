"""How a command ends: with a status and, if it is not 0, with one line that says why."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from pcvae.commands.parser import parse

BAD_INPUT, CLOSED_PIPE = 2, 141
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
# What the world does wrong: input, files, disks, devices, libraries. Other errors are the package's
# own, and their traceback is what to report.
WORLDLY = (ValueError, OSError, ArithmeticError, RuntimeError, MemoryError, ImportError)


class Stopped(BaseException):
    """The process was told to end by SIGTERM."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. What goes wrong ends in one line on stderr, not in a traceback.

    Args:
        arguments: the words after `pcvae`; those of this process by default.

    Returns:
        The exit status: 2 for what is wrong with input, files or devices, 130 after Ctrl-C, 143
        after SIGTERM, 141 if nobody reads the output.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # no character of a path is too much for any encoding
            stream.reconfigure(errors="backslashreplace")
    try:
        with stoppable(), one_voice():
            function, given = parse(list(sys.argv[1:] if arguments is None else arguments))
            function(**given)
            if sys.stdout:
                sys.stdout.flush()
        return 0
    except BrokenPipeError:
        # Nobody reads on, as after `| head`. What is left in the buffer goes nowhere at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except (Stopped, KeyboardInterrupt) as error:
        number = signal.SIGTERM if isinstance(error, Stopped) else signal.SIGINT
        say(f"stopped by {NAMES[number]}.", error, "What was finished is kept.")
        return 128 + number
    except WORLDLY as error:
        if os.environ.get("PCVAE_TRACEBACK"):
            raise
        say(in_words(error), error)
        return BAD_INPUT


def in_words(error: BaseException) -> str:
    """Return what an error says, as one sentence."""
    if isinstance(error, OSError) and error.strerror:
        return ": ".join([*([str(error.filename)] if error.filename else []), error.strerror]) + "."
    if isinstance(error, MemoryError):
        return "there is not enough memory."
    return str(error) or type(error).__name__


def say(text: str, error: BaseException, otherwise: str = "") -> None:
    """Print a line on stderr: what went wrong, and what its notes say of what is kept."""
    notes = getattr(error, "__notes__", [otherwise])
    text += "" if text[-1:] in ".!?" else "."
    with contextlib.suppress(OSError):  # a closed or full stderr is no reason to fail
        print("pcvae:", *" ".join([text, *notes]).split(), file=sys.stderr)


@contextlib.contextmanager
def one_voice() -> Iterator[None]:
    """Let other threads say nothing of a full disk: TensorBoard's meets it, and so do we."""

    def hear(what: threading.ExceptHookArgs) -> None:
        if not isinstance(what.exc_value, OSError):
            threading.__excepthook__(what)

    before, threading.excepthook = threading.excepthook, hear
    try:
        yield
    finally:
        threading.excepthook = before


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM end a block as Ctrl-C does: what is half written is taken away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_IGN)  # schedulers send it again and again
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
