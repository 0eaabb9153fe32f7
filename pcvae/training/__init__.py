"""Training: settings, the LightningModule, and one function that trains."""

from pcvae.training.building import build_objective, build_schedule, model_config, open_data
from pcvae.training.config import RECIPES, TrainConfig
from pcvae.training.module import NonFiniteError, VAEModule
from pcvae.training.run import quiet, train

__all__ = [
    "RECIPES",
    "NonFiniteError",
    "TrainConfig",
    "VAEModule",
    "build_objective",
    "build_schedule",
    "model_config",
    "open_data",
    "quiet",
    "train",
]
