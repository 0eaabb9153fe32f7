"""The words after `pcvae`: the command they name, its flags, and what is said of wrong ones."""

import difflib
import inspect
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, get_origin, get_type_hints

import docstring_parser
from jsonargparse import ArgumentParser

LARGEST_SEED = 2**32 - 1  # that NumPy and torch both take
# The function `name` of the module `pcvae.commands.name` does it, and its parameters are the flags.
COMMANDS = {
    "train": "train a model, or go on with a run that was stopped",
    "sample": "draw new shapes from a model",
    "evaluate": "score a model's reconstructions and new shapes, beside what real shapes score",
    "diagnose": "print what the latents of a model do on a data set",
    "prepare": "make a data set of files of your own",
    "export": "write a model as ONNX graphs, for programs without torch",
    "import-lion": "make a model of a checkpoint of LION's",
}


class Parser(ArgumentParser):
    """A parser that says what is wrong in a line or two, without its forty lines of usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print what is wrong and what may have been meant; exit with status 2."""
        parser = getattr(ex, "subcommand_parser", None) or self
        command = parser.prog.replace(" [options]", "")
        words = " ".join([plain(message), *meant(message, parser._option_string_actions)])
        print(f"pcvae: {words} See `{command} --help`.", file=sys.stderr)
        sys.exit(2)


def plain(message: str) -> str:
    """Return a message of jsonargparse in the words of the command line, as one sentence."""
    if "arguments are required" in message:  # such as prepare.meshes.folder, a word without a flag
        message = re.sub(r"[\w.-]+\.", "", message)
    for pattern, text in (
        (r'Parser key "([\w.]+)":', r"--\1:"),
        (r"a <class 'int'>", "a whole number"),
        (r"a <class 'float'>", "a number"),
        (r"a <class 'bool'>", "true or false"),
        (r"a typing\.Literal\[([^]]*)\]", r"one of \1"),
        (r"a tuple with 3 elements|a <class 'tuple'>", "three numbers, such as 64,128,256"),
        (r"a tuple\[int, int, int\]", "three whole numbers, such as 64,128,256"),
        (r"a tuple\[float, float, float\]", "three numbers, such as 0,0.1,0"),
        (r"\s+", " "),
    ):
        message = re.sub(pattern, text, message)
    return message.strip().rstrip(".") + "."


def meant(message: str, flags: Collection[str]) -> list[str]:
    """Return a question for each unknown flag that resembles a known one."""
    _, _, unknown = message.partition("nrecognized arguments:")
    found = []
    for word in unknown.split():
        near = difflib.get_close_matches(word.partition("=")[0], flags, n=1)
        found += [f"Did you mean {flag}?" for flag in near if word.startswith("--")]
    return found


def parse(words: Sequence[str]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the function that the words ask for, and what to call it with.

    Args:
        words: those after `pcvae`. Wrong ones end the process, with one line and status 2.

    Raises:
        ValueError: A seed is none that NumPy and torch take.
    """
    parser = build_parser(words)
    found = parser.instantiate(parser.parse_args(with_brackets(words, parser)))
    function, values = import_command(found.command), found[found.command]
    if isinstance(function, Mapping):
        function, values = function[values.source], values[values.source]
    if not 0 <= (values.get("seed") or 0) <= LARGEST_SEED:
        raise ValueError(f"--seed must be from 0 to {LARGEST_SEED}, not {values.seed}.")
    return function, grouped(function, {k: at_home(v) for k, v in vars(values).items()})


def build_parser(words: Sequence[str]) -> Parser:
    """Return the parser of all commands. Some words, such as a recipe, decide its defaults."""
    parser = Parser(prog="pcvae", description="Hierarchical VAEs for 3D point clouds.")
    commands = parser.add_subcommands(dest="command")
    for name, about in COMMANDS.items():
        part = Parser(description=f"{about[0].upper()}{about[1:]}.")
        commands.add_subcommand(name, part, help=about)
        # To know a command's flags is to import what it runs, which takes seconds: only the one
        # that is asked for.
        if words[:1] == [name]:
            add_flags(part, import_command(name), words[1:])
    return parser


def import_command(name: str) -> Any:
    """Return the function of a command; or several, if it has commands of its own."""
    name = name.replace("-", "_")
    return getattr(import_module(f"pcvae.commands.{name}"), name)


def add_flags(parser: Parser, function: Any, words: Sequence[str]) -> None:
    """Add the parameters of a function as flags; fields of settings are flags, too."""
    if isinstance(function, Mapping):
        sources = parser.add_subcommands(dest="source")
        for name, part in function.items():
            about = docstring_parser.parse(part.__doc__).short_description
            source = Parser(description=about)
            add_flags(source, part, words[1:])
            sources.add_subcommand(name, source, help=about)
        return
    skip = set()
    parameters = iter(inspect.signature(function).parameters.values())
    groups = groups_of(function)
    first = next(parameters)
    if first.name not in groups:
        described = docstring_parser.parse(function.__doc__).params
        (about,) = (one.description for one in described if one.arg_name == first.name)
        kind = get_type_hints(function)[first.name]
        parser.add_argument(first.name, type=kind, help=about)
        skip.add(first.name)
    parser.add_function_arguments(function, as_group=False, skip=skip | groups.keys())
    for name, kind in groups.items():
        parser.add_class_arguments(kind, as_group=False)
        default = inspect.signature(function).parameters[name].default
        if default is not inspect.Parameter.empty:
            parser.set_defaults(asdict(default))
    module = sys.modules[function.__module__]
    if hasattr(module, "defaults"):
        parser.set_defaults(module.defaults(words))


def groups_of(function: Callable[..., Any]) -> dict[str, type]:
    """Return the parameters that are several flags in one, such as `TrainConfig`."""
    return {name: kind for name, kind in get_type_hints(function).items() if is_dataclass(kind)}


def grouped(function: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return what to call a function with, from the values of its flags."""
    for name, kind in groups_of(function).items():
        values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
    return values


def at_home(value: Any) -> Any:
    """Return a path with the user's folder in place of ~, which no shell does after `--out=`."""
    if isinstance(value, str | Path) and str(value).startswith("~"):
        return type(value)(os.path.expanduser(value))
    return value


def with_brackets(words: Sequence[str], parser: Parser) -> list[str]:
    """Return words in which 8,8,8 stands in brackets where a flag takes several values."""
    lists, kept = lists_of(parser), []
    for word in words:
        flag, equals, value = word.partition("=")
        if equals and flag in lists:
            word = f"{flag}={bracketed(value)}"
        elif kept and kept[-1] in lists:
            word = bracketed(word)
        kept.append(word)
    return kept


def bracketed(value: str) -> str:
    """Return a list without brackets with them."""
    return value if value[:1] in "[(" or "," not in value else f"[{value}]"


def lists_of(parser: Parser) -> set[str]:
    """Return the flags of a parser and its commands that take several values."""
    found: set[str] = set()
    for action in parser._actions:
        if get_origin(getattr(action, "_typehint", None)) in (tuple, list):
            found |= set(action.option_strings)
        if isinstance(action.choices, Mapping):  # commands
            found = found.union(*map(lists_of, action.choices.values()))
    return found
