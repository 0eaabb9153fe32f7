"""LION's own network in plain PyTorch: points beside voxels, without code for CUDA."""

from pcvae.models.lion.vae import SIZES, LionConfig, LionVAE

__all__ = ["SIZES", "LionConfig", "LionVAE"]
