"""Style encoder, point encoder, decoder, and the VAE that joins them."""

from pcvae.models.decoder import Decoder
from pcvae.models.flow import follow, late_times, pair_by_transport
from pcvae.models.layers import AdaGN, AdaIN, AdaLN, ConditionedNetwork
from pcvae.models.lion import SIZES, Down, LionConfig, LionVAE, Up
from pcvae.models.normalization import Normalization, Statistics
from pcvae.models.point_encoder import PointEncoder
from pcvae.models.posterior import DiagonalGaussian
from pcvae.models.prior import LatentPrior, PointFlow, PriorConfig, StyleFlow
from pcvae.models.style_encoder import StyleEncoder
from pcvae.models.vae import Encoding, LatentConfig, PointCloudVAE, Reconstruction, VAEConfig

__all__ = [
    "SIZES",
    "AdaGN",
    "AdaIN",
    "AdaLN",
    "ConditionedNetwork",
    "Decoder",
    "DiagonalGaussian",
    "Down",
    "Encoding",
    "LatentConfig",
    "LatentPrior",
    "LionConfig",
    "LionVAE",
    "Normalization",
    "PointCloudVAE",
    "PointEncoder",
    "PointFlow",
    "PriorConfig",
    "Reconstruction",
    "Statistics",
    "StyleEncoder",
    "StyleFlow",
    "Up",
    "VAEConfig",
    "follow",
    "late_times",
    "pair_by_transport",
]
