"""Hierarchical VAEs for 3D point clouds: the package under the course."""

from pcvae.checkpoints import load
from pcvae.models import PointCloudVAE, VAEConfig
from pcvae.models.lion import open_lion
from pcvae.sampling import sample

__all__ = ["PointCloudVAE", "VAEConfig", "load", "open_lion", "sample"]
__version__ = "0.1.0"
