"""LION's own network in plain PyTorch: points beside voxels, without code for CUDA."""

from pcvae.models.lion.released import LionFileError, normalization_of, open_lion
from pcvae.models.lion.unet import Down, Up
from pcvae.models.lion.vae import SIZES, LionConfig, LionVAE

__all__ = [
    "SIZES",
    "Down",
    "LionConfig",
    "LionFileError",
    "LionVAE",
    "Up",
    "normalization_of",
    "open_lion",
]
