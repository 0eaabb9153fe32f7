"""Training: settings, the LightningModule, and one function that trains."""

from pcvae.training.config import RECIPES, TrainConfig
from pcvae.training.module import NonFiniteError, VAEModule
from pcvae.training.run import train

__all__ = ["RECIPES", "NonFiniteError", "TrainConfig", "VAEModule", "train"]
