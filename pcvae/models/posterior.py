"""The distributions that the encoders return."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class DiagonalGaussian:
    """A Gaussian with independent coordinates: q(z | x), or q(h | x, z) with one row per point.

    Attributes:
        mean: the means, of any shape.
        log_sigma: natural logarithms of the standard deviations (not of the variances).
    """

    mean: Float[Tensor, "..."]
    log_sigma: Float[Tensor, "..."]

    @property
    def sigma(self) -> Float[Tensor, "..."]:
        """Standard deviations, in the units of the mean."""
        return self.log_sigma.exp()

    def sample(self, noise: Float[Tensor, "..."] | None = None) -> Float[Tensor, "..."]:
        """Draw one sample by the reparameterization mean + sigma * noise.

        Args:
            noise: standard normal numbers of the mean's shape; drawn here if not given.
        """
        if noise is None:
            noise = torch.randn_like(self.mean)
        return torch.addcmul(self.mean, self.sigma, noise)

    def kl(self) -> Float[Tensor, "..."]:
        """KL divergence from N(0, 1), in nats, for each coordinate by itself."""
        return 0.5 * (self.mean.square() + (2 * self.log_sigma).exp() - 1) - self.log_sigma
