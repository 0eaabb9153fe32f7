"""The command line: pcvae train | prepare."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace


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
    except (ValueError, FileNotFoundError) as error:
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
    parser = ArgumentParser(prog="pcvae", description="Hierarchical VAEs for 3D point clouds.")
    commands = parser.add_subcommands(dest="command")
    commands.add_subcommand("train", train_parser(words), help="train a model")
    prepare = ArgumentParser(description="Make data sets from their sources.")
    commands.add_subcommand("prepare", prepare, help="make data sets from their sources")
    sources = prepare.add_subcommands(dest="source")
    sources.add_subcommand("furniture", furniture_parser(), help="203 real models in six classes")
    return parser


def train_parser(words: Sequence[str]) -> ArgumentParser:
    """Return the parser of `pcvae train`."""
    from pcvae.training.config import TrainConfig

    parser = ArgumentParser(description="Train a model, or go on with a run that was stopped.")
    parser.add_class_arguments(TrainConfig, as_group=False)
    if words[:1] == ["train"]:
        parser.set_defaults(train_defaults(words[1:]))
    return parser


def train_defaults(words: Sequence[str]) -> dict[str, Any]:
    """Return the defaults that `--resume` and `--recipe` stand for."""
    import argparse

    from pcvae.training.config import RECIPES
    from pcvae.training.run import read_settings

    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--recipe")
    early.add_argument("--resume", type=Path)
    found, _ = early.parse_known_args(list(words))
    defaults = read_settings(found.resume) if found.resume else {}
    defaults.pop("resume", None)
    if found.recipe in RECIPES:  # an unknown one is for the real parser to refuse
        defaults |= RECIPES[found.recipe].settings
    return defaults


def furniture_parser() -> ArgumentParser:
    """Return the parser of `pcvae prepare furniture`."""
    from pcvae.data.furniture import prepare_furniture

    parser = ArgumentParser(description="Real furniture from Debian's sweethome3d-furniture.")
    parser.add_function_arguments(prepare_furniture, as_group=False)
    return parser


def run(parser: ArgumentParser, settings: Namespace) -> int:
    """Carry out what was parsed."""
    values = parser.instantiate_classes(settings)
    if values.command == "train":
        from pcvae.training import TrainConfig, train

        print(f"The model is in {train(TrainConfig(**vars(values.train)))}")
    elif values.command == "prepare":
        from pcvae.data.furniture import prepare_furniture

        print(f"The clouds are in {prepare_furniture(**vars(values.prepare.furniture))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
