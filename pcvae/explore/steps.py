"""What was done to a shape, as one list of steps: run to draw it, printed to be read and pasted.

A step is a call of a function, mostly of one of `pcvae.editing`, and a name for what it returns.
What is seen and what is printed cannot differ: both are this list.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pcvae import editing

KEPT = 128  # results that are remembered


@dataclass(frozen=True)
class Name:
    """An argument: what an earlier step returned."""

    name: str

    def __repr__(self) -> str:
        """Return what is printed."""
        return self.name


MODEL, STATE = Name("model"), Name("state")
POINTS, LABELS, LATENTS, DECODED = map(Name, ("points", "labels", "latents", "decoded"))
OTHERS, OTHER, ORDER = Name("others"), Name("other"), Name("order")
DIRECTIONS, FACTORS, WEIGHT = Name("directions"), Name("factors"), Name("weight")


@dataclass(frozen=True)
class Given:
    """An argument: something that the reader has, too.

    Attributes:
        code: how it is written, such as `shapes.points[3]`.
        value: what it is.
        imports: the line that the code needs before it, if any.
    """

    code: str
    value: Any = field(compare=False)
    imports: str = ""

    def __repr__(self) -> str:
        """Return what is printed."""
        return self.code


@dataclass(frozen=True)
class Step:
    """A call.

    Attributes:
        function: what is called; None returns the one argument as it is.
        arguments: plain values, `Name` and `Given`.
        to: the name of what it returns.
        place: where it stands among the edits: each control has a place of its own.
    """

    function: Callable[..., Any] | None
    arguments: tuple[Any, ...]
    to: str = "state"
    place: int = 0

    def names(self) -> list[str]:
        """Return the names among the arguments."""
        return [argument.name for argument in self.arguments if isinstance(argument, Name)]

    def code(self) -> str:
        """Return the step as a line of Python."""
        arguments = ", ".join(map(repr, self.arguments))
        if self.function is None:
            return f"{self.to} = {arguments}"
        name = self.function.__name__
        return f"{self.to} = {'editing.' if self._at_the_door() else ''}{name}({arguments})"

    def imports(self) -> list[str]:
        """Return the lines that the code needs before it, beside that of `editing`."""
        found = [argument.imports for argument in self.arguments if isinstance(argument, Given)]
        if self.function is not None and not self._at_the_door():
            found.append(f"from {self.function.__module__} import {self.function.__name__}")
        return [line for line in found if line]

    def _at_the_door(self) -> bool:
        """Whether `editing` itself has the function."""
        return getattr(editing, self.function.__name__, None) is self.function


def prepared(names: Iterable[str], sources: Mapping[str, list[Step]]) -> list[Step]:
    """Return the steps that make what is named, each once, after those that it needs itself.

    Args:
        names: what is needed; names without a source are left to the caller.
        sources: for each name, the steps that make it.
    """
    found, done = [], set()

    def make(name: str) -> None:
        if name in done:
            return
        done.add(name)
        for step in sources.get(name, ()):
            for needed in step.names():
                make(needed)
            found.append(step)

    for name in names:
        make(name)
    return found


class Runner:
    """Runs lists of steps, and remembers results: in a drag, only what has changed runs again.

    Args:
        given: what is there before the first step, by name.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given, self._numbers = dict(given), count()
        self._results: OrderedDict[tuple[Any, ...], tuple[int, Any]] = OrderedDict()

    def run(self, steps: Iterable[Step]) -> dict[str, Any]:
        """Run steps in their order, and return what stands under each name at the end."""
        values, numbers = dict(self._given), {}
        for step in steps:
            # The number of a result stands for all that it was made from.
            key = (step.function, repr(step.arguments), *map(numbers.get, step.names()))
            if key not in self._results:
                self._results[key] = next(self._numbers), self._call(step, values)
            self._results.move_to_end(key)
            numbers[step.to], values[step.to] = self._results[key]
        while len(self._results) > KEPT:
            self._results.popitem(last=False)
        return values

    def forget(self) -> None:
        """Forget all results: something that was given has changed."""
        self._results.clear()

    @staticmethod
    def _call(step: Step, values: Mapping[str, Any]) -> Any:
        arguments = []
        for argument in step.arguments:
            if isinstance(argument, Name):
                argument = values[argument.name]
            arguments.append(argument.value if isinstance(argument, Given) else argument)
        return arguments[0] if step.function is None else step.function(*arguments)


def printed(steps: Iterable[Step], comment: str) -> str:
    """Return steps as Python that can be pasted into a cell.

    Args:
        steps: the steps.
        comment: what stands between imports and code: what the reader has to have.
    """
    steps = list(steps)
    imports = sorted({line for step in steps for line in step.imports()})
    code = [step.code() for step in steps]
    return "\n".join(["from pcvae import editing", *imports, "", f"# {comment}", *code]) + "\n"
