"""`pcvae train`: a model from settings, or a run that goes on."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_only

from pcvae import training
from pcvae.training.resuming import read_settings


def train(config: training.TrainConfig) -> None:
    """Train a model, and say where it is.

    Args:
        config: the settings.
    """
    path = training.train(config)
    rank_zero_only(print)(f"The model is in {path}")  # once, however many processes there are


def defaults(words: Sequence[str]) -> dict[str, Any]:
    """Return the defaults that `--resume` and `--recipe` among the words stand for.

    So `--help` shows those, and any flag beside them overrides them.
    """
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--recipe", nargs="?")  # without a value: for the real parser to refuse
    early.add_argument("--resume", nargs="?", type=Path)
    found, _ = early.parse_known_args(list(words))
    stored = read_settings(found.resume) if found.resume else {}
    recipe = training.RECIPES.get(found.recipe)  # an unknown one is for the real parser to refuse
    return stored | (recipe.settings if recipe else {})
