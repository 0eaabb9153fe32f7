"""Hierarchical VAEs for 3D point clouds: the package under the course."""

from pcvae.checkpoints import load
from pcvae.models import PointCloudVAE, VAEConfig

__all__ = ["PointCloudVAE", "VAEConfig", "load"]
__version__ = "0.1.0"
