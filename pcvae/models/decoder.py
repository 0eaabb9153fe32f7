"""The decoder: points from their latents and the global latent, p(x | h, z)."""

from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.layers import ConditionedNetwork


class Decoder(nn.Module):
    """Moves every h_xyz by `skip_weight` times what the network says. It never sees x.

    Args:
        latent_dim: feature channels per point, beside the three coordinates.
        skip_weight: s, how much the network may move a point at first.
        network: width, depth, style_dim and conditioning, see `ConditionedNetwork`.
    """

    def __init__(self, *, latent_dim: int, skip_weight: float, **network: int | str) -> None:
        super().__init__()
        self.skip_weight = skip_weight
        self.network = ConditionedNetwork(3 + latent_dim, 3, **network)

    def forward(
        self, latents: Float[Tensor, "B N H"], style: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B N 3"]:
        """Return one point for each local latent (H = 3 + latent_dim)."""
        return latents[..., :3] + self.skip_weight * self.network(latents, style)
