"""The command line: pcvae train | sample | evaluate | diagnose | prepare."""

import difflib
import re
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from jsonargparse import ArgumentParser, Namespace


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Wrong input ends in one line on stderr and status 2, not in a traceback.

    Args:
        arguments: the words after `pcvae`; those of this process by default.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        parser = build_parser(words)
        settings = parser.parse_args(words)
        return run(parser, settings)
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        print(f"pcvae: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pcvae: interrupted; what was finished is kept.", file=sys.stderr)
        return 130


def build_parser(words: Sequence[str]) -> ArgumentParser:
    """Return the parser of all commands.

    Args:
        words: the words to be parsed. A recipe or a run to resume among them decides defaults,
            so that `--help` shows those and any flag beside it overrides them.
    """
    parser = Parser(prog="pcvae", description="Hierarchical VAEs for 3D point clouds.")
    commands = parser.add_subcommands(dest="command")
    for name, command in COMMANDS.items():
        part = Parser(description=command.description)
        commands.add_subcommand(name, part, help=command.about)
        # To know a command's flags is to import what it runs, which takes seconds: only the one
        # that is asked for.
        if words[:1] == [name]:
            command.add_flags(part, words[1:])
    return parser


def add_train(parser: ArgumentParser, words: Sequence[str]) -> None:
    """Add the flags of `pcvae train`."""
    from pcvae.training.config import TrainConfig

    parser.add_class_arguments(TrainConfig, as_group=False)
    parser.set_defaults(train_defaults(words))


def add_sample(parser: ArgumentParser, words: Sequence[str]) -> None:
    """Add the flags of `pcvae sample`."""
    from pcvae.report import sample_checkpoint

    parser.add_argument("model", help="a shipped model's name, or a .safetensors file")
    parser.add_function_arguments(sample_checkpoint, as_group=False, skip={"model"})


def add_evaluate(parser: ArgumentParser, words: Sequence[str]) -> None:
    """Add the flags of `pcvae evaluate`."""
    from pcvae.scorecard import evaluate_checkpoint

    parser.add_argument("model", help="a shipped model's name, or a .safetensors file")
    parser.add_function_arguments(evaluate_checkpoint, as_group=False, skip={"model"})


def add_diagnose(parser: ArgumentParser, words: Sequence[str]) -> None:
    """Add the flags of `pcvae diagnose`."""
    from pcvae.report import diagnose_checkpoint

    parser.add_argument("model", help="a shipped model's name, or a .safetensors file")
    parser.add_function_arguments(diagnose_checkpoint, as_group=False, skip={"model"})


def add_prepare(parser: ArgumentParser, words: Sequence[str]) -> None:
    """Add the sources of `pcvae prepare`, each with its flags."""
    sources = parser.add_subcommands(dest="source")
    for name, preparation in preparations().items():
        source = Parser(description=preparation.about)
        for argument, about in preparation.positional.items():
            source.add_argument(argument, type=Path, help=about)
        skip = set(preparation.positional)
        source.add_function_arguments(preparation.function, as_group=False, skip=skip)
        sources.add_subcommand(name, source, help=preparation.about)


class Command(NamedTuple):
    """A command of `pcvae`.

    Attributes:
        about: what the list of commands says of it.
        description: what its own help says.
        add_flags: adds its flags to a parser, given the words after the command.
    """

    about: str
    description: str
    add_flags: Callable[[ArgumentParser, Sequence[str]], None]


COMMANDS = {
    "train": Command(
        "train a model", "Train a model, or go on with a run that was stopped.", add_train
    ),
    "sample": Command("draw new shapes from a model", "Draw new shapes from a model.", add_sample),
    "evaluate": Command(
        "score a model's reconstructions and new shapes",
        "Score a model's reconstructions and new shapes, beside what real shapes score.",
        add_evaluate,
    ),
    "diagnose": Command(
        "print what the latents of a model do",
        "Print what the latents of a model do on a data set.",
        add_diagnose,
    ),
    "prepare": Command(
        "make data sets from their sources", "Make data sets from their sources.", add_prepare
    ),
}


def train_defaults(words: Sequence[str]) -> dict[str, Any]:
    """Return the defaults that `--resume` and `--recipe` stand for."""
    import argparse

    from pcvae.training.config import RECIPES
    from pcvae.training.run import read_settings

    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--recipe", nargs="?")  # without a value: for the real parser to refuse
    early.add_argument("--resume", nargs="?", type=Path)
    found, _ = early.parse_known_args(list(words))
    defaults = read_settings(found.resume) if found.resume else {}
    defaults.pop("resume", None)
    if found.recipe in RECIPES:  # an unknown one is for the real parser to refuse
        defaults |= RECIPES[found.recipe].settings
    return defaults


class Preparation(NamedTuple):
    """Something that `pcvae prepare` can make.

    Attributes:
        about: what it is.
        function: what makes it and returns its path.
        positional: arguments of the function that are given without a flag, and what they are.
    """

    about: str
    function: Callable[..., Path]
    positional: dict[str, str] = {}  # noqa: RUF012 - nothing changes it


def preparations() -> dict[str, Preparation]:
    """Return what `pcvae prepare` can make, by name."""
    from pcvae.data.folders import prepare_meshes

    return {
        "meshes": Preparation(
            "a folder of meshes or point files of your own, as one file for --data",
            prepare_meshes,
            {"folder": "where the files are: OBJ, OFF, PLY, STL, GLB, .npy, .npz, .xyz, .pts"},
        ),
    }


def run(parser: ArgumentParser, settings: Namespace) -> int:
    """Carry out what was parsed."""
    values = parser.instantiate(settings)
    if values.command == "train":
        from pytorch_lightning.utilities import rank_zero_only

        from pcvae.training import TrainConfig, train

        path = train(TrainConfig(**vars(values.train)))
        rank_zero_only(print)(f"The model is in {path}")  # once, however many processes there are
    elif values.command == "sample":
        from pcvae.report import sample_checkpoint

        written = sample_checkpoint(**vars(values.sample))
        print(f"The clouds are in {written[0]}" + (" and beside it" if written[1:] else ""))
    elif values.command == "evaluate":
        from pcvae.scorecard import evaluate_checkpoint

        evaluate_checkpoint(**vars(values.evaluate))
    elif values.command == "diagnose":
        from pcvae.report import diagnose_checkpoint

        diagnose_checkpoint(**vars(values.diagnose))
    elif values.command == "prepare":
        name = values.prepare.source
        prepare = preparations()[name].function
        print(f"The clouds are in {prepare(**vars(values.prepare[name]))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
