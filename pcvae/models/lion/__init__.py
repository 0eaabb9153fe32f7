"""LION's own network in plain PyTorch: points beside voxels, without code for CUDA."""

from pcvae.models.lion.blocks import AdaGN, LinearAttention
from pcvae.models.lion.operators import (
    devoxelize,
    furthest_points,
    grid_of,
    interpolate,
    points_in_balls,
    voxelize,
)
from pcvae.models.lion.released import LionFileError, normalization_of, open_lion
from pcvae.models.lion.unet import Down, Up
from pcvae.models.lion.vae import SIZES, LionConfig, LionVAE

__all__ = [
    "SIZES",
    "AdaGN",
    "Down",
    "LinearAttention",
    "LionConfig",
    "LionFileError",
    "LionVAE",
    "Up",
    "devoxelize",
    "furthest_points",
    "grid_of",
    "interpolate",
    "normalization_of",
    "open_lion",
    "points_in_balls",
    "voxelize",
]
